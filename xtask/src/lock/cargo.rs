//! `extension/Cargo.lock`, which cargo writes: the crates' checksums.

use std::path::Path;

use serde::Deserialize;

use crate::digest::Digest;
use crate::files::{self, FileError};

/// What of the file is read.
#[derive(Deserialize)]
pub struct CargoLock {
    package: Vec<LockedCrate>,
}

#[derive(Deserialize)]
struct LockedCrate {
    name: String,
    version: String,
    checksum: Option<Digest>,
}

impl CargoLock {
    /// Reads it.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        toml::from_str(&files::read_text(path)?).map_err(|error| {
            let reason = std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
            FileError::at("read", path)(reason)
        })
    }

    /// The crates that come from a registry: the names of their files, and the checksums.
    pub fn files(&self) -> impl Iterator<Item = (String, Digest)> {
        self.package.iter().filter_map(|package| {
            let file = format!("{}-{}.crate", package.name, package.version);
            Some((file, package.checksum?))
        })
    }

    /// The file of one crate.
    pub fn file(&self, name: &str) -> Option<(String, Digest)> {
        let package = self.package.iter().find(|package| package.name == name)?;
        let file = format!("{}-{}.crate", package.name, package.version);
        Some((file, package.checksum?))
    }
}
