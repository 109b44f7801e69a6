//! Makes a distribution's lock: apt fetches and verifies the archive's indexes in a root of its own, and resolves each
//! role there. No library resolves as apt does, so apt is asked (`--print-uris`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::apt::Apt;
use super::release::Release;
use super::{FORMAT, Lock, LockError, LockedPackage, LockedSuite, config_digest};
use crate::digest::Digest;
use crate::fetch::mirrors::Mirrors;
use crate::process::ProcessError;
use crate::progress::Listener;
use crate::targets::{Distribution, Role, Targets};

/// The key of a package among those of one lock.
type Id = (String, String, String);

/// Makes a distribution's lock from what its archives have now. `dir` is a place for apt's indexes.
pub fn update(
    targets: &Targets,
    distribution: &Distribution,
    mirrors: &Mirrors,
    dir: &Path,
    listener: &dyn Listener,
) -> Result<Lock, LockError> {
    let job = format!("lock {}", distribution.id);
    listener.started(&job, "fetching and verifying the archive's indexes");
    let apt = Apt::new(dir.to_owned(), targets, distribution, mirrors)?;
    let updated = apt.get().args(["update", "-qq"]).output(&apt.log());
    updated.map_err(|error| match error {
        ProcessError::Failed { tail, .. } => LockError::Indexes {
            distribution: distribution.id.clone(),
            words: tail,
        },
        other => other.into(),
    })?;

    let mut packages: BTreeMap<Id, LockedPackage> = BTreeMap::new();
    let mut by_role: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
    for role in targets.roles_of(distribution) {
        listener.progress(&job, &format!("resolving `{}`", role.name));
        let mut ids = BTreeSet::new();
        for package in resolve(&apt, targets, role, distribution, mirrors)? {
            let id = (
                package.name.clone(),
                package.version.clone(),
                package.architecture.clone(),
            );
            let there = role.beyond.iter().filter_map(|r| by_role.get(r.as_str()));
            if !there.into_iter().any(|set| set.contains(&id)) {
                let entry = packages.entry(id.clone()).or_insert(package);
                entry.roles.push(role.name.clone());
                ids.insert(id);
            }
        }
        by_role.insert(&role.name, ids);
    }

    let size: u64 = packages.values().map(|p| p.size).sum();
    listener.finished(
        &job,
        &format!("{} packages, {} MB", packages.len(), size / 1_000_000),
    );
    Ok(Lock {
        version: FORMAT,
        distribution: distribution.id.clone(),
        config: config_digest(targets, distribution),
        suites: suites(&apt, distribution)?,
        packages: packages.into_values().collect(),
    })
}

/// What apt would install (or, for a role that stands alone, download) for a role.
fn resolve(
    apt: &Apt,
    targets: &Targets,
    role: &Role,
    distribution: &Distribution,
    mirrors: &Mirrors,
) -> Result<Vec<LockedPackage>, LockError> {
    let mut seeds = targets.seeds(role, distribution);
    let mut apt_get = apt
        .get()
        .args(["-qq", "--print-uris", "-o", "Acquire::ForceHash=SHA256"]);
    if role.alone {
        apt_get = apt_get.arg("download");
    } else {
        // Solved together with what is there already, as apt will when it installs the one into the other.
        for there in role.beyond.iter().filter_map(|name| targets.role(name)) {
            seeds.extend(targets.seeds(there, distribution));
        }
        apt_get = apt_get.args(["--yes", "install"]);
    }
    let output = apt_get
        .args(seeds)
        .output(&apt.log())
        .map_err(|error| match error {
            ProcessError::Failed { tail, .. } => LockError::Unsolvable {
                role: role.name.clone(),
                distribution: distribution.id.clone(),
                words: tail,
            },
            other => other.into(),
        })?;
    let bases: Vec<(&str, &str)> = distribution
        .suites
        .iter()
        .filter_map(|s| Some((s.archive.as_str(), mirrors.base(&s.archive)?)))
        .collect();
    String::from_utf8_lossy(&output)
        .lines()
        .filter(|line| line.starts_with('\''))
        .map(|line| {
            parse(line, &bases).ok_or_else(|| LockError::Answer {
                role: role.name.clone(),
                line: line.to_owned(),
            })
        })
        .collect()
}

/// Reads `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE SHA256:DIGEST`.
fn parse(line: &str, bases: &[(&str, &str)]) -> Option<LockedPackage> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split_whitespace();
    let file = words.next()?;
    let size = words.next()?.parse().ok()?;
    let sha256: Digest = words.next()?.strip_prefix("SHA256:")?.parse().ok()?;
    let (name, rest) = file.strip_suffix(".deb")?.split_once('_')?;
    let (version, architecture) = rest.rsplit_once('_')?;
    let (archive, path) = bases
        .iter()
        .find_map(|(archive, base)| Some((archive, uri.strip_prefix(base)?.strip_prefix('/')?)))?;
    Some(LockedPackage {
        name: name.to_owned(),
        version: decode(version)?,
        architecture: architecture.to_owned(),
        sha256,
        size,
        archive: (*archive).to_owned(),
        path: decode(path)?,
        roles: Vec::new(),
    })
}

/// Undoes percent encoding.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn suites(apt: &Apt, distribution: &Distribution) -> Result<Vec<LockedSuite>, LockError> {
    let locked = distribution.suites.iter().map(|suite| {
        let without = |field| LockError::Release {
            suite: suite.name.clone(),
            field,
        };
        let release = Release::find(&apt.lists(), &suite.name).ok_or_else(|| without("name"))?;
        Ok(LockedSuite {
            archive: suite.archive.clone(),
            name: suite.name.clone(),
            date: release.date.ok_or_else(|| without("Date"))?,
            accepted_past: release.valid_until.filter(|_| suite.accept_expired),
        })
    });
    locked.collect()
}

#[cfg(test)]
mod tests;
