//! The suites that run in a clean system where apt can reach the packages of one target.

use base::exit::Failure;
use base::files;
use base::progress::{Listener, under_way};
use build::layout::ROOTFS_ARCHIVE;
use build::plan::ids;
use targets::Target;

use crate::cases::{Case, Cases};
use crate::install::InstallTest;
use crate::packages::releases::Release;
use crate::run::TestRun;
use crate::tools::RUST_AUDIT_INFO;

impl TestRun<'_> {
    /// Runs the suite `packages` on each target that can be installed here, and upgrades one system through the releases.
    pub fn packages(&self) -> Result<Vec<Case>, Failure> {
        let versions = ["debian", "ubuntu"].map(|family| self.versions(family));
        let mut done = Vec::new();
        let installed = self.chosen.iter();
        let installed = installed.filter(|target| self.not_installable(target).is_none());
        done.extend(self.through_releases(&installed.collect::<Vec<_>>())?);
        for target in self.chosen {
            match self.not_installable(target) {
                None => done.extend(self.in_clean_system(target, "packages", |test, to| {
                    test.life_cycle(&versions, to)
                })?),
                Some(why) => {
                    let mut cases = Cases::new(format!("{target} packages:"), self.listener);
                    cases.not_run("the life of the packages", why);
                    done.extend(cases.done);
                }
            }
        }
        Ok(done)
    }

    /// A system of the oldest release through the others, as far as the run has packages for it.
    fn through_releases(&self, installed: &[&Target]) -> Result<Vec<Case>, Failure> {
        let all = &self.pipeline.targets.distributions;
        let age = |target: &&Target| {
            all.iter()
                .position(|distribution| distribution.id == target.distribution.id)
        };
        let mut installed = installed.to_vec();
        installed.sort_by_key(age);
        let Some((first, rest)) = installed.split_first() else {
            return Ok(Vec::new());
        };
        if rest.is_empty() {
            let mut cases = Cases::new(format!("{first} packages:"), self.listener);
            cases.not_run(
                "dist-upgrade, two majors side by side, pg_upgradecluster",
                "the run has one release: `cargo xtask test --suite packages debian11-pg13 debian12-pg13 debian12-pg15 …`",
            );
            return Ok(cases.done);
        }
        let mut later = Vec::new();
        for pair in installed.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let id = &to.distribution.id;
            let both = format!("{id}-pg{}", from.major);
            let there = self.chosen.iter().any(|target| target.to_string() == both);
            later.push(Release {
                id: id.clone(),
                codename: to.distribution.codename.clone(),
                major: to.major,
                mirror: vec![
                    self.output(&ids::fetch(&id, "base"))?,
                    self.output(&ids::fetch(&id, "test"))?,
                ],
                missing: (!there).then_some(both),
            });
        }
        self.in_clean_system(first, "releases", |test, to| {
            test.through_releases(&later, to)
        })
    }

    /// This release's package versions on the distributions of a family, in the order of `targets.toml`.
    fn versions(&self, family: &str) -> Vec<String> {
        let release = &self.pipeline.release;
        let all = self.pipeline.targets.distributions.iter();
        let first = self.pipeline.targets.first_architecture();
        all.filter(|distribution| distribution.architecture == *first)
            .filter(|distribution| distribution.id.starts_with(family))
            .map(|distribution| release.debian_version(&distribution.release))
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
        let id = self.server_of(target).id.as_str();
        let name = target.to_string();
        let log = self.workspace().log(&format!("test-{suite}-{name}"));
        files::write(&log, "")?;
        let base_debs = self.output(&ids::fetch(&id, "base"))?;
        let test_debs = self.output(&ids::fetch(&id, "test"))?;
        let tools = self.output(&ids::fetch(&id, "tools"))?;
        // Of the suite's own: two of them may be at work on one target.
        let scratch = self.workspace().cache.join("systest");
        let scratch = scratch.join(format!("{suite}-{name}"));
        let key = self.pipeline.steps(self.chosen).signing_key(&log)?;
        let test = InstallTest {
            target: name,
            major: target.major,
            codename: &distribution.codename,
            python: distribution.python.to_string(),
            emulation: None,
            base: &self.output(&ids::rootfs(&id, "base"))?.join(ROOTFS_ARCHIVE),
            mirror: &[&base_debs, &test_debs, &tools],
            repository: &self.out.join("apt"),
            sboms: &self.out.join("sbom"),
            scanner: &RUST_AUDIT_INFO.install(self.workspace())?,
            source: &self.workspace().root,
            key: &key,
            scratch: &scratch,
            log: &log,
        };
        let what = format!("{} {suite}", test.target);
        under_way(self.listener, &what, || {
            let done = run(&test, self.listener)?;
            files::remove_dir(&scratch)?;
            Ok(done)
        })
    }
}
