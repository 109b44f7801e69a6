//! The suites that take a clean system with the packages of one target in reach of apt.

use crate::exit::Failure;
use crate::files;
use crate::steps::ROOTFS_ARCHIVE;
use crate::systest::cases::{Case, Cases};
use crate::systest::install::InstallTest;
use crate::systest::packages::upgrade::{Stage, UpgradeTest};
use crate::systest::run::TestRun;
use crate::targets::Target;

impl TestRun<'_> {
    /// The install test of one target.
    pub(super) fn install(&self, target: &Target) -> Result<Vec<Case>, Failure> {
        self.in_clean_system(target, "install", &|test| test.run(self.listener))
    }

    /// The life of the packages on each target that can be installed here.
    pub fn packages(&self) -> Result<Vec<Case>, Failure> {
        let versions = ["debian", "ubuntu"].map(|family| self.versions(family));
        let mut done = Vec::new();
        for target in self.chosen {
            let planned = self.plan.targets.get(&target.to_string());
            match planned.and_then(|planned| planned.not_installable.as_ref()) {
                None => done.extend(self.in_clean_system(target, "packages", &|test| {
                    test.life(&versions, self.listener)
                })?),
                Some(why) => {
                    let mut cases = Cases::new(format!("{target} packages:"), self.listener);
                    cases.not_run("the life of the packages", why);
                    done.extend(cases.done);
                }
            }
        }
        done.extend(self.upgrades()?);
        Ok(done)
    }

    /// The dist-upgrades between those chosen targets that have the packages for them: from the one release's own major to
    /// the next release's, by way of the old major's package there.
    fn upgrades(&self) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("packages:", self.listener);
        let all = &self.pipeline.targets.distributions;
        let place = |target: &Target| all.iter().position(|one| one.id == target.distribution.id);
        let mut own: Vec<&Target> = self
            .chosen
            .iter()
            .filter(|target| self.installable(target))
            .collect();
        own.sort_by_key(|target| place(target));
        let mut chains: Vec<Vec<&Target>> = Vec::new();
        for target in own {
            let before = chains.last().and_then(|chain| chain.last().copied());
            let between =
                before.map(|before| format!("{}-pg{}", target.distribution.id, before.major));
            let has = |name: &String| self.chosen.iter().any(|one| one.to_string() == *name);
            match (chains.last_mut(), between) {
                (Some(chain), Some(name)) if has(&name) => chain.push(target),
                (_, between) => {
                    if let (Some(before), Some(name)) = (before, between) {
                        let what = format!(
                            "dist-upgrade from {before} to {target}, two majors side by side, pg_upgradecluster"
                        );
                        cases.not_run(&what, format!("`{name}` was not chosen too, the package that the system has on the way"));
                    }
                    chains.push(vec![target]);
                }
            }
        }
        let mut done = cases.done;
        let chains: Vec<_> = chains.into_iter().filter(|chain| chain.len() > 1).collect();
        if chains.is_empty() && done.is_empty() {
            let mut cases = Cases::new("packages:", self.listener);
            cases.not_run(
                "dist-upgrade, two majors side by side, pg_upgradecluster",
                "one release was chosen: these take two, and the old major's package on the new one",
            );
            done.extend(cases.done);
        }
        for chain in chains {
            done.extend(self.upgrade(&chain)?);
        }
        Ok(done)
    }

    fn installable(&self, target: &Target) -> bool {
        let planned = self.plan.targets.get(&target.to_string());
        planned.is_some_and(|planned| planned.not_installable.is_none())
    }

    fn upgrade(&self, chain: &[&Target]) -> Result<Vec<Case>, Failure> {
        let mut stages = Vec::new();
        for target in chain {
            let id = &target.distribution.id;
            stages.push(Stage {
                id: id.clone(),
                codename: target.distribution.codename.clone(),
                major: target.major,
                base: self
                    .output(&format!("rootfs:{id}:base"))?
                    .join(ROOTFS_ARCHIVE),
                debs: vec![
                    self.output(&format!("fetch:{id}:base"))?,
                    self.output(&format!("fetch:{id}:test"))?,
                ],
                version: self.pipeline.release.debian_version(id),
            });
        }
        let log = self.workspace().log("test-packages-upgrade");
        files::write(&log, "")?;
        let scratch = self.workspace().cache.join("systest/upgrade");
        let test = UpgradeTest {
            stages: &stages,
            repository: &self.out.join("apt"),
            key: &self.pipeline.steps(self.chosen).signing_key(&log)?,
            scratch: &scratch,
            log: &log,
        };
        let cases = test.run(self.listener)?;
        files::remove_dir(&scratch)?;
        Ok(cases)
    }

    /// This release's package versions on the distributions of a family, in the order of `targets.toml`.
    fn versions(&self, family: &str) -> Vec<String> {
        let release = &self.pipeline.release;
        let all = self.pipeline.targets.distributions.iter();
        all.filter(|distribution| distribution.id.starts_with(family))
            .map(|distribution| release.debian_version(&distribution.id))
            .collect()
    }

    /// Does something with the packages of a target in a clean system.
    fn in_clean_system(
        &self,
        target: &Target,
        suite: &str,
        act: &dyn Fn(&InstallTest<'_>) -> Result<Vec<Case>, Failure>,
    ) -> Result<Vec<Case>, Failure> {
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
        let cases = act(&test)?;
        files::remove_dir(&scratch)?;
        Ok(cases)
    }
}
