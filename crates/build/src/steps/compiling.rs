//! The steps that compile, and what they are given.

use crate::layout;
use std::path::PathBuf;

use super::context::{Steps, compiler_job, needed};
use crate::compile::blas_clash;
use crate::compile::cpp_library;
use crate::compile::extension::{Compile, kept_dir};
use crate::layout::ROOTFS;
use crate::plan::Job;
use crate::plan::Work;
use crate::plan::{Machine, OPENBLAS, PlanError, crash};
use crate::sbom::native;
use base::exit::Failure;
use jobs::plan::Blocked;
use targets::Architecture;
use targets::lock::crates::CrateLock;

impl Steps<'_> {
    pub(super) fn compile(
        &self,
        work: &Work<'_>,
        major: u16,
        architecture: &Architecture,
    ) -> Result<String, Failure> {
        let machine = Machine {
            architecture: self.targets.first_architecture(),
            rust_targets: &self.toolchain.targets,
        };
        if let Some(why) = machine.cannot_compile_for(architecture) {
            let job = work.job.id.clone();
            return Err(Blocked { job, why }.into());
        }
        self.with_compile(
            major,
            architecture,
            work.job,
            &|id| Ok(work.output_of(id)?.to_owned()),
            &|compile| {
                let wrapper = self.wrapper(compile.builder, work)?;
                Compile {
                    wrapper: wrapper.as_ref(),
                    ..*compile
                }
                .run(work)
            },
        )
    }

    /// The directory of libclang in the root file system that a job makes.
    fn libclang(&self, builder: &str) -> Result<String, Failure> {
        let id = builder.split(':').nth(1).unwrap_or_default();
        let release = &self.distribution(id)?.release;
        let known = self.targets.builder(release);
        let no_builder = || PlanError::NoBuilder {
            release: release.clone(),
        };
        Ok(known.ok_or_else(no_builder)?.libclang())
    }

    /// Gathers what a compile job reads (`output_of` finds the results of the jobs it needs) and hands it to `act`.
    pub fn with_compile<T>(
        &self,
        major: u16,
        architecture: &Architecture,
        job: &Job,
        output_of: &dyn Fn(&str) -> Result<PathBuf, Failure>,
        act: &dyn Fn(&Compile<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let headers = needed(job, "unpack:", ":headers");
        let openblas = needed(job, "unpack:", &format!(":{}", OPENBLAS.1));
        let builder = compiler_job(job, architecture);
        let lock = self.openblas_lock(architecture)?;
        let locked = lock
            .packages(OPENBLAS.1)
            .first()
            .map(|package| package.version.clone());
        let version = locked.unwrap_or_default();
        let libraries: Vec<String> = cpp_library::LIBRARIES
            .iter()
            .map(|library| architecture.qualify(&library.job()))
            .collect();
        let archives = libraries.iter().map(|id| output_of(id));
        let archives: Vec<PathBuf> = archives.collect::<Result<_, _>>()?;
        let crates = CrateLock::load(&self.workspace.root.join("extension/Cargo.lock"))?;
        let native = native::load(&self.workspace.packaging(), &lock, &crates)?;
        let key = |id: &str| job.inputs.get(&format!("job {id}"));
        let mut made_by = vec![key(builder), key(openblas)];
        made_by.extend(libraries.iter().map(|id| key(id)));
        act(&Compile {
            major,
            architecture,
            source: &self.workspace.root,
            builder: &output_of(builder)?.join(ROOTFS),
            libclang: &self.libclang(builder)?,
            toolchain: &self.toolchain.sysroot,
            cargo_home: &output_of("fetch:crates")?,
            headers: &output_of(headers)?,
            headers_key: key(headers),
            openblas: &output_of(openblas)?,
            archives: &archives,
            native: &native,
            openblas_version: native::upstream(&version),
            abi3: &self.abi3()?,
            kept: &kept_dir(&self.workspace.cache, &made_by, &self.toolchain.version),
            wrapper: None,
        })
    }

    pub(super) fn mislink(&self, work: &Work<'_>, major: u16) -> Result<String, Failure> {
        let compiled = work.output_of(&format!("compile:pg{major}"))?;
        let other = |role| work.output_of(&format!("unpack:{}:{role}", crash::OLD.0));
        let (shared, old) = (other(crash::ROLE)?, other(crash::STATIC)?);
        self.with_compile(
            major,
            self.targets.first_architecture(),
            work.job,
            &|id| Ok(work.output_of(id)?.to_owned()),
            &|compile| {
                blas_clash::link(
                    compile,
                    work,
                    &compiled.join(layout::UNSTRIPPED),
                    shared,
                    old,
                )
            },
        )
    }
}
