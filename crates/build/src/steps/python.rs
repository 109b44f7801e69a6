//! The steps that make Python runtimes.

use base::exit::Failure;
use jobs::job::JobRef;
use targets::Architecture;

use super::context::Steps;
use crate::layout::ROOTFS;
use crate::plan::{Step, Work};
use crate::runtime;

impl Steps<'_> {
    /// Makes the runtime that a step names.
    pub(super) fn python(&self, work: &Work<'_>) -> Result<String, Failure> {
        match &work.job.step {
            Step::Fixture {
                set,
                rootfs,
                wheels,
                ..
            } => {
                let python = self.wheel_set(set)?.python().to_string();
                Self::runtime(work, &python, rootfs, wheels)
            }
            Step::Runtime {
                distribution,
                rootfs,
                wheels,
            } => {
                let python = self.distribution(distribution)?.python.to_string();
                Self::runtime(work, &python, rootfs, wheels)
            }
            Step::CrossRuntime {
                distribution,
                rootfs,
                wheels,
                ..
            } => self.cross_runtime(work, distribution, rootfs, wheels),
            Step::SourceRuntime {
                python,
                architecture,
                rootfs,
                wheels,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.source_runtime(work, python, architecture, (rootfs, wheels))
            }
            _ => Err(Failure::bug(format!("`{}` makes no runtime", work.job.id))),
        }
    }

    /// Wheels, installed and byte-compiled by a distribution's own Python.
    fn runtime(
        work: &Work<'_>,
        python: &str,
        rootfs: &JobRef,
        wheels: &JobRef,
    ) -> Result<String, Failure> {
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        runtime::make(work, &rootfs, work.output(wheels)?, python)
    }

    /// The runtime of another architecture, byte-compiled by the same Python of this one.
    fn cross_runtime(
        &self,
        work: &Work<'_>,
        distribution: &str,
        rootfs: &JobRef,
        wheels: &JobRef,
    ) -> Result<String, Failure> {
        let distribution = self.distribution(distribution)?;
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        let python = distribution.python.to_string();
        let platforms = &distribution.architecture.platforms;
        let wheels = work.output(wheels)?;
        runtime::source::make_byte_compiled(work, &rootfs, wheels, &python, platforms)
    }

    /// The runtime of a Python that no locked distribution has, without byte code.
    fn source_runtime(
        &self,
        work: &Work<'_>,
        python: &str,
        architecture: &Architecture,
        (rootfs, wheels): (&JobRef, &JobRef),
    ) -> Result<String, Failure> {
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        let installer = self
            .distribution(&self.targets.wheels.installer)?
            .python
            .to_string();
        let platforms = &architecture.platforms;
        let wheels = work.output(wheels)?;
        runtime::source::make(work, &rootfs, &installer, wheels, python, platforms)
    }
}
