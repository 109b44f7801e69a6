//! The steps that build packages.

use base::exit::Failure;
use targets::Distribution;

use super::context::{COMPILE, Steps};
use crate::layout::STRIPPED;
use crate::package::packages;
use crate::plan::Work;

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
    ) -> Result<String, Failure> {
        let target = self.target(target)?;
        let facts = self.release_facts(&target.distribution);
        let inputs = packages::ExtensionInputs {
            major: target.major,
            library: &work.output_of(&format!("stamp:{target}"))?.join(STRIPPED),
            compiled: Self::need(work, COMPILE)?.1,
            crates: &work.output_of("fetch:crates")?.join("registry/src"),
            verified: work.output_of(&format!("verify:{target}"))?,
            compressed: Self::need(work, "compress:pg")?.1,
        };
        packages::extension(&facts, &inputs, &self.builder(work)?, work)
    }

    pub(super) fn runtime_package(
        &self,
        work: &Work<'_>,
        distribution: &str,
    ) -> Result<String, Failure> {
        let facts = self.release_facts(self.distribution(distribution)?);
        let (id, runtime) = Self::need(work, "runtime:")?;
        let (_, compressed) = Self::need(work, "compress:")?;
        let byte_code = !id.starts_with("runtime:python");
        let builder = self.builder(work)?;
        packages::runtime(&facts, runtime, byte_code, compressed, &builder, work)
    }
}
