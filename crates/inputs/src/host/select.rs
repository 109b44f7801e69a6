//! Which targets a command means.

use globset::Glob;

use super::Host;
use targets::{Architecture, Distribution, Target, Targets, TargetsError, suggestion};

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

impl Host {
    /// The targets that a command line means: all of an architecture, those that match the patterns, or with neither this
    /// machine's own.
    ///
    /// A pattern that ends with the name of an architecture is of that one, and any other of the command's: no glob ever
    /// reaches from one into another, so that what could be built where it is written goes on being all that is built.
    pub fn select(
        &self,
        targets: &Targets,
        choice: &Choice<'_>,
    ) -> Result<Vec<Target>, TargetsError> {
        let architecture = match choice.architecture {
            Some(name) => targets.require_architecture(name)?,
            None => self.architecture(targets),
        };
        if choice.all {
            return Ok(targets.all(architecture));
        }
        if choice.patterns.is_empty() {
            return Ok(vec![self.own_on(targets, architecture)?]);
        }
        let all: Vec<Target> = targets
            .architectures
            .iter()
            .flat_map(|architecture| targets.all(architecture))
            .collect();
        let mut chosen = vec![false; all.len()];
        for pattern in choice.patterns {
            let (plain, architecture) = split(targets, pattern, architecture);
            let unknown = || TargetsError::UnknownTarget {
                pattern: pattern.clone(),
                help: nearest(targets, plain, architecture),
            };
            let glob = Glob::new(plain).map_err(|_| unknown())?.compile_matcher();
            let mut any = false;
            for (target, chosen) in all.iter().zip(&mut chosen) {
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
        let chosen = all.into_iter().zip(chosen);
        Ok(chosen
            .filter_map(|(t, chosen)| chosen.then_some(t))
            .collect())
    }

    /// The architecture of a machine, where we build for it; else the first.
    pub fn architecture<'a>(&self, targets: &'a Targets) -> &'a Architecture {
        let own = targets
            .architectures
            .iter()
            .find(|a| a.machine == self.machine);
        own.unwrap_or(targets.first_architecture())
    }

    /// This machine's own target: its distribution, with the newest Postgres installed, else the distribution's.
    pub fn own_target(&self, targets: &Targets) -> Result<Target, TargetsError> {
        self.own_on(targets, self.architecture(targets))
    }

    fn own_on(
        &self,
        targets: &Targets,
        architecture: &Architecture,
    ) -> Result<Target, TargetsError> {
        let distribution = self
            .own_distribution(targets, architecture)
            .ok_or_else(|| TargetsError::NotATarget {
                machine: self.os.title.clone(),
            })?;
        let installed = self.postgres.iter().rev();
        let major = installed
            .copied()
            .find(|v| targets.major(*v).is_some())
            .unwrap_or_else(|| targets.default_major(distribution));
        Ok(Target {
            distribution: distribution.clone(),
            major,
        })
    }

    /// This machine's distribution on an architecture, where it is one of the targets'.
    fn own_distribution<'a>(
        &self,
        targets: &'a Targets,
        architecture: &Architecture,
    ) -> Option<&'a Distribution> {
        let os = &self.os;
        targets.distributions.iter().find(|d| {
            d.architecture == *architecture
                && d.vendor == os.id
                && (d.codename == os.codename || d.release == os.id_version())
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

/// A pattern without the architecture that it may end with, and the architecture that it is of.
fn split<'a>(
    targets: &'a Targets,
    pattern: &'a str,
    otherwise: &'a Architecture,
) -> (&'a str, &'a Architecture) {
    let named = targets.architectures.iter().find_map(|architecture| {
        let plain = pattern.strip_suffix(architecture.name.as_str())?;
        Some((plain.strip_suffix('-')?, architecture))
    });
    named.unwrap_or((pattern, otherwise))
}

fn nearest(targets: &Targets, pattern: &str, architecture: &Architecture) -> Option<String> {
    let all = targets.all(architecture);
    if let Some(d) = targets.distribution(pattern) {
        let of = all.iter().filter(|t| t.distribution.release == d.release);
        let majors: Vec<String> = of.map(|target| format!("`{target}`")).collect();
        return Some(format!(
            "name the Postgres major too: {}",
            majors.join(", ")
        ));
    }
    let names: Vec<String> = all.iter().flat_map(plain_names).collect();
    let near = suggestion(pattern, names.iter().map(String::as_str));
    near.filter(|text| text.starts_with("did you mean"))
        .or_else(|| {
            let known = targets.distributions_on(targets.first_architecture());
            let ids: Vec<&str> = known.map(|d| d.id.as_str()).collect();
            let majors: Vec<String> = targets
                .majors
                .iter()
                .map(|m| m.version.to_string())
                .collect();
            Some(format!(
                "a target is DISTRIBUTION-pgMAJOR; distributions are {}, majors {}",
                ids.join(", "),
                majors.join(", ")
            ))
        })
}

#[cfg(test)]
mod tests;
