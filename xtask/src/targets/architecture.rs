//! The machines that are built for, and what each of the parties calls them.

use serde::{Deserialize, Serialize};

/// A machine that is built for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Debian's name, as in packages and in the names of targets: `amd64`, `arm64`.
    pub name: String,
    /// The kernel's and Python's name: `x86_64`, `aarch64`.
    pub machine: String,
    /// Rust's target triple.
    pub rust: String,
    /// GNU's triplet: the directory of libraries, and what a cross compiler's programs begin with.
    pub gnu: String,
    /// The program that runs its programs on another machine, and the package that has it.
    pub emulator: String,
    /// The platform tags of the wheels that are taken, best first.
    pub platforms: Vec<String>,
    /// What names of things of this architecture end with.
    #[serde(skip)]
    suffix: String,
}

/// The first architecture's things have plain names, as they had when it was the only one.
pub(super) fn set_suffixes(architectures: &mut [Architecture]) {
    for architecture in architectures.iter_mut().skip(1) {
        architecture.suffix = format!("-{}", architecture.name);
    }
}

impl Architecture {
    /// What names of things of this architecture end with: nothing for the first, `-arm64` for that one.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The name of something of this architecture: `debian12`, `debian12-arm64`.
    pub fn qualify(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// Whether a name is a plain one of this architecture.
    pub fn is_qualified(&self, name: &str, plain: &str) -> bool {
        name.strip_suffix(self.suffix.as_str()) == Some(plain)
    }

    /// The variable in which cargo looks for something of this target: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER`.
    pub fn cargo_variable(&self, what: &str) -> String {
        let triple = self.rust.to_uppercase().replace('-', "_");
        format!("CARGO_TARGET_{triple}_{what}")
    }
}
