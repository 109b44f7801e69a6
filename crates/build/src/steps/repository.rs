//! The step that makes the apt repository.

use base::exit::Failure;
use base::files;
use debian::apt::repository::{self, Suite};

use super::context::Steps;
use crate::plan::{Work, ids};

impl Steps<'_> {
    pub(super) fn repository(&self, work: &Work<'_>) -> Result<String, Failure> {
        let mut suites: Vec<Suite> = Vec::new();
        for target in self.chosen {
            let distribution = &target.distribution;
            let position = suites
                .iter()
                .position(|suite| suite.codename == distribution.codename);
            let at = position.unwrap_or_else(|| {
                suites.push(Suite {
                    codename: distribution.codename.clone(),
                    title: distribution.title.clone(),
                    architectures: Vec::new(),
                    debs: Vec::new(),
                });
                suites.len() - 1
            });
            let architecture = &distribution.architecture.name;
            if !suites[at].architectures.contains(architecture) {
                suites[at].architectures.push(architecture.clone());
            }
            let extras = self.targets.wheels.extras.iter();
            let extras = extras.map(|extra| ids::extra(&distribution.id, &extra.name));
            let packages = [target.to_string(), distribution.id.clone()];
            for package in packages.into_iter().chain(extras) {
                let id = ids::package(&package);
                // A package that can't be made on this machine is not in the plan's repository.
                if !work.job.needs.contains(&id) {
                    continue;
                }
                let dir = work.output_of(&id)?;
                for deb in files::files_below(dir)? {
                    let deb = dir.join(deb);
                    if !suites[at].debs.contains(&deb) {
                        suites[at].debs.push(deb);
                    }
                }
            }
        }
        let key = self.release_key(&work.log)?;
        let mut made = format!("{} suites, signed by {}", suites.len(), key.fingerprint());
        if let Some(day) = key.expires() {
            made.push_str(&format!(", which expires on {day}"));
        }
        let accepted = repository::write(
            &work.out,
            suites,
            self.repository,
            &key,
            self.epoch,
            &work.log,
        )?;
        Ok(format!("{made}; {accepted}"))
    }
}
