//! What a library needs of a system: libraries, versions of their symbols, a release of the server.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base::files::{self, FileError};
use base::json;
use serde::{Deserialize, Serialize};

use crate::elf::Facts;
use crate::version::Version;

/// What the library needs, in the job's output.
pub const NEEDS: &str = "needs.json";

/// The libraries that one needs, and the newest version of each namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The sonames of its DT_NEEDED entries.
    pub libraries: Vec<String>,
    /// For each namespace of versions the newest one: `GLIBC` → `2.30`.
    pub newest: BTreeMap<String, String>,
    /// The oldest release of the server that has all that the extension takes from it; `None` if every one has.
    #[serde(default)]
    pub server: Option<String>,
    /// Fixes of the server that the extension goes without, and why.
    #[serde(default)]
    pub unfixed: Vec<String>,
}

impl Needs {
    /// Those that a verify job has found.
    pub fn load(verified: &Path) -> Result<Self, FileError> {
        let path = verified.join(NEEDS);
        serde_json::from_slice(&files::read(&path)?).map_err(|error| {
            let reason = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
            FileError::at("read", path)(reason)
        })
    }

    /// Writes them into the output of a verify job.
    pub fn save(&self, verified: &Path) -> Result<(), FileError> {
        files::write(&verified.join(NEEDS), json::pretty(self))
    }

    /// Reads them from a library's facts.
    pub fn of(facts: &Facts<'_>) -> Self {
        let mut newest: BTreeMap<String, Version> = BTreeMap::new();
        for need in facts.versions.needs() {
            let Some((namespace, version)) = need.name.rsplit_once('_') else {
                continue;
            };
            let Some(version) = Version::parse(version) else {
                continue;
            };
            let entry = newest
                .entry(namespace.to_owned())
                .or_insert_with(|| version.clone());
            *entry = version.max(entry.clone());
        }
        Self {
            libraries: facts.needed.iter().map(|name| (*name).to_owned()).collect(),
            newest: newest
                .into_iter()
                .map(|(name, version)| (name, version.to_string()))
                .collect(),
            server: None,
            unfixed: Vec::new(),
        }
    }
}
