//! The plan: jobs in an order in which each comes after all that it needs, and the goals among them.

use std::collections::{BTreeMap, BTreeSet};

use base::exit::{Exit, ExitKind};
use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use crate::job::{Job, JobId};

/// All work, computed before anything is done. `S` is the type of the jobs' steps, `T` what is planned for a target.
#[derive(Debug, Clone, Serialize)]
pub struct Plan<S, T> {
    /// The jobs, each after those that it needs.
    pub jobs: Vec<Job<S>>,
    /// The jobs whose results are wanted; the others are there for them.
    pub goals: Vec<JobId>,
    /// What is planned for each target.
    pub targets: BTreeMap<String, T>,
    /// The jobs that can't run on this machine, and why. What does not need them can.
    pub blocked: BTreeMap<JobId, String>,
}

/// A target: something that goals belong to, and that is complete when all of them have their results.
pub trait Target {
    /// The jobs that make it.
    fn goals(&self) -> &[JobId];
    /// Whether this machine can't make all of it, so that it never becomes complete.
    fn is_blocked(&self) -> bool;
}

/// What is wanted needs a job that this machine can't do.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("`{job}` can't run on this machine: {why}")]
#[diagnostic(help(
    "`cargo xtask plan` shows what can; `--only-jobs JOB` makes that, and `--keep-going` all of it"
))]
pub struct Blocked {
    /// The job that can't run.
    pub job: JobId,
    /// What this machine lacks.
    pub why: String,
}

impl ExitKind for Blocked {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

impl<S, T> Default for Plan<S, T> {
    fn default() -> Self {
        Self {
            jobs: Vec::new(),
            goals: Vec::new(),
            targets: BTreeMap::new(),
            blocked: BTreeMap::new(),
        }
    }
}

impl<S, T> Plan<S, T> {
    /// The plan without the jobs that this machine can't run.
    #[must_use]
    pub fn possible(mut self) -> Self {
        let blocked = dependents(&self.jobs, &self.blocked);
        self.jobs.retain(|job| !blocked.contains(&job.id));
        self.goals.retain(|goal| !blocked.contains(goal));
        self.pruned()
    }

    /// The plan without the jobs that no goal needs.
    #[must_use]
    pub fn pruned(mut self) -> Self {
        let needed: BTreeSet<String> = self
            .closure(&self.goals)
            .into_iter()
            .map(str::to_owned)
            .collect();
        self.jobs.retain(|job| needed.contains(&job.id));
        self
    }

    /// Sees that this machine can do all that the goals need.
    pub fn require_possible(&self) -> Result<(), Blocked> {
        let needed = self.closure(&self.goals);
        let mut blocked = self.blocked.iter();
        match blocked.find(|(job, _)| needed.contains(job.as_str())) {
            None => Ok(()),
            Some((job, why)) => Err(Blocked {
                job: job.clone(),
                why: why.clone(),
            }),
        }
    }

    /// The job of this name.
    pub fn job(&self, id: &str) -> Option<&Job<S>> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// These jobs and all that they need.
    pub fn closure<'a>(&'a self, ids: impl IntoIterator<Item = &'a JobId>) -> BTreeSet<&'a str> {
        let mut found: BTreeSet<&str> = ids.into_iter().map(String::as_str).collect();
        for job in self.jobs.iter().rev() {
            if found.contains(job.id.as_str()) {
                found.extend(job.needs.iter().map(String::as_str));
            }
        }
        found
    }
}

/// The jobs that can't run, and those that need one of them. `jobs` are in an order in which each comes after all it needs.
pub fn dependents<S>(jobs: &[Job<S>], blocked: &BTreeMap<JobId, String>) -> BTreeSet<JobId> {
    let mut found: BTreeSet<JobId> = blocked.keys().cloned().collect();
    for job in jobs {
        if job.needs.iter().any(|need| found.contains(need)) {
            found.insert(job.id.clone());
        }
    }
    found
}
