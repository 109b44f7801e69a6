//! Locks for releases that have none yet, made from the signed archive of the release. This happens where the machine may
//! contact that archive; its own apt sources are permission enough.

use base::exit::Failure;
use base::progress::Listener;
use inputs::lock::{Extent, LockingError};
use targets::lock::Lock;
use targets::{Distribution, Target};

use crate::pipeline::Pipeline;
use crate::relock::Policy;

impl Pipeline {
    /// Makes the locks that the distributions of some targets lack, as far as their archives may be contacted. The listener
    /// gets a note about each distribution that can't be locked, and its targets are built but not installed. For this
    /// machine's own release it is an error.
    pub fn lock_missing(
        &self,
        chosen: &[Target],
        policy: Policy,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        if policy == Policy::Locked {
            return Ok(());
        }
        for distribution in self.not_locked(chosen) {
            if !self.mirrors()?.reach(distribution) {
                continue;
            }
            match self.lock_first(distribution, listener) {
                Err(failure) if self.may_do_without(distribution, &failure) => {
                    let why = failure
                        .report
                        .map_or_else(String::new, |why| why.to_string());
                    let title = &distribution.title;
                    listener.note(&format!("{title} is not locked, and not installed: {why}"));
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// The distributions of some targets that have no lock, each once; and for a target whose distribution does not carry
    /// its major, those with an archive of other majors.
    pub fn not_locked(&self, chosen: &[Target]) -> Vec<&Distribution> {
        let mut found: Vec<&Distribution> = Vec::new();
        for target in chosen {
            let own = self.targets.distribution(&target.distribution.id);
            for distribution in own.into_iter().chain(self.targets.servers_of(target)) {
                let known = found.iter().any(|one| one.id == distribution.id);
                if !known && !Lock::path(&self.workspace, &distribution.id).exists() {
                    found.push(distribution);
                }
            }
        }
        found
    }

    fn lock_first(
        &self,
        distribution: &Distribution,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let resolver = self.resolver(distribution, &[])?;
        let lock = resolver.lock(Extent::Whole, listener)?;
        let path = Lock::path(&self.workspace, &distribution.id);
        lock.save(&path)?;
        let newest = lock.suites.iter().map(|suite| &suite.date).max();
        let of = newest.map_or_else(String::new, |date| format!(" of {date}"));
        let file = self.workspace.display(&path);
        listener.note(&format!(
            "nothing was locked for {}{}: {file} pins what its signed archive has{of}; `git add {file}` and commit it to \
             build from the same again",
            distribution.title,
            match distribution.of {
                Some(_) => format!(" with PostgreSQL {}", distribution.postgres),
                None => String::new(),
            }
        ));
        Ok(())
    }

    /// Whether a run continues although a distribution could not be locked. It does for a release other than the machine's
    /// that its archive does not have (any more), and for a major that the archive of other majors has dropped.
    fn may_do_without(&self, distribution: &Distribution, failure: &Failure) -> bool {
        let own = self.host.own_target(&self.targets);
        let is_own = own.is_ok_and(|own| own.distribution.id == distribution.id);
        match failure.error() {
            Some(LockingError::Indexes { .. } | LockingError::NoKeyring { .. }) => !is_own,
            Some(LockingError::Unsolvable { .. }) => distribution.of.is_some(),
            _ => false,
        }
    }
}
