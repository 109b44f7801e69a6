//! The steps that make Python runtimes.

use base::exit::Failure;
use jobs::job::JobRef;
use targets::Architecture;

use super::context::Steps;
use crate::layout::ROOTFS;
use crate::plan::{Step, Work};
use crate::runtime::{self, Place};

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
                let place = Place::new(&python, None);
                Self::runtime(work, &place, rootfs, wheels)
            }
            Step::Runtime {
                distribution,
                extra,
                rootfs,
                wheels,
            } => {
                let python = self.distribution(distribution)?.python.to_string();
                let place = Place::new(&python, extra.as_deref());
                Self::runtime(work, &place, rootfs, wheels)
            }
            Step::CrossRuntime {
                distribution,
                extra,
                rootfs,
                wheels,
                ..
            } => {
                let distribution = self.distribution(distribution)?;
                let place = Place::new(&distribution.python.to_string(), extra.as_deref());
                let platforms = &distribution.architecture.platforms;
                let rootfs = work.output(rootfs)?.join(ROOTFS);
                let wheels = work.output(wheels)?;
                runtime::source::make_byte_compiled(work, &rootfs, wheels, &place, platforms)
            }
            Step::SourceRuntime {
                python,
                architecture,
                extra,
                rootfs,
                wheels,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                let place = Place::new(python, extra.as_deref());
                self.source_runtime(work, &place, architecture, (rootfs, wheels))
            }
            _ => Err(Failure::bug(format!("`{}` makes no runtime", work.job.id))),
        }
    }

    /// Wheels, installed and byte-compiled by a distribution's own Python.
    fn runtime(
        work: &Work<'_>,
        place: &Place,
        rootfs: &JobRef,
        wheels: &JobRef,
    ) -> Result<String, Failure> {
        let rootfs = work.output(rootfs)?.join(ROOTFS);
        runtime::make(work, &rootfs, work.output(wheels)?, place)
    }

    /// The runtime of a Python that no locked distribution has, without byte code.
    fn source_runtime(
        &self,
        work: &Work<'_>,
        place: &Place,
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
        runtime::source::make(work, &rootfs, &installer, wheels, place, platforms)
    }
}
