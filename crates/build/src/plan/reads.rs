//! What the larger steps read: the jobs whose outputs they are given.

use serde::{Deserialize, Serialize};

use jobs::job::JobRef;

/// What a package of the extension is built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Packaging {
    /// The job that compiled the library and split off its debug symbols.
    pub compiled: JobRef,
    /// The job that stamped the library with the target's libpython.
    pub stamped: JobRef,
    /// The verdict on it.
    pub verified: JobRef,
    /// What is compressed already.
    pub compressed: JobRef,
    /// The sources of the crates, with their licences.
    pub crates: JobRef,
    /// The root file system with dpkg-deb.
    pub builder: JobRef,
}

/// What an SBOM's package is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "of")]
pub enum Parts {
    /// The extension's: a compiled and a stamped library.
    Extension {
        /// The compiled library, with the list of its crates.
        compiled: JobRef,
        /// The job that stamped the library with the target's libpython.
        stamped: JobRef,
    },
    /// The parts of `pgml-python`: the wheels of a Python runtime.
    Runtime {
        /// The job that made the Python runtime.
        runtime: JobRef,
    },
    /// The parts of a package that adds to it.
    Extra {
        /// The name of the lock of its wheels: `catboost-python3.11`.
        set: String,
        /// The job that installed them.
        runtime: JobRef,
    },
}

/// What every compile of the extension reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compiling {
    /// The root file system with the compilers.
    pub builder: JobRef,
    /// The distribution whose packages that is made of, by its id.
    pub builder_of: String,
    /// The job with the headers of the server.
    pub headers: JobRef,
    /// The job that unpacked the static OpenBLAS.
    pub openblas: JobRef,
    /// The sources of the crates.
    pub crates: JobRef,
    /// The archives of libraries in C++.
    pub libraries: Vec<JobRef>,
    /// The Rust toolchain, where it is not the pinned one of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<JobRef>,
}

impl Compiling {
    pub(super) fn reads(&self) -> Vec<&JobRef> {
        let mut all = vec![&self.builder, &self.headers, &self.openblas, &self.crates];
        all.extend(&self.libraries);
        all.extend(&self.toolchain);
        all
    }
}
