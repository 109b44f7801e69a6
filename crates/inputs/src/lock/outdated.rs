//! What of a lock is older than its archives offer.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apt::Apt;
use super::solve::FETCHING;
use crate::lock::LockingError;
use crate::lock::Resolver;
use crate::step::Step;
use base::progress::Listener;
use targets::Role;
use targets::lock::{Lock, LockedPackage};

/// A locked package that its archives have a newer version of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outdated {
    /// The name of the binary package.
    pub name: String,
    /// The version that the lock pins.
    pub locked: String,
    /// The version that the archives offer.
    pub offered: String,
    /// The suite that offers it.
    pub suite: String,
    /// Whether that is a suite of security updates.
    pub security: bool,
    /// Whether users get it: in an image, or inside the extension.
    pub shipped: bool,
    /// What it is locked for.
    pub roles: Vec<String>,
}

impl Resolver<'_> {
    /// The packages of a lock that its archives have newer versions of: security updates of what is shipped first. Frozen
    /// roles are compared with the release's own suite, which is where they come from.
    pub fn outdated(
        &self,
        lock: &Lock,
        listener: &dyn Listener,
    ) -> Result<Vec<Outdated>, LockingError> {
        let job = format!("outdated {}", self.distribution.id);
        let step = Step::start(listener, job, FETCHING);
        let apt = self.fresh_indexes()?;
        let mut found: BTreeMap<(String, String), Outdated> = BTreeMap::new();
        for role in self.targets.roles_of(self.distribution) {
            step.progress(&format!("resolving `{}`", role.name));
            let offered = self.resolve(&apt, role)?;
            for (package, offer) in newer(&lock.packages(&role.name), &offered)? {
                let key = (package.name.clone(), package.version.clone());
                let entry = found.entry(key).or_insert_with(|| entry_of(package, offer));
                entry.note(role);
            }
        }
        let mut found: Vec<Outdated> = found.into_values().collect();
        self.name_suites(&apt, &mut found)?;
        found.sort_by_key(|one| (!one.shipped, !one.security, one.name.clone()));
        step.done(&format!("{} packages are out of date", found.len()));
        Ok(found)
    }

    /// Finds out which suite offers each.
    fn name_suites(&self, apt: &Apt, found: &mut [Outdated]) -> Result<(), LockingError> {
        if found.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<&str> = found.iter().map(|one| one.name.as_str()).collect();
        let listing = apt.cache().arg("madison").args(names).output(&apt.log())?;
        let listing = String::from_utf8_lossy(&listing);
        let offers: Vec<Offer<'_>> = listing.lines().filter_map(Offer::read).collect();
        for one in found {
            let offering: Vec<&str> = offers
                .iter()
                .filter(|offer| offer.name == one.name && offer.version == one.offered)
                .map(|offer| offer.suite)
                .collect();
            let suites = &self.distribution.suites;
            let from = suites
                .iter()
                .filter(|suite| offering.contains(&suite.name.as_str()));
            // A security update that went into a point release is one all the same.
            if let Some(suite) = from.max_by_key(|suite| suite.kind as u8) {
                one.security = suite.kind == targets::SuiteKind::Security;
                one.suite.clone_from(&suite.name);
            }
        }
        Ok(())
    }
}

fn entry_of(package: &LockedPackage, offer: &LockedPackage) -> Outdated {
    Outdated {
        name: package.name.clone(),
        locked: package.version.clone(),
        offered: offer.version.clone(),
        suite: String::new(),
        security: false,
        shipped: false,
        roles: Vec::new(),
    }
}

impl Outdated {
    /// Notes a role that it is locked for.
    fn note(&mut self, role: &Role) {
        self.shipped |= role.ships;
        self.roles.push(role.name.clone());
    }
}

/// The locked packages of which a newer version is offered, each with that. A mirror that is behind offers older ones.
fn newer<'a>(
    locked: &[&'a LockedPackage],
    offered: &'a [LockedPackage],
) -> Result<Vec<(&'a LockedPackage, &'a LockedPackage)>, LockingError> {
    let mut found = Vec::new();
    for package in locked {
        let same = |other: &&LockedPackage| {
            other.name == package.name && other.architecture == package.architecture
        };
        if let Some(offer) = offered.iter().find(same)
            && is_newer(&offer.version, &package.version)?
        {
            found.push((*package, offer));
        }
    }
    Ok(found)
}

/// Whether a version is newer than another, as dpkg compares them.
fn is_newer(version: &str, than: &str) -> Result<bool, LockingError> {
    if version == than {
        return Ok(false);
    }
    let dpkg = base::process::Program::new("dpkg");
    let comparison = dpkg
        .args(["--compare-versions", version, "gt", than])
        .attempt()?;
    Ok(comparison.status.success())
}

/// A line of `apt-cache madison`: `libssl3 | 3.0.20-1~deb12u1 | URI bookworm-security/main amd64 Packages`.
struct Offer<'a> {
    name: &'a str,
    version: &'a str,
    suite: &'a str,
}

impl<'a> Offer<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split('|').map(str::trim);
        let (name, version, source) = (fields.next()?, fields.next()?, fields.next()?);
        let place = source.split_whitespace().nth(1)?;
        Some(Self {
            name,
            version,
            suite: place.rsplit_once('/').map_or(place, |(suite, _)| suite),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_a_version_is_offered() {
        let line = "   libssl3 | 3.0.20-1~deb12u1 | http://m.example/s bookworm-security/main amd64 Packages";
        let offer = Offer::read(line).unwrap();
        assert_eq!(
            (offer.name, offer.version, offer.suite),
            ("libssl3", "3.0.20-1~deb12u1", "bookworm-security")
        );
    }

    #[test]
    fn an_older_offer_of_a_mirror_that_is_behind_is_none() {
        assert!(is_newer("1.0-1+deb12u2", "1.0-1+deb12u1").unwrap());
        assert!(!is_newer("1.0-1", "1.0-1+deb12u1").unwrap());
        assert!(!is_newer("1:1.0", "1:1.0").unwrap());
        assert!(is_newer("1.0", "1.0~rc1").unwrap());
    }
}
