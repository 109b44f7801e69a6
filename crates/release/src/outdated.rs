//! The locked packages that are older than their archives' newest ones. `cargo xtask lock --outdated` asks the archives, the
//! cache keeps the answer, and `dist`, the manifest and the report show it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use base::progress::Listener;
use base::workspace::Workspace;
use inputs::fetch::mirrors::Mirrors;
use inputs::lock::Resolver;
use inputs::lock::outdated::Outdated;
use targets::lock::Lock;
use targets::{Distribution, Headers, Target, Targets};

use crate::pipeline::Pipeline;

/// The version of [`Report`].
const VERSION: u32 = 1;
/// The report's name in the cache.
const FILE: &str = "outdated.json";
/// How long an answer counts as today's.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the archives offer beyond the locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this format.
    pub version: u32,
    /// What was asked, by distribution.
    pub distributions: Vec<Checked>,
}

/// A lock that was compared with its archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// The id of the distribution in targets.toml.
    pub distribution: String,
    /// The digest of the lock file.
    #[schemars(with = "String")]
    pub lock: Digest,
    /// The packages of which newer versions are offered.
    pub packages: Vec<Outdated>,
}

/// What is known of the locks that a release is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The locks that were compared with their archives.
    pub checked: Vec<Checked>,
    /// The distributions whose locks were not, each with the reason.
    pub not_checked: Vec<NotChecked>,
}

/// A lock that was not compared with its archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotChecked {
    /// The id of the distribution in targets.toml.
    pub distribution: String,
    /// The reason why its archives could not be asked.
    pub why: String,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            version: VERSION,
            distributions: Vec::new(),
        }
    }
}

impl Report {
    fn path(cache: &Path) -> PathBuf {
        cache.join(FILE)
    }

    /// Reads the answers from the cache. A file of another version or an unreadable one counts as empty: the next question
    /// replaces it.
    fn remembered(cache: &Path) -> Self {
        let report = std::fs::read(Self::path(cache)).ok();
        let report: Option<Self> = report.and_then(|json| serde_json::from_slice(&json).ok());
        report
            .filter(|report| report.version == VERSION)
            .unwrap_or_default()
    }

    /// Whether the cache's report was written within a day.
    fn is_of_today(cache: &Path) -> bool {
        let written = Self::path(cache)
            .metadata()
            .and_then(|meta| meta.modified());
        let age = written.map(|written| SystemTime::now().duration_since(written));
        matches!(age, Ok(Ok(age)) if age < A_DAY)
    }

    /// Writes it into the cache, with what that remembers of other distributions.
    pub fn save(&self, cache: &Path) -> Result<(), Failure> {
        let mut all = Self::remembered(cache);
        let asked = |one: &Checked| self.of(&one.distribution).is_some();
        all.distributions.retain(|one| !asked(one));
        all.distributions.extend(self.distributions.iter().cloned());
        let json = base::json::pretty(&all);
        files::write(&Self::path(cache), json)?;
        Ok(())
    }

    fn of(&self, distribution: &str) -> Option<&Checked> {
        let mut all = self.distributions.iter();
        all.find(|one| one.distribution == distribution)
    }

    /// Asks the archives of a distribution, and notes what they offer beyond its lock.
    pub fn ask(
        &mut self,
        targets: &Targets,
        distribution: &Distribution,
        mirrors: &Mirrors,
        workspace: &Workspace,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let lock = Lock::open(workspace, targets, distribution)?;
        let resolver = Resolver {
            targets,
            distribution,
            mirrors,
            dir: workspace.apt_root(&distribution.id),
            absent: &lock.absent,
        };
        self.distributions.push(Checked {
            distribution: distribution.id.clone(),
            lock: digest(workspace, &distribution.id)?,
            packages: resolver.outdated(&lock, listener)?,
        });
        Ok(())
    }

    /// How many packages that users get are out of date.
    pub fn shipped(&self) -> usize {
        count(&self.distributions).0
    }

    /// A line for each distribution, and one for each package.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for one in &self.distributions {
            let (shipped, security) = count(std::slice::from_ref(one));
            text.push_str(&format!(
                "{}: {} of its packages are out of date, {shipped} of those that users get ({security} security updates)\n",
                one.distribution,
                one.packages.len()
            ));
            for package in &one.packages {
                let what = match (package.security, package.shipped) {
                    (true, true) => "SECURITY",
                    (false, true) => "shipped",
                    (true, false) => "security, not shipped",
                    (false, false) => "not shipped",
                };
                text.push_str(&format!(
                    "    {} {} → {} ({}; {what}; {})\n",
                    package.name,
                    package.locked,
                    package.offered,
                    package.suite,
                    package.roles.join(", ")
                ));
            }
        }
        text
    }
}

/// How many packages that users get are out of date, and how many of these have a security update.
fn count(checked: &[Checked]) -> (usize, usize) {
    let all = checked.iter().flat_map(|one| &one.packages);
    let shipped: Vec<&Outdated> = all.filter(|one| one.shipped).collect();
    (
        shipped.len(),
        shipped.iter().filter(|one| one.security).count(),
    )
}

fn digest(workspace: &Workspace, distribution: &str) -> Result<Digest, Failure> {
    Ok(Digest::of(files::read(&Lock::path(
        workspace,
        distribution,
    ))?))
}

impl Summary {
    /// One line for the end of a run.
    pub fn line(&self) -> String {
        let (shipped, security) = count(&self.checked);
        let mut line = match (self.checked.is_empty(), shipped) {
            (true, _) => "outdated inputs: not checked".to_owned(),
            (false, 0) => "outdated inputs: 0 of what users get".to_owned(),
            (false, _) => format!(
                "outdated inputs: {shipped} of what users get, {security} of them security updates; \
                 `cargo xtask lock --outdated` lists them, `cargo xtask lock --update --security` moves them"
            ),
        };
        if let Some(first) = self.not_checked.first() {
            let names: Vec<&str> = self
                .not_checked
                .iter()
                .map(|one| one.distribution.as_str())
                .collect();
            line.push_str(&format!(
                " (not checked: {}, {})",
                names.join(", "),
                first.why
            ));
        }
        line
    }
}

impl Pipeline {
    /// The distributions whose packages users get from these targets: in the images, as headers, and as the OpenBLAS inside.
    fn shipped_distributions(&self, chosen: &[Target]) -> Vec<Distribution> {
        let mut ids = BTreeSet::new();
        for target in chosen {
            let architecture = &target.distribution.architecture;
            ids.insert(target.distribution.id.clone());
            ids.extend(self.targets.servers_of(target).map(|one| one.id.clone()));
            ids.insert(architecture.qualify(&self.targets.openblas.distribution));
            let major = self.targets.major(target.major);
            // Those of a major that no distribution carries are of a locked archive of other majors.
            if major.is_some_and(|major| major.headers.is_empty()) {
                let others = self.targets.with_other_majors.iter();
                let others = others.filter(|one| {
                    one.postgres == target.major && one.architecture == *architecture
                });
                ids.extend(others.map(|one| one.id.clone()));
            }
            let headers = major.into_iter();
            for source in headers.flat_map(|major| &major.headers) {
                if let Headers::Package { distribution, .. } = source {
                    ids.insert(architecture.qualify(distribution));
                }
            }
        }
        let locked = |id: &String| Lock::path(&self.workspace, id).exists();
        ids.iter()
            .filter(|id| locked(id))
            .filter_map(|id| self.targets.distribution(id).cloned())
            .collect()
    }

    /// The report for the locks of these targets. Their archives are asked once a day, where they may be contacted.
    pub fn outdated(&self, chosen: &[Target], listener: &dyn Listener) -> Result<Summary, Failure> {
        let cache = &self.workspace.cache;
        let (remembered, today) = (Report::remembered(cache), Report::is_of_today(cache));
        let mut summary = Summary::default();
        for distribution in self.shipped_distributions(chosen) {
            let lock = digest(&self.workspace, &distribution.id)?;
            let known = remembered.of(&distribution.id);
            if let Some(known) = known.filter(|known| today && known.lock == lock) {
                summary.checked.push(known.clone());
                continue;
            }
            let mut asked = Report::default();
            let answer = self.mirrors().and_then(|mirrors| {
                asked.ask(
                    &self.targets,
                    &distribution,
                    mirrors,
                    &self.workspace,
                    listener,
                )
            });
            match answer {
                Ok(()) => {
                    asked.save(cache)?;
                    summary.checked.extend(asked.distributions);
                }
                Err(failure) => summary.not_checked.push(NotChecked {
                    distribution: distribution.id.clone(),
                    why: failure.first_line(),
                }),
            }
        }
        Ok(summary)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn outdated(name: &str, shipped: bool, security: bool) -> Outdated {
        Outdated {
            name: name.into(),
            locked: "1".into(),
            offered: "2".into(),
            suite: "bookworm-security".into(),
            security,
            shipped,
            roles: vec!["image".into()],
        }
    }

    fn checked(distribution: &str, packages: Vec<Outdated>) -> Checked {
        Checked {
            distribution: distribution.into(),
            lock: Digest::of(distribution),
            packages,
        }
    }

    #[test]
    fn what_users_get_counts_and_the_rest_is_listed() {
        let report = Report {
            version: VERSION,
            distributions: vec![checked(
                "debian12",
                vec![
                    outdated("libssl3", true, true),
                    outdated("tzdata", true, false),
                    outdated("gcc", false, true),
                ],
            )],
        };
        assert_eq!(report.shipped(), 2);
        let table = report.table();
        assert!(table.starts_with("debian12: 3 of its packages are out of date, 2"));
        assert!(table.contains("libssl3 1 → 2 (bookworm-security; SECURITY; image)"));
    }

    #[test]
    fn what_could_not_be_asked_is_said_and_not_counted_as_current() {
        let mut summary = Summary::default();
        let not_checked = |distribution: &str| NotChecked {
            distribution: distribution.into(),
            why: "the archive does not answer".into(),
        };
        summary.not_checked.push(not_checked("debian12"));
        assert!(summary.line().starts_with("outdated inputs: not checked"));
        summary.checked.push(checked("debian13", Vec::new()));
        let line = summary.line();
        assert!(line.contains("0 of what users get") && line.contains("not checked: debian12"));
    }

    #[test]
    fn the_cache_remembers_what_was_asked_of_each_distribution() {
        let cache = tempfile::tempdir().unwrap();
        let one = |distribution: &str, packages| Report {
            version: VERSION,
            distributions: vec![checked(distribution, packages)],
        };
        one("debian12", vec![outdated("a", true, true)])
            .save(cache.path())
            .unwrap();
        one("debian13", Vec::new()).save(cache.path()).unwrap();
        one("debian12", Vec::new()).save(cache.path()).unwrap();
        let all = Report::remembered(cache.path());
        assert_eq!(all.distributions.len(), 2);
        assert_eq!(all.shipped(), 0);
        assert!(Report::is_of_today(cache.path()));
    }
}
