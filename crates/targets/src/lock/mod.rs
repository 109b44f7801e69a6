//! `packaging/lock/`: every input from outside, pinned by hash. One file per distribution and per Python, so that a
//! change of one does not make the others stale; each carries the digest of the configuration that it was made from.

mod changes;
pub mod crates;
mod error;
mod requirements;
mod wheels;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use changes::{Change, changes, same_but_dates};
pub use error::LockError;
pub use requirements::Wanted;
pub use wheels::{LockedWheel, WheelLock, WheelSet};

use crate::{Distribution, Suite, Target, Targets};
use base::digest::Digest;
use base::files::{self, FileError};
use base::time::Time;
use base::workspace::Workspace;

/// The version of the format of lock files.
pub(crate) const FORMAT: u32 = 1;

/// The packages of one distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// The id of the distribution.
    pub distribution: String,
    /// The digest of the part of `targets.toml` that it was made from.
    pub config: Digest,
    /// The indexes that it was made from. A suite has two entries where some packages were kept from an earlier lock.
    #[serde(rename = "suite")]
    pub suites: Vec<LockedSuite>,
    /// Packages that an index listed and its archive did not have, and that were passed over for that reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// The packages, by name.
    #[serde(rename = "package", default)]
    pub packages: Vec<LockedPackage>,
}

/// A version of a package that an archive lists and does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The name of the binary package.
    pub name: String,
    /// The version, with the epoch.
    pub version: String,
}

impl Absent {
    /// The version that a lock pins.
    pub fn of(package: &LockedPackage) -> Self {
        Self {
            name: package.name.clone(),
            version: package.version.clone(),
        }
    }
}

/// An archive's index, as it was when the lock was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedSuite {
    /// The archive's name in `targets.toml`.
    pub archive: String,
    /// The name of the suite in the archive, such as `bookworm`.
    pub name: String,
    /// When the archive made its Release file.
    pub date: Time,
    /// When that file stopped being valid, where the lock decided to take it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_past: Option<Time>,
    /// Whose packages it really has, where its Release file says that it stands in for the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
}

/// A package that a lock pins by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// The name of the binary package.
    pub name: String,
    /// Its version, with the epoch.
    pub version: String,
    /// Debian's name of the architecture, or `all`.
    pub architecture: String,
    /// The digest of the `.deb`.
    pub sha256: Digest,
    /// The size of the `.deb`.
    pub size: u64,
    /// The archive's name in `targets.toml`.
    pub archive: String,
    /// Where it is below the archive's base.
    pub path: String,
    /// What it is for.
    pub roles: Vec<String>,
}

impl LockedPackage {
    /// The package without its roles, which a new lock gives it anew.
    #[must_use]
    pub fn without_roles(mut self) -> Self {
        self.roles.clear();
        self
    }

    /// The file's name as apt writes it, unique in a directory: `libc6_2.36-9+deb12u10_amd64.deb`.
    pub fn file_name(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }
}

/// The part of `targets.toml` that decides which packages a lock holds. Titles, floors and the like are left out, so that
/// changing them stales nothing.
#[derive(Serialize)]
struct Config<'a> {
    format: u32,
    architecture: &'a str,
    distribution: &'a str,
    suites: &'a [Suite],
    roles: Vec<RoleConfig<'a>>,
}

#[derive(Serialize)]
struct RoleConfig<'a> {
    name: &'a str,
    seeds: Vec<String>,
    beyond: &'a [String],
    alone: bool,
    frozen: bool,
}

/// The digest of the part of `targets.toml` that a distribution's lock is made from.
pub fn config_digest(targets: &Targets, distribution: &Distribution) -> Digest {
    let roles = targets.roles_of(distribution).map(|role| RoleConfig {
        name: &role.name,
        seeds: targets.seeds(role, distribution),
        beyond: &role.beyond,
        alone: role.alone,
        frozen: role.frozen,
    });
    let config = Config {
        format: FORMAT,
        architecture: &distribution.architecture.name,
        distribution: &distribution.id,
        suites: &distribution.suites,
        roles: roles.collect(),
    };
    Digest::of_json(&config)
}

impl Lock {
    /// Makes a new lock for a distribution of `targets.toml`.
    pub fn new(
        targets: &Targets,
        distribution: &Distribution,
        suites: Vec<LockedSuite>,
        absent: Vec<Absent>,
        packages: Vec<LockedPackage>,
    ) -> Self {
        Self {
            version: FORMAT,
            distribution: distribution.id.clone(),
            config: config_digest(targets, distribution),
            suites,
            absent,
            packages,
        }
    }

    /// The lock file of a distribution.
    pub fn path(workspace: &Workspace, distribution: &str) -> PathBuf {
        workspace.locks().join(format!("{distribution}.toml"))
    }

    /// The locked distribution that has a target's server; the target's own where none has.
    pub fn server_of<'a>(
        workspace: &Workspace,
        targets: &'a Targets,
        target: &'a Target,
    ) -> &'a Distribution {
        let locked = |id: &str| Self::path(workspace, id).exists();
        let found = targets.server_of(target, &locked);
        found.unwrap_or(&target.distribution)
    }

    /// Reads a distribution's lock and checks that it fits `targets.toml`.
    pub fn open(
        workspace: &Workspace,
        targets: &Targets,
        distribution: &Distribution,
    ) -> Result<Self, LockError> {
        let path = Self::path(workspace, &distribution.id);
        if !path.exists() {
            return Err(LockError::Missing {
                path,
                what: distribution.id.clone(),
            });
        }
        let lock = Self::load(&path)?;
        lock.check(targets, distribution)?;
        Ok(lock)
    }

    /// Reads a lock file.
    pub fn load(path: &Path) -> Result<Self, LockError> {
        read(path)
    }

    /// Writes a lock file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        let how = format!("cargo xtask lock --update {}", self.distribution);
        write(path, &how, self)
    }

    /// The packages of a role, by name. What a role is `beyond` is not among them.
    pub fn packages(&self, role: &str) -> Vec<&LockedPackage> {
        let has = |p: &&LockedPackage| p.roles.iter().any(|r| r == role);
        self.packages.iter().filter(has).collect()
    }

    /// The packages of any of these roles, by name, each once.
    pub fn packages_of(&self, roles: &[&str]) -> Vec<&LockedPackage> {
        let has = |p: &&LockedPackage| p.roles.iter().any(|r| roles.contains(&r.as_str()));
        self.packages.iter().filter(has).collect()
    }

    /// The architecture of its packages that have one; `None` if there is no such package.
    pub fn architecture(&self) -> Option<&str> {
        let mut all = self.packages.iter().map(|p| p.architecture.as_str());
        all.find(|name| *name != "all")
    }

    /// The moments at which an archive had the locked packages, the latest first: an archive had every package of its
    /// suites when it made the newest of their Release files. Packages that were kept from an earlier lock are an exception.
    pub fn moments(&self, archive: &str) -> Vec<&Time> {
        let of_archive = self.suites.iter().filter(|s| s.archive == archive);
        let mut moments: Vec<&Time> = of_archive.map(|suite| &suite.date).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        moments.dedup();
        moments
    }

    /// Whether it fits `targets.toml` as it is now.
    pub fn check(&self, targets: &Targets, distribution: &Distribution) -> Result<(), LockError> {
        let stale = |why: String| {
            Err(LockError::Stale {
                lock: distribution.id.clone(),
                why,
            })
        };
        if self.distribution != distribution.id {
            return stale(format!("it is {}'s", self.distribution));
        }
        for role in targets.roles_of(distribution) {
            if self.packages(&role.name).is_empty() {
                return stale(format!(
                    "it has no packages for `{}` ({})",
                    role.name, role.title
                ));
            }
        }
        if self.config != config_digest(targets, distribution) {
            return stale("its part of packaging/targets.toml has changed since".to_owned());
        }
        Ok(())
    }
}

/// The digests of all files that the locks of a source tree name.
pub fn digests(workspace: &Workspace) -> Result<BTreeSet<Digest>, LockError> {
    let mut found = BTreeSet::new();
    for file in files::files_below(&workspace.locks())? {
        let text = files::read_text(&workspace.locks().join(file))?;
        found.extend(
            text.split('"')
                .filter_map(|part| part.parse::<Digest>().ok()),
        );
    }
    Ok(found)
}

/// Reads a lock file of any kind.
pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LockError> {
    let text = files::read_text(path)?;
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // The version first: a newer format is not a broken file.
    if let Ok(Version { version }) = toml::from_str(&text)
        && version != FORMAT
    {
        return Err(LockError::Format {
            path: path.to_owned(),
            version,
        });
    }
    toml::from_str(&text).map_err(|error| LockError::Syntax {
        path: path.to_owned(),
        error: Box::new(error),
    })
}

/// Writes a lock file of any kind; `how` is the command that makes it.
pub(crate) fn write<T: Serialize>(path: &Path, how: &str, lock: &T) -> Result<(), LockError> {
    let body = toml::to_string(lock)
        .map_err(|error| FileError::at("write", path)(std::io::Error::other(error)))?;
    files::write_atomically(path, format!("# Made by `{how}`; do not edit.\n{body}"))?;
    Ok(files::set_mode(path, 0o644)?)
}

#[cfg(test)]
mod tests;
