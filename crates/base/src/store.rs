//! The content-addressed store of inputs: a file's name is its digest, so what has the name is what was asked for.
//!
//! A file gets its name only after its contents were read and found right, in one rename. A reader sees all of it
//! or nothing, and two processes may insert the same file at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::digest::Digest;
use crate::exit::{Exit, ExitKind};
use crate::files::{self, FileError};

/// Why the store could not take or give a file.
#[derive(Debug, Error, Diagnostic)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The contents are not those of the name.
    #[error(
        "`{what}` has sha256 {found} and {size} bytes; expected {expected} and {expected_size} bytes"
    )]
    #[diagnostic(help("nothing was kept of it; run the same command again"))]
    Mismatch {
        /// What it was to be.
        what: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The size that was asked for.
        expected_size: u64,
        /// The digest of what came.
        found: Digest,
        /// The size of what came.
        size: u64,
    },
    /// A stored file changed after it was stored.
    #[error("{} is damaged: its contents have sha256 {found}", path.display())]
    #[diagnostic(help("delete that file and run the same command again; then look at the disk"))]
    Damaged {
        /// The path in the store, which names the digest that was stored.
        path: PathBuf,
        /// The digest of what it holds now.
        found: Digest,
    },
}

impl ExitKind for StoreError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Mismatch { .. } | Self::Damaged { .. } => Exit::CheckFailed,
        }
    }
}

/// What the store has under a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The file, with the contents that its name says.
    Whole,
    /// No file has the name.
    Nothing,
    /// A file with other contents was there, and was removed.
    WasDamaged,
}

/// A store of files by their digests, below one directory.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// The store in this directory, which [`Self::incoming`] makes where it is missing.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where a file of this digest is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.dir.join("sha256").join(&name[..2]).join(name)
    }

    /// Reads the file of this digest through. Callers do so before they use it, because a disk may have changed it since it was
    /// stored. A damaged file is removed, so that the next fetch replaces it.
    pub fn hold(&self, digest: &Digest) -> Result<Held, StoreError> {
        if !self.contains(digest) {
            return Ok(Held::Nothing);
        }
        match self.verify(digest) {
            Ok(_) => Ok(Held::Whole),
            Err(StoreError::Damaged { .. }) => self.remove(digest).map(|()| Held::WasDamaged),
            Err(error) => Err(error),
        }
    }

    /// Whether a file of this digest is here. Looks at its name only.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Removes the files that `wanted` does not name; with `dry_run` it only counts them. Returns how many, and their bytes.
    pub fn remove_others(
        &self,
        wanted: &dyn Fn(&Digest) -> bool,
        dry_run: bool,
    ) -> Result<(usize, u64), StoreError> {
        let dir = self.dir.join("sha256");
        let (mut count, mut bytes) = (0, 0);
        if !dir.is_dir() {
            return Ok((count, bytes));
        }
        for file in files::files_below(&dir)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let Ok(digest) = name.parse::<Digest>() else {
                continue;
            };
            if wanted(&digest) {
                continue;
            }
            let path = dir.join(&file);
            let meta = path.metadata().map_err(FileError::at("read", &path))?;
            count += 1;
            bytes += meta.len();
            if !dry_run {
                files::remove_file(&path)?;
            }
        }
        Ok((count, bytes))
    }

    /// Makes an empty directory on the store's file system, where a file lies until it is checked.
    pub fn incoming(&self) -> Result<tempfile::TempDir, StoreError> {
        let dir = self.dir.join("incoming");
        files::create_dir(&dir)?;
        let made = tempfile::Builder::new().prefix("get-").tempdir_in(&dir);
        Ok(made.map_err(FileError::at("make a directory in", dir))?)
    }

    /// Copies a file into the store; the original stays as it is.
    pub fn insert_copy(
        &self,
        what: &str,
        file: &Path,
        digest: &Digest,
        size: u64,
    ) -> Result<PathBuf, StoreError> {
        let incoming = self.incoming()?;
        let copy = incoming.path().join("file");
        fs::copy(file, &copy).map_err(FileError::at("copy into the store as", &copy))?;
        self.insert(what, &copy, digest, size)
    }

    /// Takes over a file that lies in a directory of [`Self::incoming`], if its contents are these. `what` is its name in
    /// errors.
    pub fn insert(
        &self,
        what: &str,
        file: &Path,
        digest: &Digest,
        size: u64,
    ) -> Result<PathBuf, StoreError> {
        let (found, length) = Digest::of_file(file).map_err(FileError::at("read", file))?;
        if (found, length) != (*digest, size) {
            let _ = fs::remove_file(file); // it is wrong either way
            return Err(StoreError::Mismatch {
                what: what.to_owned(),
                expected: *digest,
                expected_size: size,
                found,
                size: length,
            });
        }
        let path = self.path(digest);
        let dir = path.parent().unwrap_or(&self.dir);
        files::create_dir(dir)?;
        // Read-only: a program that has a hard link to it, or a mount of it, must not change it.
        files::set_mode(file, 0o444)?;
        fs::rename(file, &path).map_err(FileError::at("move to the store as", &path))?;
        Ok(path)
    }

    /// Reads a stored file through and compares it with its name.
    pub fn verify(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        let path = self.path(digest);
        match Digest::of_file(&path) {
            Ok((found, _)) if found == *digest => Ok(path),
            Ok((found, _)) => Err(StoreError::Damaged { path, found }),
            Err(error) => Err(FileError::at("read", path)(error).into()),
        }
    }

    /// Removes a file, so that the next fetch replaces it.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::at("remove", path)(error).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("store"));
        (dir, store)
    }

    fn offer(store: &Store, contents: &str, digest: &Digest) -> Result<PathBuf, StoreError> {
        let incoming = store.incoming()?;
        let file = incoming.path().join("file");
        fs::write(&file, contents).unwrap();
        store.insert("thing", &file, digest, contents.len() as u64)
    }

    #[test]
    fn keeps_what_has_the_right_contents() {
        let (_dir, store) = store();
        let digest = Digest::of("abc");
        assert!(!store.contains(&digest));
        let path = offer(&store, "abc", &digest).unwrap();
        assert!(store.contains(&digest));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(
            offer(&store, "abc", &digest).unwrap(),
            path,
            "again is no error"
        );
        assert_eq!(store.verify(&digest).unwrap(), path);
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing unfinished lies beside it");
    }

    #[test]
    fn refuses_other_contents_and_keeps_nothing_of_them() {
        let (_dir, store) = store();
        let digest = Digest::of("abc");
        let error = offer(&store, "abd", &digest).unwrap_err();
        assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
        assert_eq!(error.exit(), Exit::CheckFailed);
        assert!(!store.contains(&digest));
    }

    #[test]
    fn finds_damage() {
        let (_dir, store) = store();
        let digest = Digest::of("abc");
        let path = offer(&store, "abc", &digest).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "abX").unwrap();
        let error = store.verify(&digest).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert_eq!(store.hold(&digest).unwrap(), Held::WasDamaged);
        assert!(!store.contains(&digest), "it would be used");
        assert_eq!(store.hold(&digest).unwrap(), Held::Nothing);
        store.remove(&digest).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_is_exit_3_with_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::new(file.join("store")).incoming().unwrap_err();
        assert_eq!(error.exit(), Exit::CannotHere);
        assert!(error.to_string().contains("file/store"), "{error}");
    }
}
