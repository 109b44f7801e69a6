//! The file system with errors that say which path and what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use walkdir::WalkDir;

use crate::exit::{Exit, ExitKind};

/// Something that could not be done to a path.
#[derive(Debug, Error)]
#[error("can't {action} {}: {reason}", path.display())]
pub struct FileError {
    /// A verb: `read`, `write`, `rename`.
    action: &'static str,
    /// What the action was done to, as the caller named it.
    path: PathBuf,
    /// What the system answered.
    reason: io::Error,
}

impl FileError {
    /// For `map_err`: names the action and the path.
    pub fn at(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self {
            action,
            path,
            reason,
        }
    }
}

impl Diagnostic for FileError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let text: String = match self.reason.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "the disk is full: make room (everything in the cache may be deleted), or name another place with `--cache DIR` or `--out DIR`".into()
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "the path must be writable by this user; `--cache DIR` and `--out DIR` name other places".into()
            }
            ErrorKind::NotFound => {
                let nearest = self.path.ancestors().skip(1).find(|p| p.exists());
                format!("the nearest directory that exists is {}", nearest?.display())
            }
            _ => return None,
        };
        Some(Box::new(text))
    }
}

impl ExitKind for FileError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

type Result<T> = std::result::Result<T, FileError>;

/// Reads a whole file into memory.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(FileError::at("read", path))
}

/// Reads a UTF-8 file.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(FileError::at("read", path))
}

/// Writes a file, making its directory where it is missing.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    if let Some(dir) = path.parent() {
        create_dir(dir)?;
    }
    fs::write(path, contents).map_err(FileError::at("write", path))
}

/// Writes a file under another name first, so that a reader sees all of it or none.
pub fn write_atomically(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = PathBuf::from(temporary);
    write(&temporary, contents)?;
    rename(&temporary, path)
}

/// Makes a directory and its parents.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(FileError::at("make the directory", path))
}

/// Renames within a file system.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(FileError::at("rename to", to))
}

/// Copies a file's contents and permission bits, making the directory of `to` where it is missing.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        create_dir(dir)?;
    }
    if !from.exists() {
        return Err(FileError {
            action: "read",
            path: from.to_owned(),
            reason: ErrorKind::NotFound.into(),
        });
    }
    fs::copy(from, to).map_err(FileError::at("write", to))?;
    Ok(())
}

/// Links a file into another directory of the same file system, or copies it where that is another one.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    // `to` may be a link to `from` itself already: copying onto it would empty both.
    match fs::remove_file(to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(FileError::at("replace", to)(error));
        }
        _ => {}
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => copy(from, to),
    }
}

/// Like [`link_or_copy`]; makes the directory of `to` where it is missing.
pub fn link_or_copy_into(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        create_dir(dir)?;
    }
    link_or_copy(from, to)
}

/// Removes a directory and all that is in it, if it is there.
pub fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::at("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Sets the permission bits.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(FileError::at("change the mode of", path))
}

/// Makes a symbolic link, and the directory that it is in.
pub fn symlink(target: &Path, at: &Path) -> Result<()> {
    if let Some(parent) = at.parent() {
        create_dir(parent)?;
    }
    std::os::unix::fs::symlink(target, at).map_err(FileError::at("make a link at", at))
}

/// Removes a file; one that is not there is an error.
pub fn remove_file(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(FileError::at("remove", path))
}

/// The regular files below a directory, as paths relative to it, in byte order; links are not followed.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.map_err(|error| FileError {
            action: "list",
            path: error.path().unwrap_or(dir).to_owned(),
            reason: error.into(),
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        if let Ok(relative) = entry.path().strip_prefix(dir) {
            found.push(relative.to_owned());
        }
    }
    found.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a disk that is full or not writable and whose error does not say what to do.
    #[test]
    fn a_disk_that_refuses_says_so() {
        for (kind, text) in [
            (ErrorKind::StorageFull, "make room"),
            (ErrorKind::QuotaExceeded, "make room"),
            (ErrorKind::PermissionDenied, "writable"),
        ] {
            let error = FileError::at("write", "/x")(kind.into());
            let help = error.help().unwrap().to_string();
            assert!(help.contains(text) && help.contains("--cache"), "{help}");
        }
    }

    #[test]
    fn linking_twice_keeps_the_contents() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        write(&from, "contents").unwrap();
        for _ in 0..2 {
            link_or_copy(&from, &to).unwrap();
            assert_eq!(read_text(&from).unwrap(), "contents");
            assert_eq!(read_text(&to).unwrap(), "contents");
        }
    }
}
