//! What a user decides about the repository: the key that signs it, and the earlier repository that it continues.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::apt::kept::Kept;
use crate::apt::signing::{SigningKey, keyring};
use base::digest::Digest;
use base::exit::Failure;
use base::files::FileError;

/// A key in a gpg home directory of the user's.
#[derive(Debug, Clone)]
pub struct UserKey {
    /// `~/.gnupg`, or what GNUPGHOME says.
    pub home: PathBuf,
    /// As gpg takes it: a fingerprint, an address.
    pub id: String,
}

/// The decisions. By default the repository is signed by the local key, and holds this release alone.
#[derive(Debug, Clone, Default)]
pub struct RepositoryOptions {
    /// The key that signs.
    pub sign_key: Option<UserKey>,
    /// The earlier repository whose packages stay.
    pub keep: Option<PathBuf>,
    /// The directory with the public keys that the keyring has besides: those that sign next, or signed until now.
    pub further_keys: Option<PathBuf>,
}

impl RepositoryOptions {
    /// The options that decide the repository's bytes, by name, as texts and digests.
    pub fn inputs(&self, log: &Path) -> Result<BTreeMap<String, String>, Failure> {
        let mut inputs = BTreeMap::new();
        if let Some(key) = &self.sign_key {
            let key = SigningKey::of_user(&key.home, &key.id, log)?;
            inputs.insert("--sign-key".into(), key.fingerprint().into());
        }
        for path in self.key_files()? {
            let (digest, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            inputs.insert(format!("further key {name}"), digest.to_string());
        }
        if let Some(dir) = &self.keep {
            let kept = Kept::open(dir)?;
            for file in kept.files()? {
                let path = dir.join(&file);
                let (digest, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
                inputs.insert(format!("--keep {}", file.display()), digest.to_string());
            }
        }
        Ok(inputs)
    }

    /// The files with further public keys.
    pub fn key_files(&self) -> Result<Vec<PathBuf>, FileError> {
        let dir = self.further_keys.as_deref();
        dir.map_or_else(|| Ok(Vec::new()), keyring::files_of)
    }
}
