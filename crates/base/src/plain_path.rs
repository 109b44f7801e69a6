//! A short path without special characters to a directory, for programs that can't take every path.
//!
//! gpg's agent makes a socket below its home directory, and the kernel takes no path of a socket with more than 107 bytes. apt
//! and mmdebstrap decode `%41` in addresses once or twice, depending on their release, and split them at blanks.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::files::{self, FileError};

/// The longest path that is taken as it is, in bytes: behind a home directory of gpg come names such as `/S.gpg-agent.browser`.
const LONGEST: usize = 80;

/// A directory, behind a link where its own path is too long or has other characters than letters, digits and `/._-+~`. The link
/// goes with this value.
pub struct PlainPath {
    path: PathBuf,
    _link: Option<TempDir>,
}

impl PlainPath {
    /// Makes the link in `/tmp` if the directory's own path is not plain. The directory need not exist yet.
    pub fn of(dir: &Path) -> Result<Self, FileError> {
        if is_plain(dir) {
            return Ok(Self {
                path: dir.to_owned(),
                _link: None,
            });
        }
        // Not in TMPDIR, which may be as deep.
        let link = TempDir::new_in("/tmp").map_err(FileError::at("make a directory in", "/tmp"))?;
        // apt reads as a user of its own.
        files::set_mode(link.path(), 0o711)?;
        let path = link.path().join("dir");
        let dir = std::path::absolute(dir).map_err(FileError::at("find", dir))?;
        files::symlink(&dir, &path)?;
        Ok(Self {
            path,
            _link: Some(link),
        })
    }

    /// The path to use while this value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+~".contains(byte);
    bytes.len() <= LONGEST && path.is_absolute() && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a link that leads elsewhere, and one that stays behind.
    #[test]
    fn a_path_that_programs_misread_gets_another_name() {
        let dir = TempDir::new().unwrap();
        let long = "x".repeat(LONGEST);
        for name in ["a b", "a#1", "%41", "\u{fc}", "a:b", "a,b", long.as_str()] {
            let odd = dir.path().join(name);
            files::create_dir(&odd).unwrap();
            files::write(&odd.join("file"), name).unwrap();
            let plain = PlainPath::of(&odd).unwrap();
            assert!(is_plain(plain.path()), "{}", plain.path().display());
            let read = files::read(&plain.path().join("file")).unwrap();
            assert_eq!(read, name.as_bytes());
            let link = plain.path().to_owned();
            drop(plain);
            assert!(link.symlink_metadata().is_err());
        }
    }

    #[test]
    fn a_plain_path_stays_as_it_is() {
        let dir = Path::new("/var/cache/pgml-dist_1.0+x~y");
        assert_eq!(PlainPath::of(dir).unwrap().path(), dir);
    }
}
