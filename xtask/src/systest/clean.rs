//! The suites that take a clean system with the packages of one target in reach of apt.

use crate::exit::Failure;
use crate::files;
use crate::progress::Listener;
use crate::steps::ROOTFS_ARCHIVE;
use crate::systest::cases::{Case, Cases};
use crate::systest::install::InstallTest;
use crate::systest::run::TestRun;
use crate::targets::Target;

impl TestRun<'_> {
    /// The life of the packages on each target that can be installed here.
    pub fn packages(&self) -> Result<Vec<Case>, Failure> {
        let versions = ["debian", "ubuntu"].map(|family| self.versions(family));
        let mut done = Vec::new();
        for target in self.chosen {
            let planned = self.plan.targets.get(&target.to_string());
            match planned.and_then(|planned| planned.not_installable.as_ref()) {
                None => {
                    done.extend(self.in_clean_system(target, "packages", |test, to| {
                        test.life(&versions, to)
                    })?)
                }
                Some(why) => {
                    let mut cases = Cases::new(format!("{target} packages:"), self.listener);
                    cases.not_run("the life of the packages", why);
                    done.extend(cases.done);
                }
            }
        }
        Ok(done)
    }

    /// This release's package versions on the distributions of a family, in the order of `targets.toml`.
    fn versions(&self, family: &str) -> Vec<String> {
        let release = &self.pipeline.release;
        let all = self.pipeline.targets.distributions.iter();
        all.filter(|distribution| distribution.id.starts_with(family))
            .map(|distribution| release.debian_version(&distribution.id))
            .collect()
    }

    /// A suite over the packages of one target, in a clean system.
    pub(super) fn in_clean_system<T>(
        &self,
        target: &Target,
        suite: &str,
        run: impl FnOnce(&InstallTest<'_>, &dyn Listener) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let distribution = &target.distribution;
        let id = distribution.id.as_str();
        let name = target.to_string();
        let log = self.workspace().log(&format!("test-{suite}-{name}"));
        files::write(&log, "")?;
        let base_debs = self.output(&format!("fetch:{id}:base"))?;
        let test_debs = self.output(&format!("fetch:{id}:test"))?;
        let scratch = self.workspace().cache.join("systest").join(&name);
        let key = self.pipeline.steps(self.chosen).signing_key(&log)?;
        let test = InstallTest {
            target: name,
            major: target.major,
            codename: &distribution.codename,
            python: distribution.python.to_string(),
            base: &self
                .output(&format!("rootfs:{id}:base"))?
                .join(ROOTFS_ARCHIVE),
            mirror: &[&base_debs, &test_debs],
            repository: &self.out.join("apt"),
            source: &self.workspace().root,
            key: &key,
            scratch: &scratch,
            log: &log,
        };
        let done = run(&test, self.listener)?;
        files::remove_dir(&scratch)?;
        Ok(done)
    }
}
