//! Whose libraries and whose server stand around a target's library: the best that the locks have.

use crate::plan::ids;
use targets::lock::WheelSet;
use targets::{Distribution, Target, Targets};

/// Where the server of a target is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// The package of a distribution, by its id.
    Package(String),
    /// The wheel that `targets.toml` names for the major.
    Wheel,
}

/// Where the libraries of a target are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The distribution whose libraries are read, by its id.
    pub libraries: String,
    /// Whose server is read; `None` where none can be had.
    pub server: Option<Server>,
}

impl Choice {
    /// The best that the locks have. `has_lock` tells whether one of this name exists.
    pub fn of(targets: &Targets, target: &Target, has_lock: &dyn Fn(&str) -> bool) -> Self {
        let own = &target.distribution;
        if let Some(server) = targets.server_of(target, has_lock) {
            return Self {
                libraries: server.id.clone(),
                server: Some(Server::Package(server.id.clone())),
            };
        }
        let serves = |other: &&Distribution| {
            other.postgres == target.major
                && other.architecture == own.architecture
                && has_lock(&other.id)
        };
        let others = &targets.with_other_majors;
        let package = targets.distributions.iter().chain(others).find(serves);
        let server = targets.server_wheel(target.major, &own.architecture);
        let wheel =
            server.is_some() && has_lock(&WheelSet::server_name(target.major, &own.architecture));
        Self {
            libraries: match has_lock(&own.id) {
                true => own.id.clone(),
                false => own
                    .architecture
                    .qualify(oldest_locked(targets, own, has_lock)),
            },
            server: match package {
                Some(other) => Some(Server::Package(other.id.clone())),
                None => wheel.then_some(Server::Wheel),
            },
        }
    }

    /// The distributions whose packages it is read from.
    pub fn distributions(&self) -> Vec<&str> {
        let mut distributions = vec![self.libraries.as_str()];
        if let Some(Server::Package(other)) = &self.server
            && *other != self.libraries
        {
            distributions.push(other);
        }
        distributions
    }

    /// The jobs whose outputs it is read from.
    pub fn jobs(&self, target: &Target) -> Vec<String> {
        let mut jobs: Vec<String> = self.distributions().into_iter().map(job).collect();
        if self.server == Some(Server::Wheel) {
            jobs.push(wheel_job(target));
        }
        jobs
    }
}

/// The release whose libraries stand for those of a distribution that is not locked: the first builder that is.
fn oldest_locked<'a>(
    targets: &'a Targets,
    own: &Distribution,
    has_lock: &dyn Fn(&str) -> bool,
) -> &'a str {
    let all = || targets.builders.iter().map(|b| b.distribution.as_str());
    let locked = all().find(|release| has_lock(&own.architecture.qualify(release)));
    locked.or_else(|| all().next()).unwrap_or_default() // INVARIANT: targets.toml names a builder
}

/// The job that reads a distribution's libraries.
pub fn job(distribution: &str) -> String {
    ids::providers(&distribution)
}

/// The job that unpacks the wheel with a server of a major.
pub(super) fn wheel_job(target: &Target) -> String {
    let architecture = &target.distribution.architecture;
    format!(
        "unpack:{}:headers",
        WheelSet::server_name(target.major, architecture)
    )
}
