//! One run: what the commands that build have in common, from reading the configuration to the finished jobs.

use std::collections::BTreeMap;
use std::path::Path;

use base::exit::{Exit, ExitKind, Failure};
use base::progress::Listener;
use base::workspace::Workspace;
use build::compile::shared_objects::CompilerCache;
use build::plan::{Availability, Context, Machine, Outcome, Plan, Purpose};
use build::steps::Steps;
use debian::apt::options::RepositoryOptions;
use inputs::fetch::mirrors::{LazyMirrors, Mirrors, UserMirrors};
use inputs::host::Host;
use inputs::host::emulation::Emulation;
use inputs::lock::Resolver;
use inputs::toolchain::Toolchain;
use jobs::execute::cache::Cache;
use jobs::execute::{self, CacheLock, Limits};
use miette::Diagnostic;
use symcheck::scope::Remembered;
use targets::lock::{Absent, Lock};
use targets::release::{self, Release};
use targets::{Distribution, Extra, Target, Targets};

use thiserror::Error;

use crate::outdated::Summary;
use crate::publish::{self, Manifest};
use crate::report::run::RunRecord;

/// Everything that is read once at the start of a run.
pub struct Pipeline {
    /// The source tree, the cache and the output directory.
    pub workspace: Workspace,
    /// The contents of `packaging/targets.toml`.
    pub targets: Targets,
    /// What all packages share.
    pub release: Release,
    /// The time of the release.
    pub epoch: u64,
    /// The pinned Rust toolchain that compiles the extension.
    pub toolchain: Toolchain,
    /// The release and the architecture of this machine.
    pub host: Host,
    /// Why this machine can't run the programs of other architectures, by their names. Those that it emulates are not here.
    pub not_emulated: BTreeMap<String, String>,
    /// What the user decided about the repository.
    pub repository: RepositoryOptions,
    /// The store through which machines share compiled objects, if the user named one.
    pub compiler_cache: Option<CompilerCache>,
    /// The packages beside the runtimes that the user asks for.
    pub extras: Vec<Extra>,
    /// The builder that compiles. Where no mirror has its packages any more, the next builder is used.
    builder: usize,
    mirrors: LazyMirrors,
}

/// A name of `--extra` that targets.toml does not have.
#[derive(Debug, Error, Diagnostic)]
#[error("there is no extra package `{name}`")]
#[diagnostic(help("there are: {}", known.join(", ")))]
pub struct NoSuchExtra {
    name: String,
    known: Vec<String>,
}

impl ExitKind for NoSuchExtra {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Pipeline {
    /// Reads the configuration. `epoch` is SOURCE_DATE_EPOCH where it is set.
    pub fn load(
        workspace: &Workspace,
        epoch: Option<&str>,
        mirrors: &UserMirrors,
    ) -> Result<Self, Failure> {
        let packaging = workspace.packaging();
        let release = Release::load(&packaging.join("release.toml"))?;
        let targets = Targets::load(&packaging.join("targets.toml"))?;
        let host = Host::detect(std::path::Path::new("/"));
        Ok(Self {
            epoch: release::epoch(&release, epoch)?,
            not_emulated: Emulation::missing(&targets, &host),
            targets,
            release,
            toolchain: Toolchain::find(workspace)?,
            host,
            mirrors: LazyMirrors::new(mirrors),
            repository: RepositoryOptions {
                further_keys: Some(packaging.join("keys")),
                ..RepositoryOptions::default()
            },
            compiler_cache: None,
            extras: Vec::new(),
            builder: 0,
            workspace: workspace.clone(),
        }
        .with_locked_builder())
    }

    /// With the first builder that is locked, where there is one.
    fn with_locked_builder(mut self) -> Self {
        let architecture = self.host.architecture(&self.targets);
        let locked = self.targets.builders.iter().position(|builder| {
            let id = architecture.qualify(&builder.distribution);
            Lock::path(&self.workspace, &id).exists()
        });
        self.builder = locked.unwrap_or(0);
        self
    }

    /// The release whose root file system compiles.
    pub fn builder(&self) -> &targets::Builder {
        &self.targets.builders[self.builder] // INVARIANT: `next_builder` keeps it within the list
    }

    /// Lets the next release compile; whether there is one.
    pub fn next_builder(&mut self) -> bool {
        let there = self.builder + 1 < self.targets.builders.len();
        self.builder += usize::from(there);
        there
    }

    /// From now on no archive may be contacted.
    pub fn forbid_mirrors(&mut self) {
        self.mirrors.forbid();
    }

    /// The archives that may be contacted.
    pub fn mirrors(&self) -> Result<&Mirrors, Failure> {
        self.mirrors.get(&self.targets, &self.workspace)
    }

    /// The resolver for the lock of a distribution, with its archives' current indexes and without the packages that they
    /// have lost.
    pub fn resolver<'a>(
        &'a self,
        distribution: &'a Distribution,
        absent: &'a [Absent],
    ) -> Result<Resolver<'a>, Failure> {
        Ok(Resolver {
            targets: &self.targets,
            distribution,
            mirrors: self.mirrors()?,
            dir: self.workspace.apt_root(&distribution.id),
            absent,
        })
    }

    fn context(&self) -> Context<'_> {
        Context {
            workspace: &self.workspace,
            targets: &self.targets,
            release: &self.release,
            epoch: self.epoch,
            toolchain: &self.toolchain.version,
            machine: Machine {
                architecture: self.host.architecture(&self.targets),
                rust_targets: &self.toolchain.targets,
            },
            not_emulated: &self.not_emulated,
            builder: self.builder(),
            repository: &self.repository,
            lockable: Vec::new(),
            extras: &self.extras,
        }
    }

    /// From now on the packages of these names are built beside the runtimes.
    pub fn use_extras(&mut self, names: &[String]) -> Result<(), NoSuchExtra> {
        let known = &self.targets.wheels.extras;
        let found = |name: &String| known.iter().find(|extra| extra.name == *name).cloned();
        let no_such = |name: &String| NoSuchExtra {
            name: name.clone(),
            known: known.iter().map(|extra| extra.name.clone()).collect(),
        };
        let chosen = names
            .iter()
            .map(|name| found(name).ok_or_else(|| no_such(name)));
        self.extras = chosen.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The plan for some targets, all of which this machine can carry out.
    pub fn plan(&self, chosen: &[Target], purpose: Purpose) -> Result<Plan, Failure> {
        let plan = self.whole_plan(chosen, purpose)?;
        plan.require_possible()?;
        Ok(plan)
    }

    /// The plan for some targets, with the jobs that this machine can't do.
    pub fn whole_plan(&self, chosen: &[Target], purpose: Purpose) -> Result<Plan, Failure> {
        build::plan::compute(&self.context(), chosen, purpose)
    }

    /// The plan for the test of the BLAS clash.
    pub fn crash_plan(&self) -> Result<Plan, Failure> {
        build::plan::crash::plan(&self.context())
    }

    /// The plan for the libraries that `bench trees` compares with, for a Python, and the job that installs them.
    pub fn bench_plan(&self, python: &str) -> Result<Option<(Plan, String)>, Failure> {
        build::plan::bench::plan(&self.context(), python)
    }

    /// The plan for the test of publishing.
    pub fn registry_plan(&self) -> Result<Plan, Failure> {
        build::plan::registry::plan(&self.context())
    }

    /// The plan for those of some targets that can be built here, and for each target whether it can. Contacts no server.
    pub fn survey(
        &self,
        chosen: &[Target],
    ) -> Result<(Plan, BTreeMap<String, Availability>), Failure> {
        let mut context = self.context();
        let not_locked = self.not_locked(chosen);
        if !not_locked.is_empty() {
            let mirrors = self.mirrors()?;
            let lockable = not_locked.into_iter().filter(|one| mirrors.reach(one));
            context.lockable = lockable.map(|one| one.id.clone()).collect();
        }
        build::plan::survey(&context, chosen)
    }

    /// The results of finished jobs.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.workspace.cache)
    }

    /// Runs the jobs of a plan whose results are not in the cache.
    pub fn execute(
        &self,
        plan: &Plan,
        chosen: &[Target],
        listener: &dyn Listener,
    ) -> Result<Outcome, Failure> {
        self.execute_within(&Limits::of_machine(), plan, chosen, listener)
    }

    /// The same with other limits than the machine's own.
    pub fn execute_within(
        &self,
        limits: &Limits,
        plan: &Plan,
        chosen: &[Target],
        listener: &dyn Listener,
    ) -> Result<Outcome, Failure> {
        let _lock = CacheLock::acquire(&self.workspace.cache, listener)?;
        let cache = self.cache();
        cache.sweep()?;
        let steps = self.steps(chosen);
        let logs = |job: &str| self.workspace.log(job);
        let outcome = execute::execute(plan, &cache, &logs, limits, listener, &|work| {
            steps.run(work)
        })?;
        cache.touch(&plan.jobs);
        cache.prune()?;
        RunRecord::of(plan, &outcome, &cache, limits.cores).save(&self.workspace.cache)?;
        Ok(outcome)
    }

    /// Puts the results of a finished plan into `out`, unless it has them and nothing was made `again`; returns what was
    /// published. Alone in the cache: two runs that publish at once would share the tree beside `out`.
    pub fn publish(
        &self,
        out: &Path,
        plan: &Plan,
        again: bool,
        outdated: &Summary,
        listener: &dyn Listener,
    ) -> Result<Option<Manifest>, Failure> {
        if !again && publish::is_current(out, plan) && !publish::has_leftovers(out) {
            return Ok(None);
        }
        let _lock = CacheLock::acquire(&self.workspace.cache, listener)?;
        publish::remove_leftovers(out)?;
        if !again && publish::is_current(out, plan) {
            return Ok(None);
        }
        let log = self.workspace.log("publish");
        let steps = self.steps(&[]);
        let facts = publish::Facts {
            release: &self.release,
            epoch: self.epoch,
            abi3: &steps.abi3()?,
            toolchain: &self.toolchain.version,
            outdated,
            source: (&self.workspace, &self.targets),
            key: &steps.release_key(&log)?,
            log: &log,
        };
        publish::publish(out, plan, &self.cache(), &facts).map(Some)
    }

    /// The steps of this run.
    pub fn steps<'a>(&'a self, chosen: &'a [Target]) -> Steps<'a> {
        Steps {
            workspace: &self.workspace,
            targets: &self.targets,
            chosen,
            release: &self.release,
            epoch: self.epoch,
            host: &self.host,
            toolchain: &self.toolchain,
            mirrors: &self.mirrors,
            repository: &self.repository,
            remembered: Remembered::default(),
            compiler_cache: self.compiler_cache.as_ref(),
        }
    }
}
