//! The plan: all work that a set of targets needs, computed before any job runs. `plan` prints it, `dist` runs it.

mod builder;
pub mod document;
pub mod github;
pub mod ids;
pub mod kinds;
mod reads;
mod recipe;
mod step;
pub mod workflow;

pub use self::builder::{bench, crash, registry};
pub use self::reads::{Compiling, Packaging, Parts};
pub use self::step::Step;

use std::collections::BTreeMap;

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::workspace::Workspace;
use debian::apt::options::RepositoryOptions;
use jobs::job::JobId;
use targets::release::Release;
use targets::{Architecture, End, Extra, Target, Targets};

use self::builder::Builder;

/// A job of ours.
pub type Job = jobs::job::Job<Step>;
/// What one of our steps is given to work with.
pub type Work<'a> = jobs::execute::Work<'a, Step>;
/// What is known of a finished job of ours.
pub type Record = jobs::execute::cache::Record<Step>;
/// What a run did.
pub type Outcome = jobs::execute::Outcome<Step>;
/// All work for some targets.
pub type Plan = jobs::plan::Plan<Step, TargetPlan>;

/// What is planned for a target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetPlan {
    /// The jobs that make its packages and images.
    pub goals: Vec<JobId>,
    /// The inputs that a release refuses.
    pub development: Vec<String>,
    /// The owner of the packages that stand in for the distribution's, where the lock comes from an archive that tests made.
    pub stand_in: Option<String>,
    /// The announced ends of support of its Postgres and of its distribution.
    pub ends: Vec<End>,
    /// How its Python runtime is made.
    pub runtime: Interpreter,
    /// What compiles its library; `None` if nothing can here.
    pub toolchain: Option<ChosenToolchain>,
    /// Why apt can't install it here; `None` if it can.
    pub not_installable: Option<String>,
    /// Why no image with a server is made of it here; `None` if one is.
    pub no_image: Option<String>,
    /// The distribution in which its library can be loaded here, by its id.
    pub loadable_in: Option<String>,
    /// Why there is none.
    pub not_loadable: Option<String>,
    /// Why it can't be built on this machine; `None` if it can.
    pub blocked: Option<String>,
}

/// The Rust toolchain that compiles a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChosenToolchain {
    /// Its name in `targets.toml`.
    pub name: String,
    /// The version of its compiler.
    pub version: String,
    /// What those that go before it lack; `None` for the first.
    pub why: Option<String>,
}

/// The Python that byte-compiles a distribution's runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub enum Interpreter {
    /// The Python of the distribution itself byte-compiles the runtime.
    Own,
    /// The Python of another distribution with the same version, whose runtime is used.
    Same(String),
    /// The Python of the same version on this machine's architecture, from the distribution with this id: byte code is the
    /// same on every architecture.
    OtherMachine(String),
    /// No lock has such a Python: the wheels are only unpacked, and the package byte-compiles them when it is installed.
    None,
}

/// What a plan is computed from.
pub struct Context<'a> {
    /// The source tree, the cache and the output directory.
    pub workspace: &'a Workspace,
    /// The contents of `packaging/targets.toml`.
    pub targets: &'a Targets,
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release, seconds since 1970.
    pub epoch: u64,
    /// What `rustc -vV` says.
    pub toolchain: &'a str,
    /// What the machine is, that is to carry it out.
    pub machine: Machine<'a>,
    /// Why that machine can't run the programs of other architectures, by their names. Those that it emulates are not here.
    pub not_emulated: &'a BTreeMap<String, String>,
    /// The release whose root file system compiles. The builder of the machine's own architecture compiles for every
    /// architecture.
    pub builder: &'a targets::Builder,
    /// What the user decided about the repository.
    pub repository: &'a RepositoryOptions,
    /// The ids of the distributions that have no lock and whose archives may be contacted here.
    pub lockable: Vec<String>,
    /// The packages beside the runtimes that are asked for.
    pub extras: &'a [Extra],
}

/// The machine that is to carry out a plan.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// The architecture of the machine, by which compilers are native or cross.
    pub architecture: &'a Architecture,
    /// The target triples whose standard library its Rust toolchain has.
    pub rust_targets: &'a [String],
}

impl Machine<'_> {
    /// Why it can't compile for an architecture; `None` if it can.
    pub fn cannot_compile_for(&self, architecture: &Architecture) -> Option<String> {
        let rust = &architecture.rust;
        (!self.rust_targets.contains(rust)).then(|| {
            format!(
                "the pinned Rust toolchain has no standard library for {} here; `rustup target add {rust}` brings it, and an \
                 {} machine needs none",
                architecture.name, architecture.name
            )
        })
    }
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
    /// Packages and the repository, and the systems to install them into where an emulator runs these.
    Emulated,
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
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum PlanError {
    /// No archive that can be used here has the headers.
    #[error("no headers of PostgreSQL {major} for {architecture} can be had here: {why}")]
    #[diagnostic(help(
        "enable an archive that has them (`--mirror NAME`), then `cargo xtask lock --update`"
    ))]
    NoHeaders {
        /// The major version of PostgreSQL that lacks headers.
        major: u16,
        /// The architecture for which there are none.
        architecture: String,
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
    /// A project has no wheel for a Python.
    #[error("{package} can't be made for Python {python}: {title} has no wheel for it")]
    #[diagnostic(help("leave out `--extra {name}`, or the targets with this Python"))]
    NoWheel {
        /// The package.
        package: String,
        /// Its name for `--extra`.
        name: String,
        /// What people call the project.
        title: String,
        /// The Python, with the architecture where it is not the first.
        python: String,
    },
    /// A release that no `[[builder]]` names is to compile.
    #[error("{release} is no builder")]
    #[diagnostic(help("`[[builder]]` in packaging/targets.toml lists the builders"))]
    NoBuilder {
        /// The release that no `[[builder]]` of targets.toml names.
        release: String,
    },
    /// No compiler of this machine's builder is for an architecture.
    #[error(
        "the builder of {from} has no compiler for {to}: there is no role `cross-{to}` in packaging/targets.toml"
    )]
    #[diagnostic(help("a machine of {to} builds it natively"))]
    NoCross {
        /// The architecture of this machine, by Debian's name.
        from: String,
        /// The architecture of the target, by Debian's name.
        to: String,
    },
}

impl ExitKind for PlanError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoHeaders { .. }
            | Self::NoCross { .. }
            | Self::NoBuilder { .. }
            | Self::NoWheel { .. } => Exit::CannotHere,
            Self::NoRelease(_) => Exit::CheckFailed,
        }
    }
}

/// All jobs for some targets.
pub fn compute(
    context: &Context<'_>,
    targets: &[Target],
    purpose: Purpose,
) -> Result<Plan, Failure> {
    let mut builder = Builder::new(context);
    for target in targets {
        builder.target(target)?;
    }
    builder.finish(targets, purpose)
}

/// All jobs for those of some targets that can be built here, and for each target whether it can. Contacts no server.
pub fn survey(
    context: &Context<'_>,
    targets: &[Target],
) -> Result<(Plan, BTreeMap<String, Availability>), Failure> {
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
    let plan = builder.finish(&buildable, Purpose::Dist)?;
    for (name, target) in &plan.targets {
        if let Some(why) = &target.blocked {
            found.insert(name.clone(), Availability::Missing(why.clone()));
        }
    }
    Ok((plan, found))
}

/// The job that makes the root file system which compiles.
pub fn builder(plan: &Plan) -> Option<&Job> {
    let is_builder = |job: &&Job| matches!(&job.step, Step::Rootfs { role, .. } if role == targets::Builder::ROLE);
    plan.jobs.iter().find(is_builder)
}

/// The release of that root file system.
pub fn builder_release(plan: &Plan) -> Option<&str> {
    match &builder(plan)?.step {
        Step::Rootfs { distribution, .. } => Some(distribution),
        _ => None,
    }
}

/// Writes down for each target why it can't be built here.
fn tell_blocked_targets(plan: &mut Plan) {
    let whys: Vec<Option<String>> = plan
        .targets
        .values()
        .map(|target| {
            let needed = plan.closure(&target.goals);
            let mut blocked = plan.blocked.iter();
            let found = blocked.find(|(job, _)| needed.contains(job.as_str()));
            found.map(|(_, why)| why.clone())
        })
        .collect();
    for (target, why) in plan.targets.values_mut().zip(whys) {
        target.blocked = why;
    }
}

/// Sees that nothing in it is for development only.
pub fn require_release(plan: &Plan) -> Result<(), PlanError> {
    let mut found: Vec<String> = plan
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

impl jobs::plan::Target for TargetPlan {
    fn goals(&self) -> &[JobId] {
        &self.goals
    }

    fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }
}
