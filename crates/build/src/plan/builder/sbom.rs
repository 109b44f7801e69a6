//! The jobs that write down what a release is made of, and from which source tree.

use super::Builder;
use crate::plan::{Job, Step};
use base::exit::Failure;
use jobs::source_tree::{self, SourceTree};
use targets::{Distribution, Target};

impl Builder<'_> {
    /// The SBOM of an extension's package.
    pub(super) fn extension_sbom(&mut self, target: &Target) -> Result<Job, Failure> {
        let package = self.extension_packages(target)?;
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let openblas = self.fetch_openblas(target)?;
        self.sbom(
            &target.to_string(),
            &[&package, &compile, &stamp, &openblas],
        )
    }

    /// The SBOM of a distribution's `pgml-python`.
    pub(super) fn runtime_sbom(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let package = self.runtime_package(distribution)?;
        let runtime = self.runtime(distribution)?;
        let wheels = self.wheels(distribution)?;
        self.sbom(&distribution.id, &[&package, &runtime, &wheels])
    }

    /// The list of the source tree. Whatever changes there makes another statement of where the release comes from, if not
    /// another release.
    pub(super) fn source(&mut self) -> Result<Job, Failure> {
        let tree = SourceTree::read(self.context.workspace)?;
        self.add(
            "source".into(),
            "write the digests of the source tree".into(),
            Step::Source,
            |inputs| Ok(inputs.value(source_tree::INPUT, &tree.digest())),
            &[],
        )
    }

    fn sbom(&mut self, of: &str, needs: &[&Job]) -> Result<Job, Failure> {
        let epoch = self.context.epoch;
        self.add(
            format!("sbom:{of}"),
            format!("write the SBOM of {of}"),
            Step::Sbom { of: of.into() },
            |inputs| Ok(inputs.value("time of the release", &epoch)),
            needs,
        )
    }
}
