//! What all steps of a run share, and how a step finds what its job needs.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::store::Store;
use base::workspace::Workspace;
use debian::apt::options::RepositoryOptions;
use debian::apt::signing::SigningKey;
use inputs::fetch::mirrors::LazyMirrors;
use inputs::toolchain::Toolchain;
use symcheck::abi3::Abi3;
use symcheck::scope::Remembered;
use targets::lock::{Lock, WheelSet};
use targets::release::Release;
use targets::{Architecture, Distribution, Target, Targets};

use crate::compile::shared_objects::{CompilerCache, Wrapper};
use crate::layout::ROOTFS;
use crate::plan::{Job, OPENBLAS, Work};

/// What the jobs that compile a major are called, up to that.
pub(super) const COMPILE: &str = "compile:pg";

/// The job that another needs, whose name begins and ends so: which one it is was decided when the plan was made. Empty where
/// it needs none.
pub(super) fn needed<'a>(job: &'a Job, begins: &str, ends: &str) -> &'a str {
    let mut all = job.needs.iter();
    let found = all.find(|id| id.starts_with(begins) && id.ends_with(ends));
    found.map_or("", String::as_str)
}

/// The job that makes the root file system of another's compiler.
pub(super) fn compiler_job<'a>(job: &'a Job, architecture: &Architecture) -> &'a str {
    let cross = needed(job, "rootfs:", &format!(":{}", architecture.cross_role()));
    match cross {
        "" => needed(job, "rootfs:", &format!(":{}", targets::Builder::ROLE)),
        cross => cross,
    }
}

/// What the steps of one run share.
pub struct Steps<'a> {
    /// Where things are.
    pub workspace: &'a Workspace,
    /// The matrix.
    pub targets: &'a Targets,
    /// The targets of this run.
    pub chosen: &'a [Target],
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release.
    pub epoch: u64,
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The archives that may be contacted.
    pub mirrors: &'a LazyMirrors,
    /// What the user decided about the repository.
    pub repository: &'a RepositoryOptions,
    /// The libraries that were read for verdicts.
    pub remembered: Remembered,
    /// Where compiled objects are shared with other machines.
    pub compiler_cache: Option<&'a CompilerCache>,
}

impl Steps<'_> {
    pub(crate) fn distribution(&self, id: &str) -> Result<&Distribution, Failure> {
        Ok(self.targets.require_distribution(id)?)
    }

    pub(crate) fn target(&self, name: &str) -> Result<Target, Failure> {
        Ok(self.targets.target(name)?)
    }

    /// The architecture that a step names; the first where it names none.
    pub(crate) fn architecture(&self, name: Option<&str>) -> Result<&Architecture, Failure> {
        match name {
            None => Ok(self.targets.first_architecture()),
            Some(name) => Ok(self.targets.require_architecture(name)?),
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.workspace.store())
    }

    /// Python's limited API.
    pub fn abi3(&self) -> Result<Abi3, Failure> {
        Ok(Abi3::load(
            &self.workspace.packaging().join("abi3-symbols.txt"),
        )?)
    }

    pub(crate) fn wheel_set(&self, name: &str) -> Result<WheelSet, Failure> {
        let mut all = WheelSet::all(self.targets).into_iter();
        all.find(|set| set.name() == name).ok_or_else(|| {
            Failure::bug(format!(
                "the plan names the wheels `{name}`, which targets.toml has not"
            ))
        })
    }

    pub(crate) fn builder(&self, work: &Work<'_>) -> Result<PathBuf, Failure> {
        let id = needed(work.job, "rootfs:", &format!(":{}", targets::Builder::ROLE));
        Ok(work.output_of(id)?.join(ROOTFS))
    }

    /// The job of a kind that a job needs, and its output: which one it is was decided when the plan was made.
    pub(crate) fn need<'b>(
        work: &'b Work<'_>,
        kind: &'b str,
    ) -> Result<(&'b str, &'b Path), Failure> {
        let id = work.job.needs.iter().find(|id| id.starts_with(kind));
        let id = id.map_or(kind, String::as_str);
        Ok((id, work.output_of(id)?))
    }

    /// The lock that pins the OpenBLAS of an architecture.
    pub fn openblas_lock(&self, architecture: &Architecture) -> Result<Lock, Failure> {
        let distribution = self.distribution(&architecture.qualify(OPENBLAS.0))?;
        Ok(Lock::open(self.workspace, self.targets, distribution)?)
    }

    /// The local key; made on first need.
    pub fn signing_key(&self, log: &std::path::Path) -> Result<SigningKey, Failure> {
        SigningKey::local(&self.workspace.cache.join("signing-key"), log)
    }

    /// The root file system of the job's compiler for an architecture: a cross compiler's, or the builder itself.
    pub(crate) fn compiler(
        &self,
        work: &Work<'_>,
        architecture: &Architecture,
    ) -> Result<PathBuf, Failure> {
        let id = compiler_job(work.job, architecture);
        Ok(work.output_of(id)?.join(ROOTFS))
    }

    /// What the compilers in a builder are wrapped by, where the user named a store.
    pub(crate) fn wrapper(
        &self,
        builder: &Path,
        work: &Work<'_>,
    ) -> Result<Option<Wrapper>, Failure> {
        self.compiler_cache
            .map(|cache| {
                let (workspace, toolchain) = (self.workspace, self.toolchain);
                cache.wrapper(workspace, toolchain, builder, &work.scratch, work.listener)
            })
            .transpose()
    }
}
