//! The steps that make Python runtimes.

use base::exit::Failure;
use jobs::job::JobRef;
use targets::Architecture;

use super::context::Steps;
use crate::layout::ROOTFS;
use crate::plan::Work;
use crate::runtime;

impl Steps<'_> {
    /// The wheels of a test, installed by a distribution's own Python.
    pub(super) fn fixture(
        &self,
        work: &Work<'_>,
        set: &str,
        rootfs: &JobRef,
        wheels: &JobRef,
    ) -> Result<String, Failure> {
        let python = self.wheel_set(set)?.python().to_string();
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        runtime::make(work, &rootfs, work.output(wheels)?, &python)
    }

    /// The runtime of a distribution, byte-compiled by its own Python.
    pub(super) fn runtime(
        &self,
        work: &Work<'_>,
        distribution: &str,
        rootfs: &JobRef,
        wheels: &JobRef,
    ) -> Result<String, Failure> {
        let python = self.distribution(distribution)?.python.to_string();
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        runtime::make(work, &rootfs, work.output(wheels)?, &python)
    }

    /// The runtime of another architecture, byte-compiled by the same Python of this one.
    pub(super) fn cross_runtime(
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
    pub(super) fn source_runtime(
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
