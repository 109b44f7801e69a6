//! The steps that compile, and the gathering of their inputs.

use std::path::PathBuf;

use base::exit::Failure;
use jobs::job::JobRef;
use jobs::plan::Blocked;
use targets::Architecture;
use targets::lock::crates::CrateLock;

use super::context::Steps;
use crate::compile::blas_clash;
use crate::compile::extension::{Compile, kept_dir};
use crate::layout;
use crate::layout::ROOTFS;
use crate::plan::{Compiling, Job, Machine, PlanError, Step, Work};
use crate::sbom::native;

impl Steps<'_> {
    pub(super) fn compile(
        &self,
        work: &Work<'_>,
        major: u16,
        architecture: &Architecture,
        reads: &Compiling,
    ) -> Result<String, Failure> {
        let machine = Machine {
            architecture: self.targets.first_architecture(),
            rust_targets: &self.toolchain.targets,
        };
        let lacks = machine.cannot_compile_for(architecture);
        if let (Some(why), None) = (lacks, &reads.toolchain) {
            let job = work.job.id.clone();
            return Err(Blocked { job, why }.into());
        }
        self.with_compile(
            major,
            architecture,
            (work.job, reads),
            &|job| Ok(work.output(job)?.to_owned()),
            &|compile| {
                // Its store tells compilers apart by their files. A packaged one is started through a script, which stays the
                // same when the compiler changes.
                let wrapper = match &reads.toolchain {
                    None => self.wrapper(compile.builder, work)?,
                    Some(_) => None,
                };
                Compile {
                    wrapper: wrapper.as_ref(),
                    ..*compile
                }
                .run(work)
            },
        )
    }

    /// The directory of libclang in a builder.
    fn libclang(&self, builder_of: &str) -> Result<String, Failure> {
        let release = &self.distribution(builder_of)?.release;
        let known = self.targets.builder(release);
        let no_builder = || PlanError::NoBuilder {
            release: release.clone(),
        };
        Ok(known.ok_or_else(no_builder)?.libclang())
    }

    /// Gathers the inputs of a compile job and calls `act` with them. `output_of` finds the results of the jobs it needs.
    pub fn with_compile<T>(
        &self,
        major: u16,
        architecture: &Architecture,
        (job, reads): (&Job, &Compiling),
        output_of: &dyn Fn(&JobRef) -> Result<PathBuf, Failure>,
        act: &dyn Fn(&Compile<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lock = self.openblas_lock(architecture)?;
        let locked = lock
            .packages(&self.targets.openblas.role)
            .first()
            .map(|package| package.version.clone());
        let version = locked.unwrap_or_default();
        let archives = reads.libraries.iter().map(output_of);
        let archives: Vec<PathBuf> = archives.collect::<Result<_, _>>()?;
        let crates = CrateLock::load(&self.workspace.root.join("extension/Cargo.lock"))?;
        let native = native::load(&self.workspace.packaging(), &lock, &crates)?;
        let key = |read: &JobRef| job.inputs.get(&format!("job {}", read.id()));
        let mut made_by = vec![key(&reads.builder), key(&reads.openblas)];
        made_by.extend(reads.libraries.iter().map(key));
        made_by.extend(reads.toolchain.iter().map(key));
        let toolchain = match &reads.toolchain {
            None => self.toolchain.sysroot.clone(),
            Some(unpacked) => output_of(unpacked)?,
        };
        act(&Compile {
            major,
            architecture,
            source: &self.workspace.root,
            builder: &output_of(&reads.builder)?.join(ROOTFS),
            libclang: &self.libclang(&reads.builder_of)?,
            toolchain: &toolchain,
            cargo_home: &output_of(&reads.crates)?,
            headers: &output_of(&reads.headers)?,
            headers_key: key(&reads.headers),
            openblas: &output_of(&reads.openblas)?,
            archives: &archives,
            native: &native,
            openblas_version: native::upstream(&version),
            abi3: &self.abi3()?,
            kept: &kept_dir(&self.workspace.cache, &made_by, &self.toolchain.version),
            wrapper: None,
        })
    }

    pub(super) fn blas_clash(&self, work: &Work<'_>) -> Result<String, Failure> {
        let Step::BlasClash {
            major,
            reads,
            compiled,
            shared,
            old,
        } = &work.job.step
        else {
            return Err(Failure::bug(format!("`{}` links nothing", work.job.id)));
        };
        let compiled = work.output(compiled)?.join(layout::UNSTRIPPED);
        let (shared, old) = (work.output(shared)?, work.output(old)?);
        self.with_compile(
            *major,
            self.targets.first_architecture(),
            (work.job, reads),
            &|job| Ok(work.output(job)?.to_owned()),
            &|compile| blas_clash::link(compile, work, &compiled, shared, old),
        )
    }
}
