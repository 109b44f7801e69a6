//! Where a repository lies on a machine, and the lines that install from it there.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::repository::KEYRING;

/// Where a repository goes that apt can't read where it is.
const PUBLIC: &str = "/srv/pgml-apt";
/// The directory for keyrings that `Signed-By` names.
const KEYRINGS: &str = "/usr/share/keyrings";

/// The address of a directory, in a form that can stand in a sources entry.
pub fn uri(path: &Path) -> String {
    format!("file:{}", base::uri::encode(path.as_os_str().as_bytes()))
}

/// A sources entry. Its architectures are named, or apt warns on machines that have a foreign one.
pub fn entry(uri: &str, codename: &str, architectures: &str, keyring: &str) -> String {
    format!(
        "Types: deb\nURIs: {uri}\nSuites: {codename}\nComponents: main\nArchitectures: {architectures}\nSigned-By: {keyring}\n"
    )
}

/// The path that keeps the user `_apt`, as which apt reads, out of a repository: a directory that others can't enter, or a
/// file that others can't read.
pub fn obstacle(repository: &Path, codename: &str) -> Option<PathBuf> {
    let closed = |path: &Path, bit: u32| {
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & bit == 0)
    };
    let directories = repository
        .ancestors()
        .filter(|dir| !dir.as_os_str().is_empty());
    let mut closed_directories: Vec<&Path> = directories.filter(|dir| closed(dir, 0o001)).collect();
    if let Some(outermost) = closed_directories.pop() {
        return Some(outermost.to_owned());
    }
    let release = repository.join("dists").join(codename).join("InRelease");
    [release, repository.join(KEYRING)]
        .into_iter()
        .find(|file| closed(file, 0o004))
}

/// The lines that install packages of a suite from a repository that lies here, for a root shell with any umask.
pub fn lines(repository: &Path, codename: &str, architecture: &str, packages: &[String]) -> String {
    let obstacle = obstacle(repository, codename);
    let mut text = String::new();
    let from = quoted(repository);
    let place = match &obstacle {
        None => repository,
        Some(_) => Path::new(PUBLIC),
    };
    if let Some(closed) = obstacle {
        let _ = writeln!(
            text,
            "# apt reads as the user _apt, who can't read {}; so first a copy that everybody can read",
            closed.display()
        );
        let _ = writeln!(
            text,
            "rm -rf {PUBLIC} && cp -rT {from} {PUBLIC} && chmod -R a+rX {PUBLIC}"
        );
    }
    let _ = writeln!(text, "install -m 644 {from}/{KEYRING} {KEYRINGS}/");
    let keyring = format!("{KEYRINGS}/{KEYRING}");
    let _ = writeln!(
        text,
        "install -m 644 /dev/stdin /etc/apt/sources.list.d/pgml.sources <<END\n{}END",
        entry(&uri(place), codename, architecture, &keyring)
    );
    let _ = write!(text, "apt update\napt install {}", packages.join(" "));
    text
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+~".contains(&byte);
    match text.bytes().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::files;

    #[test]
    fn addresses() {
        assert_eq!(uri(Path::new("/srv/pgml")), "file:/srv/pgml");
        assert_eq!(uri(Path::new("/a b/[c]ü%")), "file:/a%20b/%5Bc%5D%C3%BC%25");
    }

    #[test]
    fn what_apt_can_t_read_is_copied_first() {
        let dir = tempfile::tempdir().unwrap();
        files::set_mode(dir.path(), 0o755).unwrap();
        let repository = dir.path().join("my apt");
        files::write(&repository.join("dists/x/InRelease"), "x").unwrap();
        files::write(&repository.join(KEYRING), "x").unwrap();
        let lines = |repository: &Path| super::lines(repository, "x", "amd64", &["p".into()]);
        for (file, mode) in [("dists/x/InRelease", 0o644), (KEYRING, 0o644)] {
            files::set_mode(&repository.join(file), mode).unwrap();
        }
        let open = lines(&repository);
        assert!(
            open.contains("/my%20apt\n") && open.contains("/my apt'/"),
            "{open}"
        );
        assert!(!open.contains("_apt,"), "{open}");
        files::set_mode(&repository.join("dists/x/InRelease"), 0o600).unwrap();
        assert!(lines(&repository).contains("cp -rT"));
        files::set_mode(dir.path(), 0o700).unwrap();
        let closed = lines(&repository);
        assert!(closed.contains("URIs: file:/srv/pgml-apt\n"), "{closed}");
    }
}
