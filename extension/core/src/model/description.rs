//! The words of `docs/model-format.md`, as the reader and the writer share them.

use serde::{Deserialize, Serialize};

use super::forest::{Compare, Input};
use super::kernel::Kernel;
use super::{Decision, Finish, Link, Probabilities};

/// The newest version of the format that this release reads and writes; it reads the older ones, too.
pub(super) const NEWEST: u32 = SETS;

/// What every version has.
pub(super) const OLDEST: u32 = 1;

/// Since this version trees may have leaves that name the scores of their values.
pub(super) const LEAVES_WITH_PLACES: u32 = 2;

/// Since this version nodes have the rows that came to them, and linear models the means of the features.
pub(super) const EXPLAINED: u32 = 3;

/// Since this version nodes may split by categories.
pub(super) const SETS: u32 = 4;

/// The name of the description in the container's metadata.
pub(super) const DESCRIPTION: &str = "pgml";

#[derive(Deserialize)]
pub(super) struct Versioned {
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub version: u32,
    /// What trained the model, for people.
    pub made_by: String,
    pub features: usize,
    pub parts: Vec<PartDescription>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartDescription {
    pub scores: ScoresDescription,
    pub finish: FinishDescription,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub(super) enum ScoresDescription {
    Linear,
    Kernel { kernel: Kernel },
    Neighbours { neighbours: usize, by_distance: bool, width: usize },
    Trees { input: Input, compare: Compare, width: usize, combine: CombineDescription },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub(super) enum CombineDescription {
    Sum { divisor: Option<f64>, single: bool },
    Median,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub(super) enum FinishDescription {
    Values { link: Link },
    Classes { classes: Vec<f64>, decision: Decision, probabilities: Option<Probabilities> },
}

impl From<FinishDescription> for Finish {
    fn from(description: FinishDescription) -> Finish {
        match description {
            FinishDescription::Values { link } => Finish::Values(link),
            FinishDescription::Classes { classes, decision, probabilities } => {
                Finish::Classes { classes, decision, probabilities }
            }
        }
    }
}

impl From<&Finish> for FinishDescription {
    fn from(finish: &Finish) -> FinishDescription {
        match finish {
            Finish::Values(link) => FinishDescription::Values { link: *link },
            Finish::Classes { classes, decision, probabilities } => FinishDescription::Classes {
                classes: classes.clone(),
                decision: *decision,
                probabilities: *probabilities,
            },
        }
    }
}
