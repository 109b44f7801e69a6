//! Which targets a command means.

use globset::Glob;

use super::error::suggestion;
use super::{Architecture, Distribution, Target, Targets, TargetsError};
use crate::host::Host;

/// What a command line says of targets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    /// Names and globs: `debian12-pg15`, `jammy-pg16`, `ubuntu*-pg17`, `debian12-pg15-arm64`.
    pub patterns: &'a [String],
    /// Every target of the architecture.
    pub all: bool,
    /// The architecture of what does not say its own; this machine's where `None`.
    pub architecture: Option<&'a str>,
}

impl Targets {
    /// The targets that a command line means: all of an architecture, those that match the patterns, or with neither this
    /// machine's own.
    ///
    /// A pattern that ends with the name of an architecture is of that one, and any other of the command's: no glob ever
    /// reaches from one into another, so that what could be built where it is written goes on being all that is built.
    pub fn select(&self, choice: &Choice<'_>, host: &Host) -> Result<Vec<Target>, TargetsError> {
        let architecture = match choice.architecture {
            Some(name) => self.require_architecture(name)?,
            None => self.architecture_of(host),
        };
        if choice.all {
            return Ok(self.all(architecture));
        }
        if choice.patterns.is_empty() {
            return Ok(vec![self.own_on(host, architecture)?]);
        }
        let targets: Vec<Target> = self
            .architectures
            .iter()
            .flat_map(|architecture| self.all(architecture))
            .collect();
        let mut chosen = vec![false; targets.len()];
        for pattern in choice.patterns {
            let (plain, architecture) = self.split(pattern, architecture);
            let unknown = || TargetsError::UnknownTarget {
                pattern: pattern.clone(),
                help: self.nearest(plain, architecture),
            };
            let glob = Glob::new(plain).map_err(|_| unknown())?.compile_matcher();
            let mut any = false;
            for (target, chosen) in targets.iter().zip(&mut chosen) {
                if target.distribution.architecture == *architecture
                    && plain_names(target).iter().any(|name| glob.is_match(name))
                {
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

    /// A pattern without the architecture that it may end with, and the architecture that it is of.
    fn split<'a>(
        &'a self,
        pattern: &'a str,
        otherwise: &'a Architecture,
    ) -> (&'a str, &'a Architecture) {
        let named = self.architectures.iter().find_map(|architecture| {
            let plain = pattern.strip_suffix(architecture.name.as_str())?;
            Some((plain.strip_suffix('-')?, architecture))
        });
        named.unwrap_or((pattern, otherwise))
    }

    /// The architecture of a machine, where we build for it; else the first.
    pub fn architecture_of(&self, host: &Host) -> &Architecture {
        let own = self
            .architectures
            .iter()
            .find(|a| a.machine == host.machine);
        own.unwrap_or(self.first_architecture())
    }

    /// This machine's own target: its distribution, with the newest Postgres installed, else the distribution's.
    pub fn own(&self, host: &Host) -> Result<Target, TargetsError> {
        self.own_on(host, self.architecture_of(host))
    }

    fn own_on(&self, host: &Host, architecture: &Architecture) -> Result<Target, TargetsError> {
        let distribution =
            self.own_distribution(host, architecture)
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

    /// This machine's distribution on an architecture, where it is one of the targets'.
    fn own_distribution(&self, host: &Host, architecture: &Architecture) -> Option<&Distribution> {
        let os = &host.os;
        self.distributions.iter().find(|d| {
            d.architecture == *architecture
                && d.vendor == os.id
                && (d.codename == os.codename || d.release == os.id_version())
        })
    }

    /// A distribution's own Postgres major, or the oldest that we build where the distribution's is older.
    pub fn default_major(&self, distribution: &Distribution) -> u16 {
        let oldest = self.majors.iter().map(|m| m.version).min();
        distribution.postgres.max(oldest.unwrap_or(0))
    }

    fn nearest(&self, pattern: &str, architecture: &Architecture) -> Option<String> {
        let targets = self.all(architecture);
        if let Some(d) = self.distribution(pattern) {
            let of = targets
                .iter()
                .filter(|t| t.distribution.release == d.release);
            let majors: Vec<String> = of.map(|target| format!("`{target}`")).collect();
            return Some(format!(
                "name the Postgres major too: {}",
                majors.join(", ")
            ));
        }
        let names: Vec<String> = targets.iter().flat_map(plain_names).collect();
        let near = suggestion(pattern, names.iter().map(String::as_str));
        near.filter(|text| text.starts_with("did you mean"))
            .or_else(|| {
                let all = self.distributions_on(self.first_architecture());
                let ids: Vec<&str> = all.map(|d| d.id.as_str()).collect();
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

/// A target's names without its architecture.
fn plain_names(target: &Target) -> [String; 2] {
    let Distribution {
        release, codename, ..
    } = &target.distribution;
    [release, codename].map(|name| format!("{name}-pg{}", target.major))
}
