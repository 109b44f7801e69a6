//! Continues a run whose locked packages no mirror has any more. As cargo does with a lock that no longer fits, it makes the
//! lock again from the signed archive and starts the run again. Finished jobs stay finished.
//!
//! Where an archive has no index of the builder's release any more, the next builder is used.

use std::collections::{BTreeMap, BTreeSet};

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::progress::Listener;
use inputs::fetch::{FetchError, are};
use inputs::lock::{Extent, LockingError};
use targets::lock::{self, Absent, Change, Lock, LockedPackage};

use crate::pipeline::Pipeline;

/// How often a run makes the lock of one distribution again. An index may list files that its archive does not have, and
/// each round finds those of one role at the least.
const ROUNDS: usize = 8;
/// How many moved packages are named.
const NAMED: usize = 6;

/// Whether a run may make locks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// A lock that no longer fits its archive is made again, and the listener gets a note.
    Renew,
    /// It is an error (`--locked`).
    Locked,
}

/// Locked packages are gone, and their lock may not be made again.
#[derive(Debug, Error, Diagnostic)]
#[error(
    "the lock of {lock} no longer fits its archive, and `--locked` forbids making it again: {gone}"
)]
#[diagnostic(help(
    "`cargo xtask lock --update {lock}` pins what the archive has now; commit the result"
))]
pub struct LockedError {
    lock: String,
    gone: String,
}

impl ExitKind for LockedError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// The locks that a run has made again so far.
#[derive(Default)]
struct Renewed {
    rounds: usize,
    absent: Vec<Absent>,
}

impl Pipeline {
    /// Runs `attempt` until no package that it needs is gone. After each failure for that reason the lock is made again.
    /// `attempt` has to compute its plan each time.
    pub fn with_new_locks<T>(
        &mut self,
        policy: Policy,
        listener: &dyn Listener,
        attempt: &dyn Fn(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut renewed: BTreeMap<String, Renewed> = BTreeMap::new();
        loop {
            let failure = match attempt(self) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let Some(gone @ FetchError::Gone { packages, lock, .. }) = failure.error() else {
                return Err(failure);
            };
            // Wheels have no archive that drops them: their lock follows the list of requirements.
            if self.targets.distribution(lock).is_none() {
                return Err(failure);
            }
            let (lock, packages) = (lock.clone(), packages.clone());
            // A release whose archive may not be contacted here can't be locked again: then the error names the packages
            // that are gone.
            let facts = self.targets.require_distribution(&lock)?;
            if !self.mirrors()?.reach(facts) {
                return Err(failure);
            }
            if policy == Policy::Locked {
                let gone = gone.to_string();
                return Err(LockedError { lock, gone }.into());
            }
            let so_far = renewed.entry(lock.clone()).or_default();
            so_far.rounds += 1;
            if so_far.rounds > ROUNDS {
                return Err(failure);
            }
            match self.relock(&lock, &packages, &mut so_far.absent, listener) {
                Ok(()) => {}
                Err(failure)
                    if no_index(&failure) && self.builds_in(&lock) && self.next_builder() =>
                {
                    listener.note(&format!(
                        "no mirror has {lock} any more: {} compiles instead, for the targets whose glibc allows it",
                        self.builder().distribution
                    ));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Whether a distribution is the one that compiles.
    fn builds_in(&self, distribution: &str) -> bool {
        let architecture = self.host.architecture(&self.targets);
        architecture.qualify(&self.builder().distribution) == distribution
    }

    /// Makes the lock of a distribution again, without the packages that its index lists and its archive does not have:
    /// those of `gone` that the index still lists are added to `absent`.
    fn relock(
        &self,
        distribution: &str,
        gone: &[Absent],
        absent: &mut Vec<Absent>,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let facts = self.targets.require_distribution(distribution)?;
        let path = Lock::path(&self.workspace, distribution);
        let before = Lock::load(&path)?;
        let make = |absent: &[Absent]| -> Result<Lock, Failure> {
            let resolver = self.resolver(facts, absent)?;
            Ok(resolver.lock(Extent::Whole, listener)?)
        };
        let mut after = make(absent)?;
        // An index may go on listing a file that its archive has lost.
        let listed: Vec<Absent> = dropped(&after.packages, gone)
            .into_iter()
            .filter(|one| !absent.contains(one))
            .collect();
        if !listed.is_empty() {
            absent.extend(listed);
            after = make(absent)?;
        }
        after.save(&path)?;
        for line in change_notes(&before, &after, gone) {
            listener.note(&line);
        }
        Ok(())
    }
}

/// Those of `packages` that are gone, with all that were built beside them: an archive drops the packages of a source
/// together, and they ask for each other's exact version, so that an older one of a single package fits none of the others.
fn dropped(packages: &[LockedPackage], gone: &[Absent]) -> Vec<Absent> {
    let source = |package: &LockedPackage| {
        let pool = package.path.rsplit_once('/').map_or("", |(pool, _)| pool);
        (pool.to_owned(), package.version.clone())
    };
    let lost: BTreeSet<_> = packages
        .iter()
        .filter(|package| gone.contains(&Absent::of(package)))
        .map(source)
        .collect();
    packages
        .iter()
        .filter(|package| lost.contains(&source(package)))
        .map(Absent::of)
        .collect()
}

/// Two lines: why the lock was made again, and which packages changed.
fn change_notes(before: &Lock, after: &Lock, gone: &[Absent]) -> [String; 2] {
    let id = &after.distribution;
    let newest = after.suites.iter().map(|suite| &suite.date).max();
    let of = newest.map_or_else(String::new, |date| format!(" of {date}"));
    let which = are(gone);
    let why = format!(
        "the lock of {id} no longer fits its archive ({which} gone): made anew from the signed indexes{of}; \
         commit packaging/lock/{id}.toml to keep it"
    );
    let moved = lock::changes(before, after);
    let mut named: Vec<String> = moved.iter().take(NAMED).map(Change::to_string).collect();
    if moved.len() > NAMED {
        named.push(format!("and {} more", moved.len() - NAMED));
    }
    [why, format!("{id}: {}", named.join(", "))]
}

/// Whether a lock could not be made because no archive that may be contacted has an index of the release.
fn no_index(failure: &Failure) -> bool {
    matches!(failure.error(), Some(LockingError::Indexes { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, source: &str, version: &str) -> LockedPackage {
        let text = format!(
            "name = \"{name}\"\nversion = \"{version}\"\narchitecture = \"amd64\"\nsize = 1\narchive = \"debian\"\n\
             path = \"pool/main/p/{source}/{name}_{version}_amd64.deb\"\nroles = [\"image\"]\nsha256 = \"{}\"\n",
            "0".repeat(64)
        );
        toml::from_str(&text).unwrap()
    }

    /// Catches a server that goes back to an older version while its PL/Python asks for the newer one: apt resolves nothing.
    #[test]
    fn what_was_built_beside_a_lost_package_is_lost_with_it() {
        let locked = [
            package("postgresql-13", "postgresql-13", "13.23-1"),
            package("postgresql-plpython3-13", "postgresql-13", "13.23-1"),
            package("postgresql-client-13", "postgresql-13", "13.16-1"),
            package("libssl1.1", "openssl", "13.23-1"),
        ];
        let names = |gone: &[Absent]| -> Vec<String> {
            dropped(&locked, gone)
                .into_iter()
                .map(|one| one.name)
                .collect()
        };
        let server = Absent::of(&locked[0]);
        assert_eq!(
            names(std::slice::from_ref(&server)),
            ["postgresql-13", "postgresql-plpython3-13"]
        );
        assert!(names(&[]).is_empty());
        let another = Absent {
            version: "13.22-1".into(),
            ..server
        };
        assert!(names(&[another]).is_empty());
    }
}
