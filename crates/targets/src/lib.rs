//! `packaging/targets.toml`: the distributions, Postgres majors, archives and package sets, as data.
//!
//! Everything that differs between targets is read from here and checked when it is read; no other module may contain the
//! name of a distribution, a code name or a package version.

mod architecture;
mod check;
mod chosen;
mod dotted;
mod end;
mod error;
mod headers;
pub mod lock;
mod other_majors;
pub mod release;
mod toolchain;
mod wheels;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use architecture::Architecture;
use base::day::Day;
pub use chosen::{Crash, Packages, Scene};
pub use dotted::Dotted;
pub use end::End;
pub use error::{TargetsError, suggestion};
pub use headers::Headers;
pub use other_majors::OtherMajors;
pub use toolchain::{Toolchain, ToolchainSource};
pub use wheels::{Extra, Fixture, Wheels};

/// The version of the format of `targets.toml` that this program reads.
const FORMAT: u32 = 1;

/// Everything that `targets.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    version: u32,
    /// The machines that are built for, the one whose targets have no suffix first.
    #[serde(rename = "architecture")]
    pub architectures: Vec<Architecture>,
    /// Where packages come from.
    #[serde(rename = "archive")]
    pub archives: Vec<Archive>,
    /// The releases of Ubuntu and Debian: each of them for the first architecture, then each for the next.
    #[serde(rename = "distribution")]
    pub distributions: Vec<Distribution>,
    /// Where majors come from that a distribution does not carry.
    #[serde(rename = "other-majors", default)]
    pub other_majors: Vec<OtherMajors>,
    /// Each distribution with each of those majors.
    #[serde(skip)]
    pub with_other_majors: Vec<Distribution>,
    /// The Postgres majors that are built for.
    #[serde(rename = "major")]
    pub majors: Vec<Major>,
    /// The releases that can compile the extension, best first.
    #[serde(rename = "builder")]
    pub builders: Vec<Builder>,
    /// The Rust toolchains that can compile the extension, best first.
    #[serde(rename = "toolchain")]
    pub toolchains: Vec<Toolchain>,
    /// The package sets that jobs ask a lock for.
    #[serde(rename = "role")]
    pub roles: Vec<Role>,
    /// How the Python runtime's wheels are chosen.
    pub wheels: Wheels,
    /// The static OpenBLAS that is linked in: the target's architecture's.
    pub openblas: Packages,
    /// The test of the BLAS clash.
    pub crash: Crash,
}

/// A release whose root file system (the role [`Builder::ROLE`]) compiles the extension.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builder {
    /// The release, as a distribution's id without the architecture: `debian11`.
    pub distribution: String,
    /// The version of its libclang, which reads the server headers: `11`.
    pub clang: String,
}

impl Builder {
    /// The role whose packages make the root file system.
    pub const ROLE: &str = "builder";

    /// The directory of libclang in the root file system.
    pub fn libclang(&self) -> String {
        format!("/usr/lib/llvm-{}/lib", self.clang)
    }
}

/// An apt archive, or a service that keeps what left one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Archive {
    /// What locks and `--mirror` call it.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The `Origin` of its Release files.
    #[serde(default)]
    pub origin: Option<String>,
    /// The `Label` of its Release files.
    #[serde(default)]
    pub label: Option<String>,
    /// The last part of its address, by which it is recognised before apt has seen a Release file of it.
    #[serde(default)]
    pub path: Option<String>,
    /// Its public address, used only where the user enables it by name.
    #[serde(default)]
    pub uri: Option<String>,
    /// The archive whose former contents it keeps, all of them.
    #[serde(default)]
    pub snapshot_of: Option<String>,
    /// The archive whose ended releases it keeps, as they were at their end.
    #[serde(default)]
    pub old_of: Option<String>,
    /// The keys that sign its Release files.
    pub keyring: String,
    /// The package that brings the keyring.
    pub keyring_package: String,
}

/// How a fact was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Read from the real packages.
    Tried,
    /// From documentation; to be checked where the archive is enabled.
    Known,
}

/// A release of Ubuntu or Debian on one architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Distribution {
    /// What locks, jobs and directories call it: `debian12`, and for another architecture than the first `debian12-arm64`.
    pub id: String,
    /// `debian12` on every architecture, as in package versions.
    #[serde(skip)]
    pub release: String,
    /// The architecture of its packages.
    #[serde(skip)]
    pub architecture: Architecture,
    /// The distribution that this one equals except for its Postgres, which an archive of other majors brings. None for a
    /// plain one.
    #[serde(skip)]
    pub of: Option<String>,
    /// Whether its Postgres is not released: a candidate, which `dist --release` refuses.
    #[serde(skip)]
    pub development: bool,
    /// The name of the release in archives, such as `bookworm`.
    pub codename: String,
    /// What people call the release, such as `Debian 12`.
    pub title: String,
    /// `debian` or `ubuntu`, as in os-release's ID.
    pub vendor: String,
    /// The last day on which its makers fix its faults; `None` if they have announced none.
    #[serde(default)]
    pub end_of_life: Option<Day>,
    /// How what follows was learned.
    pub evidence: Evidence,
    /// The C library's version.
    pub glibc: Dotted,
    /// The newest `GLIBCXX_` version of its libstdc++.
    pub glibcxx: Dotted,
    /// The newest `CXXABI_` version of its libstdc++.
    pub cxxabi: Dotted,
    /// The newest `GCC_` version of its libgcc_s.
    pub gcc: Dotted,
    /// The version of its Python, `3.11`.
    pub python: Dotted,
    /// The package of its libpython.
    pub libpython: String,
    /// The Postgres major that the distribution itself carries. It may be older than the oldest that we build for.
    pub postgres: u16,
    /// The package of its libssl.
    pub openssl: String,
    /// Whether its dpkg reads packages compressed with zstd.
    pub zstd_debs: bool,
    /// What apt is given as sources when its lock is made.
    #[serde(rename = "suite")]
    pub suites: Vec<Suite>,
}

/// A part of an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Suite {
    /// The archive that has the suite, by its name.
    pub archive: String,
    /// The name of the suite in the archive, such as `bookworm-updates`.
    pub name: String,
    /// Which of the release's packages it holds.
    #[serde(default, skip_serializing_if = "SuiteKind::is_release")]
    pub kind: SuiteKind,
    /// The components that are read, such as `main`.
    pub components: Vec<String>,
    /// Whether a Release file past its Valid-Until is taken all the same, by the lock's decision for this suite alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_expired: bool,
    /// The only source package whose binaries are taken from it, in versions that the other suites may have older; everything
    /// where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

/// What a suite of a distribution holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteKind {
    /// The release, as of its last point release.
    #[default]
    Release,
    /// What the next point release will bring, ahead of it.
    Updates,
    /// Corrections of security faults, as soon as they are made.
    Security,
}

impl SuiteKind {
    /// Whether it is the release itself.
    pub fn is_release(&self) -> bool {
        *self == Self::Release
    }
}

/// A Postgres major that is built for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Major {
    /// The number of the major, such as 15.
    pub version: u16,
    /// The last day on which the PostgreSQL project fixes its faults.
    pub end_of_life: Day,
    /// Where its server headers come from, best first. Archives of other majors have them besides.
    #[serde(default)]
    pub headers: Vec<Headers>,
}

/// A set of packages that a job asks a lock for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What locks and jobs call it: `base`, `test`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The distributions that have it, by their release; all where empty.
    #[serde(default)]
    pub distributions: Vec<String>,
    /// The architectures that have it; all where empty.
    #[serde(default)]
    pub architectures: Vec<String>,
    /// Roles whose packages are there already.
    #[serde(default)]
    pub beyond: Vec<String>,
    /// What apt is asked to install: package names or patterns, with variables.
    pub seeds: Vec<String>,
    /// What else it is asked to install on these releases, which have in packages of their own what others have in one.
    #[serde(default)]
    pub also: BTreeMap<String, Vec<String>>,
    /// The seeds without what they need.
    #[serde(default)]
    pub alone: bool,
    /// Whether its packages come from the release's own suite alone, without updates.
    #[serde(default)]
    pub frozen: bool,
    /// Whether users get its packages, or what is compiled from them: in an image, or inside the extension.
    #[serde(default)]
    pub ships: bool,
}

/// One cell of the matrix: a distribution and a Postgres major.
#[derive(Debug, Clone)]
pub struct Target {
    /// The distribution that the packages are installed on.
    pub distribution: Distribution,
    /// The Postgres major that loads the extension.
    pub major: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distribution {
            release,
            architecture,
            ..
        } = &self.distribution;
        write!(f, "{release}-pg{}{}", self.major, architecture.suffix())
    }
}

impl Distribution {
    /// The soname of its libpython.
    pub fn libpython_soname(&self) -> String {
        format!("libpython{}.so.1.0", self.python)
    }

    /// The names of the archives that its suites are in, each once.
    pub fn archives(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for suite in &self.suites {
            if !names.contains(&suite.archive.as_str()) {
                names.push(&suite.archive);
            }
        }
        names
    }
}

impl Targets {
    /// A distribution's own Postgres major, or the oldest that we build where the distribution's is older.
    pub fn default_major(&self, distribution: &Distribution) -> u16 {
        let oldest = self.majors.iter().map(|m| m.version).min();
        distribution.postgres.max(oldest.unwrap_or(0))
    }

    /// Reads and checks `targets.toml`.
    pub fn load(path: &Path) -> Result<Self, TargetsError> {
        let text = fs::read_to_string(path).map_err(|source| TargetsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Checks a text, named `name` in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, TargetsError> {
        let mut targets: Self =
            toml::from_str(text).map_err(|e| TargetsError::syntax(name, text, &e))?;
        check::check(&targets, name, text)?;
        targets.expand();
        targets.expand_majors();
        Ok(targets)
    }

    /// The distribution of this id or code name: `debian12`, `bookworm`, `debian12-arm64`, `bookworm-arm64`; or one with another
    /// major, by its id: `debian12-pgdg17`.
    pub fn distribution(&self, name: &str) -> Option<&Distribution> {
        let mut all = self.distributions.iter();
        let named =
            |d: &&Distribution| d.id == name || d.architecture.is_qualified(name, &d.codename);
        all.find(named).or_else(|| {
            let mut others = self.with_other_majors.iter();
            others.find(|d| d.id == name)
        })
    }

    /// Like [`Self::distribution`], with an error that names the nearest ones.
    pub fn require_distribution(&self, name: &str) -> Result<&Distribution, TargetsError> {
        self.distribution(name).ok_or_else(|| {
            let known = self
                .distributions
                .iter()
                .flat_map(|d| [&d.id, &d.codename])
                .map(String::as_str);
            TargetsError::UnknownDistribution {
                name: name.to_owned(),
                help: error::suggestion(name, known),
            }
        })
    }

    /// The major of this version.
    pub fn major(&self, version: u16) -> Option<&Major> {
        self.majors.iter().find(|m| m.version == version)
    }

    /// The wheel that carries a server of this major for an architecture, where one is named.
    pub fn server_wheel(&self, major: u16, architecture: &Architecture) -> Option<&Headers> {
        let headers = &self.major(major)?.headers;
        headers.iter().find(|headers| match headers {
            Headers::Wheel { architectures, .. } => architectures.contains(&architecture.name),
            Headers::Package { .. } => false,
        })
    }

    /// The archive of this name.
    pub fn archive(&self, name: &str) -> Option<&Archive> {
        self.archives.iter().find(|a| a.name == name)
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|r| r.name == name)
    }

    /// The roles that a distribution has, in the file's order.
    pub fn roles_of<'a>(
        &'a self,
        distribution: &'a Distribution,
    ) -> impl Iterator<Item = &'a Role> {
        let has = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        self.roles.iter().filter(move |role| {
            distribution.takes(role)
                && has(&role.distributions, &distribution.release)
                && has(&role.architectures, &distribution.architecture.name)
        })
    }

    /// The builder of a release, by the distribution's id.
    pub fn builder(&self, release: &str) -> Option<&Builder> {
        self.builders.iter().find(|b| b.distribution == release)
    }

    /// A role's seeds for a distribution, with the variables replaced.
    pub fn seeds(&self, role: &Role, distribution: &Distribution) -> Vec<String> {
        let keyring = distribution
            .suites
            .first()
            .and_then(|s| self.archive(&s.archive))
            .map_or("", |a| a.keyring_package.as_str());
        let clang = self
            .builder(&distribution.release)
            .map_or("", |b| b.clang.as_str());
        let fill = |seed: &String| {
            seed.replace("{postgres}", &distribution.postgres.to_string())
                .replace("{python}", &distribution.python.to_string())
                .replace("{libpython}", &distribution.libpython)
                .replace("{openssl}", &distribution.openssl)
                .replace("{keyring-package}", keyring)
                .replace("{clang}", clang)
        };
        let also = role.also.get(&distribution.release).into_iter().flatten();
        role.seeds.iter().chain(also).map(fill).collect()
    }

    /// Every target of an architecture, distribution by distribution.
    pub fn all(&self, architecture: &Architecture) -> Vec<Target> {
        let of = |d: &Distribution| -> Vec<Target> {
            let target = |m: &Major| Target {
                distribution: d.clone(),
                major: m.version,
            };
            self.majors.iter().map(target).collect()
        };
        self.distributions_on(architecture).flat_map(of).collect()
    }

    /// The target of this name, on any machine.
    pub fn target(&self, name: &str) -> Result<Target, TargetsError> {
        let all = self.architectures.iter().flat_map(|a| self.all(a));
        let found = all.into_iter().find(|target| target.to_string() == name);
        found.ok_or_else(|| TargetsError::UnknownTarget {
            pattern: name.to_owned(),
            help: None,
        })
    }
}

#[cfg(test)]
mod tests;
