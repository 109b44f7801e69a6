//! The sets of Python wheels that `targets.toml` asks for.

use serde::Deserialize;

use crate::Dotted;

/// How the Python runtime's wheels are chosen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheels {
    /// The file of names, versions and hashes, relative to the source tree.
    pub requirements: String,
    /// The release whose pip unpacks wheels for a Python that no locked distribution has.
    pub installer: String,
    /// Wheels that only a test needs.
    #[serde(rename = "fixture", default)]
    pub fixtures: Vec<Fixture>,
    /// Wheels of packages beside the runtime's, which are built only where they are asked for.
    #[serde(rename = "extra", default)]
    pub extras: Vec<Extra>,
}

/// Wheels that a package of their own adds to the runtime of each distribution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// The project that it is about; it names the package (`pgml-python-catboost`) and the locks
    /// (`catboost-python3.11`).
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The file of names, versions and hashes, relative to the source tree.
    pub requirements: String,
}

impl Extra {
    /// The name of its package.
    pub fn package(&self) -> String {
        format!("pgml-python-{}", self.name)
    }
}

/// Wheels of fixed versions that a test runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// What it is for; with the Python it names the lock: `crash-python3.9`.
    pub name: String,
    /// The Python that the wheels are for.
    pub python: Dotted,
    /// The file of names, versions and hashes, relative to the source tree.
    pub requirements: String,
}
