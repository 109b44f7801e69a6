//! The plan: all work that a set of targets needs, computed before anything is done. `plan` prints it, `dist` runs it.

mod builder;
pub mod document;
pub mod github;
pub mod inputs;
pub mod job;
pub mod kinds;
mod recipe;
pub mod workflow;

pub use self::builder::crash;

use std::collections::{BTreeMap, BTreeSet};

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use self::builder::Builder;
use self::job::{Job, JobId};
use crate::apt::options::RepositoryOptions;
use crate::exit::{Exit, ExitKind, Failure};
use crate::release::Release;
use crate::targets::{Target, Targets};
use crate::workspace::Workspace;

/// The distribution whose root file system compiles: the oldest glibc of all targets.
pub const BUILDER: (&str, &str) = ("debian11", "builder");
/// Where the static OpenBLAS comes from.
pub const OPENBLAS: (&str, &str) = ("debian12", "openblas");
/// The distribution whose pip unpacks wheels for a Python that no locked distribution has.
pub const INSTALLER: &str = "debian12";

/// Jobs in an order in which each comes after all that it needs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// All jobs.
    pub jobs: Vec<Job>,
    /// The jobs whose results are wanted; the others are there for them.
    pub goals: Vec<JobId>,
    /// What is planned for each target.
    pub targets: BTreeMap<String, TargetPlan>,
}

/// What is planned for a target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetPlan {
    /// The jobs that make its packages and images.
    pub goals: Vec<JobId>,
    /// The inputs that a release refuses.
    pub development: Vec<String>,
    /// How its Python runtime is made.
    pub runtime: Interpreter,
    /// Why apt can't install it here; none where it can.
    pub not_installable: Option<String>,
    /// The distribution in which its library can be loaded here, by its id.
    pub loadable_in: Option<String>,
    /// Why there is none.
    pub not_loadable: Option<String>,
}

/// The Python that byte-compiles a distribution's runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub enum Interpreter {
    /// The distribution's own.
    Own,
    /// That of another distribution with the same version of Python, whose runtime is taken.
    Same(String),
    /// None is locked: the wheels are unpacked only, and the package byte-compiles them when it is installed.
    None,
}

/// What a plan is computed from.
pub struct Context<'a> {
    /// Where things are.
    pub workspace: &'a Workspace,
    /// The matrix.
    pub targets: &'a Targets,
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release, seconds since 1970.
    pub epoch: u64,
    /// What `rustc -vV` says.
    pub toolchain: &'a str,
    /// What the user decided about the repository.
    pub repository: &'a RepositoryOptions,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Packages and the repository.
    Dist,
    /// Those, and the systems to install them into.
    Install,
    /// Those, and the systems that tests of their parts run in.
    Test,
}

/// Whether a target can be built on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state", content = "missing")]
pub enum Availability {
    /// All its inputs are locked.
    Buildable,
    /// Something is missing; what, and how to get it.
    Missing(String),
}

/// Why there is no plan.
#[derive(Debug, Error, Diagnostic)]
pub enum PlanError {
    /// No archive that can be used here has the headers.
    #[error("no headers of PostgreSQL {major} can be had here: {why}")]
    #[diagnostic(help(
        "enable an archive that has them (`--mirror NAME`), then `cargo xtask lock --update`"
    ))]
    NoHeaders {
        /// The major.
        major: u16,
        /// What was looked at.
        why: String,
    },
    /// A release is to be made of inputs that are for development.
    #[error("not a release: {}", .0.join("; "))]
    #[diagnostic(help(
        "a release is compiled with headers of a distribution or of the PostgreSQL project: lock them \
         (`cargo xtask lock --update DISTRO --mirror NAME`), or name the targets without these majors"
    ))]
    NoRelease(Vec<String>),
}

impl ExitKind for PlanError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoHeaders { .. } => Exit::CannotHere,
            Self::NoRelease(_) => Exit::CheckFailed,
        }
    }
}

impl Plan {
    /// All jobs for some targets.
    pub fn compute(
        context: &Context<'_>,
        targets: &[Target],
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let mut builder = Builder::new(context);
        for target in targets {
            builder.target(target)?;
        }
        builder.finish(targets, purpose)
    }

    /// All jobs for those of some targets that can be built here, and for each whether it can. Contacts nothing.
    pub fn survey(
        context: &Context<'_>,
        targets: &[Target],
    ) -> Result<(Self, BTreeMap<String, Availability>), Failure> {
        let mut builder = Builder::new(context);
        let mut found = BTreeMap::new();
        let mut buildable = Vec::new();
        for target in targets {
            let state = match builder.target(target) {
                Ok(()) => {
                    buildable.push(target.clone());
                    Availability::Buildable
                }
                // A plan that can't be computed says why.
                Err(Failure {
                    report: Some(report),
                    ..
                }) => Availability::Missing(match report.help() {
                    Some(help) => format!("{report}; {help}"),
                    None => report.to_string(),
                }),
                Err(failure) => return Err(failure),
            };
            found.insert(target.to_string(), state);
        }
        Ok((builder.finish(&buildable, Purpose::Dist)?, found))
    }

    /// Sees that nothing in it is for development only.
    pub fn require_release(&self) -> Result<(), PlanError> {
        let mut found: Vec<String> = self
            .targets
            .values()
            .flat_map(|target| target.development.clone())
            .collect();
        found.sort();
        found.dedup();
        match found.is_empty() {
            true => Ok(()),
            false => Err(PlanError::NoRelease(found)),
        }
    }

    /// The job of this name.
    pub fn job(&self, id: &str) -> Option<&Job> {
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

#[cfg(test)]
mod tests;
