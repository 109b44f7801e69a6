//! Which targets a command means.

use globset::Glob;

use super::error::suggestion;
use super::{Distribution, Target, Targets, TargetsError};
use crate::host::Host;

impl Targets {
    /// The targets that a command line names: all of them, those that match the patterns (`debian12-pg15`,
    /// `jammy-pg16`, `ubuntu*-pg17`), or with neither this machine's own.
    pub fn select(
        &self,
        patterns: &[String],
        all: bool,
        host: &Host,
    ) -> Result<Vec<Target>, TargetsError> {
        if all {
            return Ok(self.all());
        }
        if patterns.is_empty() {
            return Ok(vec![self.own(host)?]);
        }
        let targets = self.all();
        let mut chosen = vec![false; targets.len()];
        for pattern in patterns {
            let unknown = || TargetsError::UnknownTarget {
                pattern: pattern.clone(),
                help: self.nearest(pattern, &targets),
            };
            let glob = Glob::new(pattern).map_err(|_| unknown())?.compile_matcher();
            let mut any = false;
            for (target, chosen) in targets.iter().zip(&mut chosen) {
                if glob.is_match(target.to_string()) || glob.is_match(by_codename(target)) {
                    (*chosen, any) = (true, true);
                }
            }
            if !any {
                return Err(unknown());
            }
        }
        let chosen = targets.into_iter().zip(chosen);
        Ok(chosen
            .filter_map(|(t, chosen)| chosen.then_some(t))
            .collect())
    }

    /// This machine's own target: its distribution, with the newest Postgres installed, else the distribution's.
    pub fn own(&self, host: &Host) -> Result<Target, TargetsError> {
        let distribution = self
            .own_distribution(host)
            .ok_or_else(|| TargetsError::NotATarget {
                machine: host.os.title.clone(),
            })?;
        let installed = host.postgres.iter().rev();
        let major = installed
            .copied()
            .find(|v| self.major(*v).is_some())
            .unwrap_or_else(|| self.default_major(distribution));
        Ok(Target {
            distribution: distribution.clone(),
            major,
        })
    }

    /// This machine's distribution, where it is one of the targets'.
    pub fn own_distribution(&self, host: &Host) -> Option<&Distribution> {
        let os = &host.os;
        self.distributions
            .iter()
            .find(|d| d.vendor == os.id && (d.codename == os.codename || d.id == os.id_version()))
    }

    /// A distribution's own Postgres major, or the oldest that we build where the distribution's is older.
    pub fn default_major(&self, distribution: &Distribution) -> u16 {
        let oldest = self.majors.iter().map(|m| m.version).min();
        distribution.postgres.max(oldest.unwrap_or(0))
    }

    fn nearest(&self, pattern: &str, targets: &[Target]) -> Option<String> {
        if let Some(d) = self.distribution(pattern) {
            let majors: Vec<String> = self
                .majors
                .iter()
                .map(|m| format!("`{}-pg{}`", d.id, m.version))
                .collect();
            return Some(format!(
                "name the Postgres major too: {}",
                majors.join(", ")
            ));
        }
        let names: Vec<String> = targets
            .iter()
            .flat_map(|t| [t.to_string(), by_codename(t)])
            .collect();
        let near = suggestion(pattern, names.iter().map(String::as_str));
        near.filter(|text| text.starts_with("did you mean"))
            .or_else(|| {
                let ids: Vec<&str> = self.distributions.iter().map(|d| d.id.as_str()).collect();
                let majors: Vec<String> =
                    self.majors.iter().map(|m| m.version.to_string()).collect();
                Some(format!(
                    "a target is DISTRIBUTION-pgMAJOR; distributions are {}, majors {}",
                    ids.join(", "),
                    majors.join(", ")
                ))
            })
    }
}

fn by_codename(target: &Target) -> String {
    format!("{}-pg{}", target.distribution.codename, target.major)
}
