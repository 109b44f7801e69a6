//! The steps that make Python runtimes.

use base::exit::Failure;
use targets::Architecture;

use super::context::{Steps, needed};
use crate::layout::ROOTFS;
use crate::plan::{INSTALLER, Work, crash};
use crate::runtime;

impl Steps<'_> {
    pub(super) fn fixture(
        &self,
        work: &Work<'_>,
        set: &str,
        distribution: &str,
    ) -> Result<String, Failure> {
        let rootfs = work.output_of(&format!("rootfs:{distribution}:{}", crash::ROLE))?;
        let wheels = work.output_of(&format!("fetch:{set}"))?;
        let python = self.wheel_set(set)?.python().to_string();
        runtime::make(work, &rootfs.join(ROOTFS), wheels, &python)
    }

    pub(super) fn runtime(&self, work: &Work<'_>, distribution: &str) -> Result<String, Failure> {
        let python = self.distribution(distribution)?.python.to_string();
        let rootfs = work
            .output_of(&format!("rootfs:{distribution}:python"))?
            .join(ROOTFS);
        runtime::make(
            work,
            &rootfs,
            work.output_of(&format!("fetch:python{python}"))?,
            &python,
        )
    }

    pub(super) fn cross_runtime(
        &self,
        work: &Work<'_>,
        distribution: &str,
        by: &str,
    ) -> Result<String, Failure> {
        let distribution = self.distribution(distribution)?;
        let rootfs = work.output_of(&format!("rootfs:{by}:python"))?.join(ROOTFS);
        let (_, wheels) = Self::need(work, "fetch:python")?;
        let python = distribution.python.to_string();
        let platforms = &distribution.architecture.platforms;
        runtime::source::make_byte_compiled(work, &rootfs, wheels, &python, platforms)
    }

    pub(super) fn source_runtime(
        &self,
        work: &Work<'_>,
        python: &str,
        architecture: &Architecture,
    ) -> Result<String, Failure> {
        let rootfs = needed(work.job, "rootfs:", ":python");
        let rootfs = work.output_of(rootfs)?.join(ROOTFS);
        let (_, wheels) = Self::need(work, "fetch:python")?;
        let installer = self.distribution(INSTALLER)?.python.to_string();
        let platforms = &architecture.platforms;
        runtime::source::make(work, &rootfs, &installer, wheels, python, platforms)
    }
}
