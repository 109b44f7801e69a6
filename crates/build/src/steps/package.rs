//! The steps that build packages.

use base::exit::Failure;
use targets::Distribution;

use super::context::Steps;
use crate::layout::{ROOTFS, STRIPPED};
use crate::package::packages;
use crate::plan::{Packaging, Step, Work};

impl Steps<'_> {
    fn release_facts<'b>(&'b self, distribution: &'b Distribution) -> packages::Facts<'b> {
        packages::Facts {
            release: self.release,
            epoch: self.epoch,
            distribution,
            architecture: &distribution.architecture.name,
            packaging: self.workspace.packaging(),
            root: &self.workspace.root,
        }
    }

    pub(super) fn extension_packages(
        &self,
        work: &Work<'_>,
        target: &str,
        reads: &Packaging,
    ) -> Result<String, Failure> {
        let target = self.target(target)?;
        let facts = self.release_facts(&target.distribution);
        let inputs = packages::ExtensionInputs {
            major: target.major,
            library: &work.output(&reads.stamped)?.join(STRIPPED),
            compiled: work.output(&reads.compiled)?,
            crates: &work.output(&reads.crates)?.join("registry/src"),
            verified: work.output(&reads.verified)?,
            compressed: work.output(&reads.compressed)?,
        };
        let builder = work.output(&reads.builder)?.join(ROOTFS);
        packages::extension(&facts, &inputs, &builder, work)
    }

    pub(super) fn runtime_package(&self, work: &Work<'_>) -> Result<String, Failure> {
        let Step::RuntimePackage {
            distribution,
            extra,
            runtime,
            byte_code,
            compressed,
            builder,
        } = &work.job.step
        else {
            return Err(Failure::bug(format!("`{}` builds no runtime", work.job.id)));
        };
        let facts = self.release_facts(self.distribution(distribution)?);
        let mut known = self.targets.wheels.extras.iter();
        let inputs = packages::RuntimeInputs {
            runtime: work.output(runtime)?,
            byte_code: *byte_code,
            compressed: work.output(compressed)?,
            extra: known.find(|one| Some(&one.name) == extra.as_ref()),
        };
        let builder = work.output(builder)?.join(ROOTFS);
        packages::runtime(&facts, &inputs, &builder, work)
    }
}
