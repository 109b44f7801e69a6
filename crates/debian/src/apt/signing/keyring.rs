//! Keyrings: the public keys in a file, and a keyring that has those of several files.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::{LOCAL_NAME, gpg};
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};

/// A file that can't be part of a keyring.
#[derive(Debug, Error, Diagnostic)]
pub enum KeyringError {
    /// gpg finds no key in it.
    #[error("{} has no public key", path.display())]
    #[diagnostic(help("`gpg --armor --export KEY > {}` writes one", path.display()))]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// It would publish a secret.
    #[error("{} has a secret key, which must not be published", path.display())]
    #[diagnostic(help(
        "remove it from the source tree and its history, and export the public key: `gpg --armor --export KEY`"
    ))]
    Secret {
        /// The file.
        path: PathBuf,
    },
}

impl ExitKind for KeyringError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// A public key in a keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The fingerprint of the whole key.
    pub fingerprint: String,
    /// The first name that it has.
    pub name: String,
}

impl PublicKey {
    /// Whether it is a key that was made on first need, in a cache.
    pub fn is_local(&self) -> bool {
        self.name == LOCAL_NAME
    }
}

/// The public keys in a file, binary or ASCII-armoured, in its order.
pub fn keys(path: &Path, log: &Path) -> Result<Vec<PublicKey>, Failure> {
    let home = home()?;
    let listing = gpg(home.path(), true)
        .args(["--with-colons", "--show-keys"])
        .pipe(&files::read(path)?, log);
    let no_key = || KeyringError::NoKey {
        path: path.to_owned(),
    };
    let listing = listing.map_err(|_| no_key())?;
    let mut keys: Vec<PublicKey> = Vec::new();
    let mut of_key = false;
    for line in String::from_utf8_lossy(&listing).lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let value = fields.get(9).copied().unwrap_or_default();
        match fields[0] {
            "sec" | "ssb" => {
                let path = path.to_owned();
                return Err(KeyringError::Secret { path }.into());
            }
            "pub" => of_key = true,
            "fpr" if of_key => {
                of_key = false; // the next ones are of subkeys
                keys.push(PublicKey {
                    fingerprint: value.to_owned(),
                    name: String::new(),
                });
            }
            "uid" => {
                if let Some(key) = keys.last_mut().filter(|key| key.name.is_empty()) {
                    key.name = value.to_owned();
                }
            }
            _ => {}
        }
    }
    match keys.is_empty() {
        true => Err(no_key().into()),
        false => Ok(keys),
    }
}

/// The key files of a directory, in byte order. There need not be such a directory.
pub fn files_of(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = files::files_below(dir)?;
    found.retain(|file| {
        let end = file.extension().and_then(|end| end.to_str());
        matches!(end, Some("asc" | "gpg"))
    });
    Ok(found.into_iter().map(|file| dir.join(file)).collect())
}

/// A keyring with a key and those of further files.
pub(super) fn with_further(
    own: Vec<u8>,
    further: &[PathBuf],
    log: &Path,
) -> Result<Vec<u8>, Failure> {
    if further.is_empty() {
        return Ok(own);
    }
    let home = home()?;
    let import = || gpg(home.path(), true).arg("--import");
    import().pipe(&own, log)?;
    for file in further {
        keys(file, log)?;
        import().pipe(&files::read(file)?, log)?;
    }
    let export = ["--export", "--export-options", "export-minimal"];
    Ok(gpg(home.path(), true).args(export).output(log)?)
}

/// An empty home of gpg's, with a path that is short enough for it.
fn home() -> Result<tempfile::TempDir, FileError> {
    // Not in TMPDIR, which may be deep.
    tempfile::Builder::new()
        .prefix("keyring-")
        .tempdir_in("/tmp")
        .map_err(FileError::at("make a directory in", "/tmp"))
}
