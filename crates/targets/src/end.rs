//! The days on which the support of Postgres majors and distributions ends.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Target, Targets};
use base::day::Day;

/// The last day on which the makers of something fix its faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// `PostgreSQL 13`, `Debian 11`.
    pub of: String,
    /// The last day, which still has support.
    pub day: Day,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {}", self.of, self.day)
    }
}

impl Targets {
    /// The ends of support of a target's Postgres and of its distribution, as far as they were announced.
    pub fn ends(&self, target: &Target) -> Vec<End> {
        let major = self.major(target.major).map(|major| End {
            of: format!("PostgreSQL {}", major.version),
            day: major.end_of_life.clone(),
        });
        let distribution = &target.distribution;
        let announced = distribution.end_of_life.clone().map(|day| End {
            of: distribution.title.clone(),
            day,
        });
        major.into_iter().chain(announced).collect()
    }
}
