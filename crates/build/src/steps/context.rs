//! What all steps of a run share, and how a step finds what its job needs.

use std::path::Path;

use base::exit::Failure;
use base::store::Store;
use base::workspace::Workspace;
use debian::apt::options::RepositoryOptions;
use debian::apt::signing::SigningKey;
use inputs::fetch::mirrors::LazyMirrors;
use inputs::host::Host;
use inputs::host::emulation::Emulation;
use inputs::toolchain::Toolchain;
use symcheck::abi3::Abi3;
use symcheck::scope::Remembered;
use targets::lock::{Lock, WheelSet};
use targets::release::Release;
use targets::{Architecture, Distribution, Target, Targets};

use crate::compile::shared_objects::{CompilerCache, Wrapper};
use crate::plan::Work;

/// What the steps of one run share.
pub struct Steps<'a> {
    /// The source tree, the cache and the output directory.
    pub workspace: &'a Workspace,
    /// The contents of `packaging/targets.toml`.
    pub targets: &'a Targets,
    /// The targets of this run.
    pub chosen: &'a [Target],
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release.
    pub epoch: u64,
    /// This machine.
    pub host: &'a Host,
    /// The pinned Rust toolchain that compiles the extension.
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

    /// Whether an architecture is not this machine's.
    pub(crate) fn is_foreign(&self, architecture: &Architecture) -> bool {
        self.host.architecture(self.targets) != architecture
    }

    /// What runs an architecture's programs; `None` where the machine itself does.
    pub(crate) fn emulation(
        &self,
        architecture: &Architecture,
    ) -> Result<Option<Emulation>, Failure> {
        if !self.is_foreign(architecture) {
            return Ok(None);
        }
        Ok(Some(Emulation::of(architecture, self.host)?))
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.workspace.store())
    }

    /// Reads the symbols of Python's limited API from `packaging/abi3-symbols.txt`.
    pub fn abi3(&self) -> Result<Abi3, Failure> {
        Ok(Abi3::load(
            &self.workspace.packaging().join("abi3-symbols.txt"),
        )?)
    }

    pub(crate) fn wheel_set(&self, name: &str) -> Result<WheelSet, Failure> {
        let mut all = WheelSet::all(self.targets).into_iter();
        all.find(|set| set.name() == name).ok_or_else(|| {
            Failure::bug(format!(
                "the plan names the wheels `{name}`, which targets.toml does not have"
            ))
        })
    }

    /// The lock that pins the OpenBLAS of an architecture.
    pub fn openblas_lock(&self, architecture: &Architecture) -> Result<Lock, Failure> {
        let distribution =
            self.distribution(&architecture.qualify(&self.targets.openblas.distribution))?;
        Ok(Lock::open(self.workspace, self.targets, distribution)?)
    }

    /// The key that signs the release: the user's, or the local one.
    pub fn release_key(&self, log: &std::path::Path) -> Result<SigningKey, Failure> {
        match &self.repository.sign_key {
            Some(key) => SigningKey::of_user(&key.home, &key.id, log),
            None => self.signing_key(log),
        }
    }

    /// The local key; made on first need.
    pub fn signing_key(&self, log: &std::path::Path) -> Result<SigningKey, Failure> {
        SigningKey::local(&self.workspace.cache.join("signing-key"), log)
    }

    /// The wrapper for the compilers in a builder, where the user named a store.
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
