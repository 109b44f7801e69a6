//! The step that unpacks a Rust toolchain.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use jobs::job::JobRef;

use super::context::Steps;
use crate::compile::packaged_toolchain;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn toolchain(
        &self,
        work: &Work<'_>,
        distribution: &str,
        packages: [&JobRef; 2],
    ) -> Result<String, Failure> {
        let mut debs: Vec<PathBuf> = Vec::new();
        for job in packages {
            let fetched = work.output(job)?;
            let files = files::files_below(fetched)?;
            debs.extend(files.iter().map(|deb| fetched.join(deb)));
        }
        let gnu = &self.distribution(distribution)?.architecture.gnu;
        packaged_toolchain::unpack(&debs, gnu, work)
    }
}
