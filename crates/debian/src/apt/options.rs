//! What a user decides about the repository: the key that signs it, and the earlier repository that it continues.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::apt::kept::Kept;
use crate::apt::signing::SigningKey;
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
}

impl RepositoryOptions {
    /// The options that decide the repository's bytes, by name, as texts and digests.
    pub fn inputs(&self, log: &Path) -> Result<BTreeMap<String, String>, Failure> {
        let mut inputs = BTreeMap::new();
        if let Some(key) = &self.sign_key {
            let key = SigningKey::of_user(&key.home, &key.id, log)?;
            inputs.insert("--sign-key".into(), key.fingerprint().into());
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
}
