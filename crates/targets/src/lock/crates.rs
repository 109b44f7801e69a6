//! What `Cargo.lock` pins: cargo writes it, cargo checks it when it downloads; here it is only read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use base::digest::Digest;
use base::files::{self, FileError};

/// The source that cargo writes for the public crate registry, also where the crates came from a mirror.
const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The crates of a lock, by name and version.
#[derive(Debug, Clone, Default)]
pub struct CrateLock(BTreeMap<(String, String), LockedCrate>);

/// An entry of a `Cargo.lock`.
#[derive(Debug, Clone, Deserialize)]
pub struct LockedCrate {
    /// The name in the registry.
    pub name: String,
    /// The version, as semver writes it.
    pub version: String,
    /// Where it comes from; none for one of the source tree.
    source: Option<String>,
    /// The digest of its archive; none for one of the source tree.
    pub checksum: Option<Digest>,
}

/// Where a crate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The source tree itself.
    Local,
    /// crates.io, or a mirror that replaces it.
    PublicRegistry,
    /// A registry other than crates.io.
    OtherRegistry,
    /// A commit of a git repository.
    Git,
}

impl LockedCrate {
    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        match self.source.as_deref() {
            None => Origin::Local,
            Some(PUBLIC) => Origin::PublicRegistry,
            Some(source) if source.starts_with("git+") => Origin::Git,
            Some(_) => Origin::OtherRegistry,
        }
    }

    /// The name of its archive.
    pub fn file_name(&self) -> String {
        format!("{}-{}.crate", self.name, self.version)
    }
}

impl CrateLock {
    /// Reads a file in the form of `Cargo.lock`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::parse(&files::read_text(path)?).map_err(|error| {
            let reason = std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
            FileError::at("read", path)(reason)
        })
    }

    /// Reads the text of one.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            package: Vec<LockedCrate>,
        }
        let file: File = toml::from_str(text)?;
        let entry = |found: LockedCrate| ((found.name.clone(), found.version.clone()), found);
        Ok(Self(file.package.into_iter().map(entry).collect()))
    }

    /// All crates, by name and version.
    pub fn crates(&self) -> impl Iterator<Item = &LockedCrate> {
        self.0.values()
    }

    /// The crate of a name that has one version only.
    pub fn named(&self, name: &str) -> Option<&LockedCrate> {
        let mut found = self.crates().filter(|found| found.name == name);
        found.next().filter(|_| found.next().is_none())
    }

    /// The crate of a name and a version.
    pub fn get(&self, name: &str, version: &str) -> Option<&LockedCrate> {
        self.0.get(&(name.to_owned(), version.to_owned()))
    }
}
