//! The jobs that compile for an architecture, and the jobs that need only their results.

use base::exit::Failure;
use targets::{Architecture, Target};

use super::{Builder, nothing_more, on};
use crate::compile::cpp_library::LIBRARIES;
use crate::compile::extension;
use crate::plan::{Compiling, Job, PlanError, Step, ids};

impl Builder<'_> {
    /// The name of an architecture in steps. It is none for the first one, so that its jobs keep the keys from before there
    /// were others.
    pub(super) fn named(&self, architecture: &Architecture) -> Option<String> {
        let first = self.context.targets.first_architecture();
        (architecture != first).then(|| architecture.name.clone())
    }

    /// The root file system that compiles for an architecture: this machine's own builder, with a cross compiler where it is
    /// needed.
    pub(super) fn compiler(&mut self, architecture: &Architecture) -> Result<Job, Failure> {
        let here = self.context.machine.architecture;
        if architecture == here {
            return self.builder_rootfs();
        }
        let builder = self.here(&self.context.builder.distribution);
        let role = architecture.cross_role();
        let facts = self.distribution(&builder)?;
        let targets = self.context.targets;
        if !targets.roles_of(&facts).any(|known| known.name == role) {
            return Err(PlanError::NoCross {
                from: here.name.clone(),
                to: architecture.name.clone(),
            }
            .into());
        }
        self.rootfs(&builder, &role)
    }

    pub(super) fn compile(
        &mut self,
        major: u16,
        architecture: &Architecture,
    ) -> Result<Job, Failure> {
        let builder = self.compiler(architecture)?;
        let linked = &self.context.targets.openblas;
        let openblas = self.unpack(&architecture.qualify(&linked.distribution), &linked.role)?;
        let (headers, _) = self.headers(major, architecture)?;
        let crates = self.crates()?;
        let mut archives = Vec::new();
        for library in &LIBRARIES {
            archives.push(self.library(library, architecture)?);
        }
        let id = ids::compile(major, architecture);
        let toolchain = match self.toolchain(architecture)? {
            Ok(found) => Some(found),
            Err(why) => {
                self.blocked.insert(id.clone(), why);
                None
            }
        };
        let unpacked = toolchain.as_ref().and_then(|found| found.job.clone());
        let reads = Compiling {
            builder: builder.reference(),
            builder_of: self.here(&self.context.builder.distribution),
            headers: headers.reference(),
            openblas: openblas.reference(),
            crates: crates.reference(),
            libraries: archives.iter().map(Job::reference).collect(),
            toolchain: unpacked.as_ref().map(Job::reference),
        };
        let mut needs = vec![&builder, &headers, &openblas, &crates];
        needs.extend(&archives);
        needs.extend(&unpacked);
        let pinned = self.context.toolchain;
        let toolchain = match toolchain.filter(|found| found.job.is_some()) {
            Some(found) => found.chosen.version,
            None => pinned.to_owned(),
        };
        self.add(
            id,
            format!(
                "compile the extension for PostgreSQL {major}{}",
                on(architecture)
            ),
            Step::Compile {
                major,
                architecture: self.named(architecture),
                reads,
            },
            |inputs| {
                let inputs = inputs.value("toolchain", &toolchain);
                let mut inputs = inputs;
                for dir in extension::SOURCES {
                    inputs = inputs.tree_without(dir, extension::is_not_source)?;
                }
                Ok(inputs)
            },
            &needs,
        )
    }

    /// Fetches the package of the static OpenBLAS that is linked into a target's library.
    pub(super) fn fetch_openblas(&mut self, target: &Target) -> Result<Job, Failure> {
        let architecture = &target.distribution.architecture;
        let linked = &self.context.targets.openblas;
        self.fetch(&architecture.qualify(&linked.distribution), &linked.role)
    }

    pub(super) fn compile_for(&mut self, target: &Target) -> Result<Job, Failure> {
        self.compile(target.major, &target.distribution.architecture)
    }

    /// Why the builder can't build for a target; `None` if it can.
    fn too_new_a_builder(&self, target: &Target) -> Result<Option<String>, Failure> {
        let builder = self.distribution(&self.context.builder.distribution)?;
        let (ours, theirs) = (&builder.glibc, &target.distribution.glibc);
        Ok((ours > theirs).then(|| {
            format!(
                "the builder that can be had here is {}, whose glibc {ours} is newer than {theirs} of {}",
                builder.title, target.distribution.title
            )
        }))
    }

    pub(super) fn stamp(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let soname = target.distribution.libpython_soname();
        let id = ids::stamp(&target);
        if let Some(why) = self.too_new_a_builder(target)? {
            self.blocked.insert(id.clone(), why);
        }
        self.add(
            id,
            format!("stamp the library for {soname}"),
            Step::Stamp {
                target: target.to_string(),
                compiled: compile.reference(),
            },
            |inputs| Ok(inputs.value("soname of libpython", &soname)),
            &[&compile],
        )
    }

    /// Compresses the files that the packages of a major have in common on all distributions.
    pub(super) fn compress(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let major = target.major;
        let architecture = &target.distribution.architecture;
        self.add(
            ids::compress(major, architecture),
            format!("compress what the packages for PostgreSQL {major} share"),
            Step::Compress {
                major,
                compiled: compile.reference(),
            },
            nothing_more,
            &[&compile],
        )
    }
}
