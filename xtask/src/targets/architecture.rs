//! The machines that are built for, and what each of the parties calls them.

use serde::{Deserialize, Serialize};

use super::error::suggestion;
use super::{Distribution, Targets, TargetsError};

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
fn set_suffixes(architectures: &mut [Architecture]) {
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

impl Targets {
    /// Makes of each release one distribution per architecture.
    pub(super) fn expand(&mut self) {
        set_suffixes(&mut self.architectures);
        let releases = std::mem::take(&mut self.distributions);
        for architecture in &self.architectures {
            let on = |release: &Distribution| Distribution {
                id: architecture.qualify(&release.id),
                release: release.id.clone(),
                architecture: architecture.clone(),
                ..release.clone()
            };
            self.distributions.extend(releases.iter().map(on));
        }
    }

    /// The architecture that names have when they say none.
    pub fn first_architecture(&self) -> &Architecture {
        &self.architectures[0] // INVARIANT: checked when it was read
    }

    /// The architecture of this name, Debian's.
    pub fn require_architecture(&self, name: &str) -> Result<&Architecture, TargetsError> {
        let known = || self.architectures.iter().map(|a| a.name.as_str());
        let found = self.architectures.iter().find(|a| a.name == name);
        found.ok_or_else(|| TargetsError::UnknownArchitecture {
            name: name.to_owned(),
            help: suggestion(name, known()),
        })
    }

    /// The distributions of an architecture.
    pub fn distributions_on<'a>(
        &'a self,
        architecture: &'a Architecture,
    ) -> impl Iterator<Item = &'a Distribution> + Clone {
        let on = move |d: &&Distribution| d.architecture.name == architecture.name;
        self.distributions.iter().filter(on)
    }
}
