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
    /// Rust's target triple, such as `aarch64-unknown-linux-gnu`.
    pub rust: String,
    /// GNU's triplet: the directory of libraries, and what a cross compiler's programs begin with.
    pub gnu: String,
    /// The number of the machine in ELF headers (`e_machine`).
    pub elf: u16,
    /// The program that runs its programs on another machine.
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

    /// The role whose root file system has a cross compiler for it.
    pub fn cross_role(&self) -> String {
        format!("cross-{}", self.name)
    }

    /// The variable in which cargo looks for something of this target: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER`.
    pub fn cargo_variable(&self, what: &str) -> String {
        let triple = self.rust.to_uppercase().replace('-', "_");
        format!("CARGO_TARGET_{triple}_{what}")
    }
}

impl Targets {
    /// Makes one distribution per architecture from each release.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::real;

    #[test]
    fn the_first_ones_names_are_plain_and_the_others_end_with_theirs() {
        let targets = real();
        let amd64 = targets.require_architecture("amd64").unwrap();
        let arm64 = targets.require_architecture("arm64").unwrap();
        assert_eq!(targets.first_architecture(), amd64);
        assert_eq!(amd64.qualify("compile:pg15"), "compile:pg15");
        assert_eq!(arm64.qualify("compile:pg15"), "compile:pg15-arm64");
        assert!(arm64.is_qualified("bookworm-arm64", "bookworm"));
        assert!(!amd64.is_qualified("bookworm-arm64", "bookworm"));
        assert_eq!(
            arm64.cargo_variable("LINKER"),
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"
        );
    }

    /// Catches a cross compiler that the builder of the first architecture has no role for, and a distribution of another
    /// architecture that is found by the plain name.
    #[test]
    fn another_architecture_has_a_cross_compiler_and_distributions_of_its_own() {
        let targets = real();
        let builder = targets.distribution("debian11").unwrap();
        for architecture in &targets.architectures[1..] {
            let role = architecture.cross_role();
            assert!(targets.roles_of(builder).any(|known| known.name == role));
            let there = targets
                .distribution(&architecture.qualify("bookworm"))
                .unwrap();
            assert_eq!(there.architecture, *architecture);
            assert_eq!(there.release, "debian12");
            assert!(!targets.roles_of(there).any(|known| known.name == role));
        }
        assert_eq!(
            targets.distribution("bookworm").unwrap().architecture,
            *targets.first_architecture()
        );
    }
}
