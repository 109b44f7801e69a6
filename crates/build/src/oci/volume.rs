//! The layer of the image that has the extension's files alone: `lib/` and `share/extension/`, as `dynamic_library_path` and
//! `extension_control_path` of PostgreSQL 18 want them and as CloudNativePG mounts them.

use std::collections::BTreeMap;
use std::path::Path;

use base::exit::Failure;
use debian::deb::reader::{self, Limits};

use super::OciError;
use super::layer::{self, Layer};

/// Where a file of the package goes; `None` if it stays out.
fn place(path: &str, major: u16) -> Option<String> {
    let lib = format!("usr/lib/postgresql/{major}/lib/");
    let share = format!("usr/share/postgresql/{major}/extension/");
    if let Some(name) = path.strip_prefix(&lib) {
        return Some(format!("lib/{name}"));
    }
    if let Some(name) = path.strip_prefix(&share) {
        return Some(format!("share/extension/{name}"));
    }
    let doc = format!("usr/share/doc/postgresql-{major}-pgml/copyright");
    (path == doc).then(|| "licenses/pgml/copyright".to_owned())
}

/// Writes the layer from the package's contents.
pub fn write_layer(deb: &Path, major: u16, epoch: u64, to: &Path) -> Result<Layer, Failure> {
    let package = reader::read_path(deb, &Limits::default(), |path, _| {
        place(path, major).is_some()
    })?;
    let mut files = BTreeMap::new();
    for file in package.files {
        if let (Some(path), Some(contents)) = (place(&file.path, major), file.contents) {
            files.insert(path, (0o644, contents));
        }
    }
    for wanted in ["lib/pgml.so", "share/extension/pgml.control"] {
        if !files.contains_key(wanted) {
            let what = format!("{} has no file for {wanted}", deb.display());
            return Err(OciError::Base(what).into());
        }
    }
    layer::write_files(&files, epoch, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_where_postgres_looks_below_a_mount() {
        let to = |path| place(path, 18);
        assert_eq!(
            to("usr/lib/postgresql/18/lib/pgml.so").as_deref(),
            Some("lib/pgml.so")
        );
        let control = "usr/share/postgresql/18/extension/pgml.control";
        assert_eq!(to(control).as_deref(), Some("share/extension/pgml.control"));
        assert_eq!(to("usr/lib/postgresql/17/lib/pgml.so"), None);
        assert_eq!(
            to("usr/share/doc/postgresql-18-pgml/changelog.Debian.gz"),
            None
        );
    }
}
