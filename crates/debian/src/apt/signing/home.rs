//! A gpg home directory by a name that is short enough: where there is no `/run/user`, the agent makes its socket there, and the
//! kernel takes no socket whose path has more than 107 bytes.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use base::files::{self, FileError};
use tempfile::TempDir;

/// The longest path of a home directory, in bytes: behind it come names such as `/S.gpg-agent.browser`.
const LONGEST: usize = 80;

/// The directory, behind a link where its own path is too long. The link goes with this value.
pub(super) struct Home {
    path: PathBuf,
    _link: Option<TempDir>,
}

impl Home {
    pub(super) fn of(home: &Path) -> Result<Self, FileError> {
        if home.as_os_str().as_bytes().len() <= LONGEST {
            return Ok(Self {
                path: home.to_owned(),
                _link: None,
            });
        }
        // Not in TMPDIR, which may be as deep.
        let link = TempDir::new_in("/tmp").map_err(FileError::at("make a directory in", "/tmp"))?;
        let path = link.path().join("gnupg");
        let home = std::path::absolute(home).map_err(FileError::at("find", home))?;
        files::symlink(&home, &path)?;
        Ok(Self {
            path,
            _link: Some(link),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
