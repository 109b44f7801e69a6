//! The step that unpacks the libraries of a server from packages.

use base::exit::Failure;
use base::files;

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
        gather::gather(&debs, self.distribution(distribution)?, &work.out)
    }
}
