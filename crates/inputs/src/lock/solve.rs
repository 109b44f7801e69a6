//! Makes a distribution's lock: apt fetches and verifies the archive's indexes in a root of its own, and resolves each
//! role there. No library resolves as apt does, so apt is asked (`--print-uris`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::apt::Apt;
use super::release::Release;
use crate::fetch::mirrors::Mirrors;
use crate::lock::LockingError;
use crate::step::Step;
use base::digest::Digest;
use base::process::ProcessError;
use base::progress::Listener;
use base::uri;
use targets::lock::{Absent, Lock, LockedPackage, LockedSuite};
use targets::{Distribution, Role, Targets};

/// What begins each question to an archive.
pub(super) const FETCHING: &str = "fetching and verifying the archive's indexes";

/// The key of a package among those of one lock.
type Id = (String, String, String);

/// How much of a lock is made anew.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// Every role is resolved again.
    Whole,
    /// What follows the updates. The packages of frozen roles stay as this lock has them, so that nothing is compiled
    /// anew for their sake.
    Updates(&'a Lock),
}

/// What an archive says of the packages of a suite.
#[derive(Debug, Clone)]
pub struct Index {
    /// The suite, as apt's sources name it.
    pub suite: String,
    /// The entries (deb822), in the archive's order.
    pub packages: String,
}

/// Makes the lock of one distribution from what its archives have now.
pub struct Resolver<'a> {
    /// The matrix, for the archives and roles.
    pub targets: &'a Targets,
    /// The distribution whose lock it is.
    pub distribution: &'a Distribution,
    /// The archives that may be contacted.
    pub mirrors: &'a Mirrors,
    /// A place for apt's indexes, kept between runs.
    pub dir: PathBuf,
    /// Packages that an index lists and its archive does not have: they are passed over.
    pub absent: &'a [Absent],
}

impl Resolver<'_> {
    /// Fetches and verifies the indexes, and resolves every role.
    pub fn lock(&self, extent: Extent<'_>, listener: &dyn Listener) -> Result<Lock, LockingError> {
        let id = &self.distribution.id;
        let step = Step::start(listener, format!("lock {id}"), FETCHING);
        let apt = self.fresh_indexes()?;
        let mut packages = Packages::default();
        for role in self.targets.roles_of(self.distribution) {
            step.progress(&format!("resolving `{}`", role.name));
            let found = match extent {
                Extent::Updates(before) if role.frozen => before
                    .packages(&role.name)
                    .into_iter()
                    .cloned()
                    .map(LockedPackage::without_roles)
                    .collect(),
                _ => self.resolve(&apt, role)?,
            };
            packages.add(role, found);
        }
        let packages: Vec<LockedPackage> = packages.all.into_values().collect();
        let size: u64 = packages.iter().map(|p| p.size).sum();
        step.done(&format!(
            "{} packages, {} MB",
            packages.len(),
            size / 1_000_000
        ));
        Ok(Lock::new(
            self.targets,
            self.distribution,
            self.suites(&apt, extent)?,
            self.absent.to_vec(),
            packages,
        ))
    }

    /// The archives' package indexes of this moment, verified.
    pub fn indexes(&self, listener: &dyn Listener) -> Result<Vec<Index>, LockingError> {
        let job = format!("indexes {}", self.distribution.id);
        let step = Step::start(listener, job, FETCHING);
        let apt = self.fresh_indexes()?;
        let format = [
            "--format",
            "$(RELEASE)\t$(FILENAME)",
            "Created-By: Packages",
        ];
        let listing = apt
            .get()
            .arg("indextargets")
            .args(format)
            .output(&apt.log())?;
        let mut indexes = Vec::new();
        for line in String::from_utf8_lossy(&listing).lines() {
            let Some((suite, file)) = line.split_once('\t') else {
                continue;
            };
            let text = apt.helper().args(["cat-file", file]).output(&apt.log())?;
            indexes.push(Index {
                suite: suite.to_owned(),
                packages: String::from_utf8_lossy(&text).into_owned(),
            });
        }
        step.done(&format!("{} indexes", indexes.len()));
        Ok(indexes)
    }

    /// A root for apt with the archives' indexes of this moment, each verified.
    pub(super) fn fresh_indexes(&self) -> Result<Apt, LockingError> {
        let dir = self.dir.clone();
        let apt = Apt::new(
            dir,
            self.targets,
            self.distribution,
            self.mirrors,
            self.absent,
        )?;
        let updated = apt.get().args(["update", "-qq"]).output(&apt.log());
        updated.map_err(|error| match error {
            ProcessError::Failed { tail, .. } => LockingError::Indexes {
                distribution: self.distribution.id.clone(),
                output: tail,
            },
            other => other.into(),
        })?;
        Ok(apt)
    }

    /// What apt would install (or, for a role that stands alone, download) for a role.
    pub(super) fn resolve(
        &self,
        apt: &Apt,
        role: &Role,
    ) -> Result<Vec<LockedPackage>, LockingError> {
        let mut seeds = self.targets.seeds(role, self.distribution);
        let apt_get = match role.frozen {
            true => apt.get_frozen(),
            false => apt.get(),
        };
        let mut apt_get = apt_get.args(["-qq", "--print-uris", "-o", "Acquire::ForceHash=SHA256"]);
        if role.alone {
            apt_get = apt_get.arg("download");
        } else {
            // Solved together with what is there already, as apt will when it installs the one into the other.
            for there in role
                .beyond
                .iter()
                .filter_map(|name| self.targets.role(name))
            {
                seeds.extend(self.targets.seeds(there, self.distribution));
            }
            apt_get = apt_get.args(["--yes", "install"]);
        }
        let output = apt_get
            .args(seeds)
            .output(&apt.log())
            .map_err(|error| match error {
                ProcessError::Failed { tail, .. } => LockingError::Unsolvable {
                    role: role.name.clone(),
                    distribution: self.distribution.id.clone(),
                    output: tail,
                },
                other => other.into(),
            })?;
        let archives = self.distribution.archives().into_iter();
        let bases: Vec<(&str, &str)> = archives
            .filter_map(|archive| Some((archive, self.mirrors.base(archive)?)))
            .collect();
        String::from_utf8_lossy(&output)
            .lines()
            .filter(|line| line.starts_with('\''))
            .map(|line| {
                parse(line, &bases).ok_or_else(|| LockingError::Answer {
                    role: role.name.clone(),
                    line: line.to_owned(),
                })
            })
            .collect()
    }

    fn suites(&self, apt: &Apt, extent: Extent<'_>) -> Result<Vec<LockedSuite>, LockingError> {
        let locked = self.distribution.suites.iter().map(|suite| {
            let without = |field| LockingError::Release {
                suite: suite.name.clone(),
                field,
            };
            let release =
                Release::find(&apt.lists(), &suite.name).ok_or_else(|| without("name"))?;
            Ok(LockedSuite {
                archive: suite.archive.clone(),
                name: suite.name.clone(),
                date: release.date.ok_or_else(|| without("Date"))?,
                accepted_past: release.valid_until.filter(|_| suite.accept_expired),
                stand_in: release.stand_in,
            })
        });
        let mut locked: Vec<LockedSuite> = locked.collect::<Result<_, LockingError>>()?;
        if let Extent::Updates(before) = extent {
            locked.extend(self.kept_suites(before, &locked));
        }
        Ok(locked)
    }

    /// The earlier indexes that the packages of frozen roles were taken from.
    fn kept_suites(&self, before: &Lock, now: &[LockedSuite]) -> Vec<LockedSuite> {
        let frozen = |name: &str| {
            let mut suites = self.distribution.suites.iter();
            suites.any(|suite| suite.kind.is_release() && suite.name == name)
        };
        let kept = before.suites.iter();
        kept.filter(|suite| frozen(&suite.name) && !now.contains(suite))
            .cloned()
            .collect()
    }
}

/// The packages of a lock in the making.
#[derive(Default)]
struct Packages {
    all: BTreeMap<Id, LockedPackage>,
    by_role: BTreeMap<String, BTreeSet<Id>>,
}

impl Packages {
    /// Adds those of a role, less what the roles have that it goes beyond.
    fn add(&mut self, role: &Role, found: Vec<LockedPackage>) {
        let mut ids = BTreeSet::new();
        for package in found {
            let id = (
                package.name.clone(),
                package.version.clone(),
                package.architecture.clone(),
            );
            let there = role.beyond.iter().filter_map(|r| self.by_role.get(r));
            if !there.into_iter().any(|set| set.contains(&id)) {
                let entry = self.all.entry(id.clone()).or_insert(package);
                entry.roles.push(role.name.clone());
                ids.insert(id);
            }
        }
        self.by_role.insert(role.name.clone(), ids);
    }
}

/// Reads `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE SHA256:DIGEST`.
fn parse(line: &str, bases: &[(&str, &str)]) -> Option<LockedPackage> {
    let (address, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split_whitespace();
    let file = words.next()?;
    let size = words.next()?.parse().ok()?;
    let sha256: Digest = words.next()?.strip_prefix("SHA256:")?.parse().ok()?;
    let (name, rest) = file.strip_suffix(".deb")?.split_once('_')?;
    let (version, architecture) = rest.rsplit_once('_')?;
    let (archive, path) = bases.iter().find_map(|(archive, base)| {
        Some((archive, address.strip_prefix(base)?.strip_prefix('/')?))
    })?;
    Some(LockedPackage {
        name: name.to_owned(),
        version: uri::decode(version)?,
        architecture: architecture.to_owned(),
        sha256,
        size,
        archive: (*archive).to_owned(),
        path: uri::decode(path)?,
        roles: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
