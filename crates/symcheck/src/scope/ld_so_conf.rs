//! Which directories the dynamic linker of a system was told to look into: ld.so.conf(5).

use std::fs;
use std::path::Path;

/// How deep files include each other.
const MAX_DEPTH: usize = 4;

/// The directories that `/etc/ld.so.conf` of a system names, in order.
pub(super) fn directories(root: &Path) -> Vec<String> {
    configured(root, "/etc/ld.so.conf", 0)
}

/// The directories that a file of ld.so.conf(5) names, in order. One that can't be read names none, as for ldconfig.
fn configured(root: &Path, path: &str, depth: usize) -> Vec<String> {
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    let text = fs::read_to_string(inside(path)).unwrap_or_default();
    let mut directories = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include ") {
            None if line.starts_with('/') => directories.push(line.to_owned()),
            None => {}
            Some(_) if depth >= MAX_DEPTH => {}
            Some(pattern) => {
                for file in included(root, path, pattern.trim()) {
                    directories.extend(configured(root, &file, depth + 1));
                }
            }
        }
    }
    directories
}

/// The files that a line `include DIR/*.conf` means, sorted as glob(3) sorts them.
fn included(root: &Path, path: &str, pattern: &str) -> Vec<String> {
    let here = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    let pattern = match pattern.starts_with('/') {
        true => pattern.to_owned(),
        false => format!("{here}/{pattern}"),
    };
    let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
    let Ok(glob) = globset::Glob::new(name) else {
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let entries = fs::read_dir(root.join(dir.trim_start_matches('/')))
        .into_iter()
        .flatten();
    let mut files: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| matcher.is_match(name))
        .map(|name| format!("{dir}/{name}"))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use base::files;

    #[test]
    fn directories_of_the_dynamic_linker() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| files::write(&root.path().join(path), text).unwrap();
        write(
            "etc/ld.so.conf",
            "include /etc/ld.so.conf.d/*.conf\n/last # comment\n",
        );
        write("etc/ld.so.conf.d/b.conf", "# b\n/b\ninclude more/*\n");
        write("etc/ld.so.conf.d/a.conf", "/a\n");
        write("etc/ld.so.conf.d/more/c", "/c\ninclude /etc/ld.so.conf\n");
        let found = configured(root.path(), "/etc/ld.so.conf", 0);
        assert_eq!(&found[..3], ["/a", "/b", "/c"]);
        assert!(
            found.len() < 20 && found.contains(&"/last".to_owned()),
            "{found:?}"
        );
    }
}
