//! The job that makes the apt repository.

use base::exit::Failure;
use targets::Target;

use super::Builder;
use crate::plan::{Job, Step, ids};

impl Builder<'_> {
    /// The apt repository of all packages.
    pub(super) fn repository(&mut self, targets: &[Target]) -> Result<Job, Failure> {
        let mut codenames: Vec<_> = targets
            .iter()
            .map(|target| target.distribution.codename.clone())
            .collect();
        codenames.sort_unstable();
        codenames.dedup();
        let epoch = self.context.epoch;
        let log = self.context.workspace.log("repository-options");
        let decided = self.context.repository.inputs(&log)?;
        self.add(
            ids::REPOSITORY.into(),
            "make the apt repository".into(),
            Step::AptRepository,
            |inputs| {
                let mut inputs = inputs
                    .value("suites", &codenames)
                    .value("time of the release", &epoch);
                for (name, value) in &decided {
                    inputs = inputs.value(name.clone(), value);
                }
                Ok(inputs)
            },
            &self.packages.clone().iter().collect::<Vec<_>>(),
        )
    }
}
