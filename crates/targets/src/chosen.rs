//! Releases that are chosen for one purpose, whatever the targets are.

use serde::{Deserialize, Serialize};

/// Packages of a release that a lock has under a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// The release, as a distribution's id without the architecture: `debian12`.
    pub distribution: String,
    /// The role that locks them.
    pub role: String,
}

/// A system of the test of the BLAS clash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The distribution, by its id.
    pub distribution: String,
    /// The Postgres major.
    pub major: u16,
}

impl Scene {
    /// The target that stands in it: `debian11-pg13`.
    pub fn target(&self) -> String {
        format!("{}-pg{}", self.distribution, self.major)
    }
}

/// The test of the BLAS clash (docs/crash.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crash {
    /// Where the library died: as old as Ubuntu 20.04.
    pub old: Scene,
    /// Where the dynamic linker's own record is taken, with the runtime as it is packaged.
    pub new: Scene,
    /// The role whose root file systems have a server, a Python and shared builds of OpenBLAS.
    pub role: String,
    /// The role with the static OpenBLAS of the same age.
    pub static_role: String,
}
