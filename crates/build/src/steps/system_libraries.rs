//! The step that unpacks the libraries of a server from packages.

use base::exit::Failure;
use base::files;
use symcheck::policy::Policy;

use super::context::Steps;
use crate::plan::Work;
use crate::verify::system_libraries::gather;

impl Steps<'_> {
    pub(super) fn system_libraries(
        &self,
        work: &Work<'_>,
        distribution: &str,
    ) -> Result<String, Failure> {
        let mut debs = Vec::new();
        for dir in work.outputs().values() {
            for deb in files::files_below(dir)? {
                debs.push(dir.join(deb));
            }
        }
        let policy = Policy::load(&self.workspace.packaging().join("policy.toml"))?;
        let distribution = self.distribution(distribution)?;
        gather::gather(&debs, distribution, &policy.loading, &work.out)
    }
}
