//! The majors of Postgres that a distribution does not carry, from an archive that has them for it.
//!
//! Such a server is a distribution of its own to locks and jobs: the same release with that archive beside its own, and that
//! major for its Postgres. So nothing that is locked from the distribution alone changes where the archive is enabled.

use serde::Deserialize;

use super::{Distribution, Role, Suite, SuiteKind, Target, Targets};

/// An archive of other majors.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OtherMajors {
    /// The archive's name in `targets.toml`.
    pub archive: String,
    /// What the distributions with one of these majors are called after, `debian14-experimental19`; the archive's name where it
    /// is not given.
    #[serde(default)]
    pub name: Option<String>,
    /// Its suite for a distribution; `{codename}` stands for the distribution's.
    pub suite: String,
    /// The components that are read, such as `main`.
    pub components: Vec<String>,
    /// The distributions that it has majors for, by their release; all where empty.
    #[serde(default)]
    pub distributions: Vec<String>,
    /// The majors that it has; all where empty.
    #[serde(default)]
    pub majors: Vec<u16>,
    /// The only source package whose binaries are taken from the suite; `{postgres}` stands for the major. Everything where it
    /// is not given.
    #[serde(default)]
    pub only: Option<String>,
    /// Whether a Release file of the suite past its Valid-Until is taken all the same.
    #[serde(default)]
    pub accept_expired: bool,
    /// Whether what it has is not released: for compiling and tests, and `dist --release` refuses it.
    #[serde(default)]
    pub development: bool,
}

impl OtherMajors {
    /// What the distributions with one of these majors are called after.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.archive)
    }

    /// Whether it may have a major for a distribution.
    pub fn has(&self, distribution: &Distribution, major: u16) -> bool {
        let of = |list: &[String]| list.is_empty() || list.contains(&distribution.release);
        of(&self.distributions) && (self.majors.is_empty() || self.majors.contains(&major))
    }

    /// A distribution with one of these majors.
    fn on(&self, of: &Distribution, major: u16) -> Distribution {
        let mut suites = of.suites.clone();
        suites.push(Suite {
            archive: self.archive.clone(),
            name: self.suite.replace("{codename}", &of.codename),
            kind: SuiteKind::Updates,
            components: self.components.clone(),
            accept_expired: self.accept_expired,
            only: self
                .only
                .as_ref()
                .map(|source| source.replace("{postgres}", &major.to_string())),
        });
        let id = format!("{}-{}{major}", of.release, self.name());
        Distribution {
            id: of.architecture.qualify(&id),
            postgres: major,
            of: Some(of.id.clone()),
            development: self.development,
            suites,
            ..of.clone()
        }
    }
}

impl Targets {
    /// Makes a distribution for each pair of a distribution and a major that it does not carry.
    pub(super) fn expand_majors(&mut self) {
        let mut all = Vec::new();
        for other in &self.other_majors {
            for distribution in &self.distributions {
                let majors = self.majors.iter().map(|major| major.version);
                let missing = majors.filter(|major| {
                    *major != distribution.postgres && other.has(distribution, *major)
                });
                all.extend(missing.map(|major| other.on(distribution, major)));
            }
        }
        self.with_other_majors = all;
    }

    /// The distributions that have a target's server, its own before those with an archive of other majors beside it.
    pub fn servers_of<'a>(&'a self, target: &Target) -> impl Iterator<Item = &'a Distribution> {
        let (id, major) = (target.distribution.id.clone(), target.major);
        let all = self.distributions.iter().chain(&self.with_other_majors);
        all.filter(move |one| one.postgres == major && *one.base() == *id)
    }

    /// The one of them that is locked.
    pub fn server_of<'a>(
        &'a self,
        target: &Target,
        has_lock: &dyn Fn(&str) -> bool,
    ) -> Option<&'a Distribution> {
        self.servers_of(target).find(|one| has_lock(&one.id))
    }
}

impl Distribution {
    /// The id of the plain distribution: the one that this one equals except for its Postgres, or its own.
    pub fn base(&self) -> &str {
        self.of.as_deref().unwrap_or(&self.id)
    }

    /// Whether its lock has the packages of a role: with another major only those of what runs beside the server.
    pub(super) fn takes(&self, role: &Role) -> bool {
        self.of.is_none() || (!role.frozen && role.distributions.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::real;

    #[test]
    fn another_major_is_a_distribution_beside_the_others() {
        let targets = real();
        let noble = targets.require_distribution("ubuntu24.04-pgdg17").unwrap();
        assert_eq!((noble.postgres, noble.base()), (17, "ubuntu24.04"));
        assert_eq!(noble.archives(), ["ubuntu", "pgdg"]);
        assert_eq!(noble.suites.last().unwrap().name, "noble-pgdg");
        let roles: Vec<&str> = targets
            .roles_of(noble)
            .map(|role| role.name.as_str())
            .collect();
        assert_eq!(roles, ["base", "test", "tools", "image", "headers"]);
        let arm64 = targets
            .require_distribution("debian12-pgdg17-arm64")
            .unwrap();
        assert_eq!(arm64.base(), "debian12-arm64");
        // No code name means it, and its own major is the distribution itself.
        assert_eq!(
            targets.require_distribution("noble").unwrap().id,
            "ubuntu24.04"
        );
        assert!(targets.distribution("ubuntu24.04-pgdg16").is_none());
    }

    /// Catches a release candidate that goes before the release of the same major, and one that is taken for a release.
    #[test]
    fn what_is_not_released_is_taken_where_nothing_else_is_locked() {
        let targets = real();
        let candidate = targets
            .require_distribution("debian14-experimental19")
            .unwrap();
        assert!(candidate.development && candidate.postgres == 19);
        let suite = candidate.suites.last().unwrap();
        assert_eq!(suite.only.as_deref(), Some("postgresql-19"));
        assert!(targets.distribution("debian13-experimental19").is_none());
        assert!(targets.distribution("debian14-experimental17").is_none());
        let target = targets.target("debian14-pg19").unwrap();
        let server = |locks: &[&str]| {
            let found = targets.server_of(&target, &|id| locks.contains(&id));
            found.map(|one| one.id.clone())
        };
        let both = ["debian14-experimental19", "debian14-pgdg19"];
        assert_eq!(server(&both).as_deref(), Some("debian14-pgdg19"));
        assert_eq!(
            server(&both[..1]).as_deref(),
            Some("debian14-experimental19")
        );
    }

    #[test]
    fn a_target_takes_the_server_that_is_locked() {
        let targets = real();
        let server = |target: &str, locks: &[&str]| {
            let target = targets.target(target).unwrap();
            let found = targets.server_of(&target, &|id| locks.contains(&id));
            found.map(|one| one.id.clone())
        };
        let both = ["ubuntu24.04", "ubuntu24.04-pgdg17"];
        assert_eq!(
            server("ubuntu24.04-pg16", &both).as_deref(),
            Some("ubuntu24.04")
        );
        assert_eq!(
            server("ubuntu24.04-pg17", &both).as_deref(),
            Some("ubuntu24.04-pgdg17")
        );
        assert_eq!(server("ubuntu24.04-pg17", &both[..1]), None);
        assert_eq!(server("ubuntu22.04-pg17", &both), None);
    }
}
