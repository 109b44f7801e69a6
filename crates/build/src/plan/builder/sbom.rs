//! The jobs that write the SBOMs of a release and the list of its source tree.

use base::exit::Failure;
use jobs::source_tree::{self, SourceTree};
use targets::{Distribution, Target};

use super::Builder;
use crate::plan::{Job, Parts, Step, ids};

impl Builder<'_> {
    /// The SBOM of an extension's package.
    pub(super) fn extension_sbom(&mut self, target: &Target) -> Result<Job, Failure> {
        let package = self.extension_packages(target)?;
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let openblas = self.fetch_openblas(target)?;
        let parts = Parts::Extension {
            compiled: compile.reference(),
            stamped: stamp.reference(),
        };
        let needs = [&package, &compile, &stamp, &openblas];
        self.sbom(&target.to_string(), parts, &needs)
    }

    /// The SBOM of a distribution's `pgml-python`.
    pub(super) fn runtime_sbom(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let package = self.runtime_package(distribution)?;
        let runtime = self.runtime(distribution)?;
        let wheels = self.wheels(distribution)?;
        let parts = Parts::Runtime {
            runtime: runtime.reference(),
        };
        self.sbom(&distribution.id, parts, &[&package, &runtime, &wheels])
    }

    /// The list of the source tree. Each change of the tree changes the statement about the release's origin, even where the
    /// release stays the same.
    pub(super) fn source(&mut self) -> Result<Job, Failure> {
        let tree = SourceTree::read(self.context.workspace)?;
        self.add(
            ids::SOURCE.into(),
            "write the digests of the source tree".into(),
            Step::Source,
            |inputs| Ok(inputs.value(source_tree::INPUT, &tree.digest())),
            &[],
        )
    }

    /// `needs` begins with the package.
    fn sbom(&mut self, of: &str, parts: Parts, needs: &[&Job]) -> Result<Job, Failure> {
        self.sbom_of(of, of, parts, needs)
    }

    /// The SBOM of a package that the plan calls `package`, which is for the target or distribution `of`.
    pub(super) fn sbom_of(
        &mut self,
        package: &str,
        of: &str,
        parts: Parts,
        needs: &[&Job],
    ) -> Result<Job, Failure> {
        let epoch = self.context.epoch;
        self.add(
            ids::sbom(&package),
            format!("write the SBOM of {package}"),
            Step::Sbom {
                of: of.into(),
                package: needs[0].reference(),
                parts,
            },
            |inputs| Ok(inputs.value("time of the release", &epoch)),
            needs,
        )
    }
}
