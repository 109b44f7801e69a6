//! Decision trees: how a row goes down, and how the leaves that it ends in are put together.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use super::AskPython;
use super::evaluation::Evaluation;
use super::leaves::Places;
use super::sets::Sets;
use crate::slab::Slab;

/// How a row's values are read before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// As they are, and finite.
    Float64,
    /// As they are; a NaN goes where each node sends missing values.
    Float64Missing,
    /// Rounded to `float32`, and finite there: scikit-learn's trees.
    Float32,
    /// Rounded to `float32`; a NaN is missing: XGBoost.
    Float32Missing,
    /// As they are; what is nearly zero is zero, and a NaN is missing: LightGBM.
    LightGbm,
}

/// When a row goes to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Its value is below the threshold.
    Below,
    /// Its value is not above the threshold.
    NotAbove,
}

impl Compare {
    /// Whether a value that is not missing goes to the right.
    pub(super) fn is_right(self, value: f64, threshold: f64) -> bool {
        match self {
            Compare::Below => value >= threshold,
            Compare::NotAbove => value > threshold,
        }
    }
}

/// How the trees' leaves become scores.
#[derive(Debug, Clone, PartialEq)]
pub enum Combine {
    /// Added up in the order of the trees and divided. With `single`, in `float32`.
    Sum { init: Vec<f64>, divisor: Option<f64>, single: bool },
    /// The median of the trees' values, each with its weight.
    Median { weights: Vec<f64> },
}

/// True or false in four bytes: a node has no room that is not filled, and whatever the bits are, they are a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Flag(u32);

impl Flag {
    pub const NO: Flag = Flag(0);

    pub fn is_set(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Flag {
    fn from(is_set: bool) -> Flag {
        Flag(u32::from(is_set))
    }
}

/// One node. The children of a node come after it, so that every way down ends.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Node {
    pub threshold: f64,
    /// The child to the left; of a leaf, the place of its first value, or with [`Places`] its number among the leaves.
    pub left: u32,
    pub right: u32,
    /// The feature that is compared; of a leaf, [`LEAF`].
    pub feature: u32,
    /// Whether a missing value goes to the left.
    pub missing_left: Flag,
}

/// The feature of a leaf.
pub const LEAF: u32 = u32::MAX;

/// What is nearly zero to LightGBM.
const LIGHTGBM_ZERO: f64 = 1e-35_f32 as f64;

/// Trees, one after the other in one array.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    pub(super) input: Input,
    pub(super) compare: Compare,
    pub(super) nodes: Slab<Node>,
    pub(super) roots: Slab<u32>,
    /// The score that each tree adds to; none when each leaf has a value for every score.
    pub(super) targets: Option<Slab<u32>>,
    pub(super) values: Slab<f64>,
    /// Where not every leaf has a value for every score.
    pub(super) places: Option<Places>,
    pub(super) combine: Combine,
    pub(super) width: usize,
    /// Of each node, the weight of the rows that came to it in training; files of before version 3 have none.
    pub(super) covers: Option<Slab<f64>>,
    /// Where some nodes split by categories.
    pub(super) sets: Option<Sets>,
    pub(super) evaluation: Box<Evaluation>,
}

/// Everything that a forest is made of, unchecked.
pub struct Parts {
    pub features: usize,
    pub width: usize,
    pub input: Input,
    pub compare: Compare,
    pub nodes: Vec<Node>,
    pub roots: Vec<u32>,
    pub targets: Option<Vec<u32>>,
    pub values: Vec<f64>,
    /// For which scores a leaf has values; none: for each, or for the tree's target.
    pub places: Option<Places>,
    pub combine: Combine,
}

impl Forest {
    /// None unless every index leads to something, and every way down ends.
    pub fn new(parts: Parts) -> Option<Forest> {
        let Parts { features, width, nodes, roots, targets, values, places, combine, .. } = &parts;
        let (features, width) = (*features, *width);
        let count = u32::try_from(nodes.len()).ok()?;
        let leaf_values = if targets.is_some() { 1 } else { width };
        let leaves = match &places {
            Some(places) => Some(places.leaves(width, values.len())?),
            None => None,
        };
        for (place, node) in (0u32..).zip(nodes) {
            let fits = match node.feature {
                LEAF => match leaves {
                    Some(leaves) => (node.left as usize) < leaves,
                    None => (node.left as usize).checked_add(leaf_values)? <= values.len(),
                },
                feature => {
                    let below = |child: u32| child > place && child < count;
                    (feature as usize) < features && below(node.left) && below(node.right)
                }
            };
            if !fits || node.threshold.is_nan() {
                return None;
            }
        }
        let targets_fit = targets.as_ref().is_none_or(|targets| {
            targets.len() == roots.len() && targets.iter().all(|target| (*target as usize) < width)
        });
        // A tree that adds to one score has nothing to leave out.
        let places_fit = places.is_none() || (targets.is_none() && matches!(combine, Combine::Sum { .. }));
        let combine_fits = match &combine {
            Combine::Sum { init, divisor, .. } => init.len() == width && *divisor != Some(0.0),
            Combine::Median { weights } => width == 1 && !roots.is_empty() && weights.len() == roots.len(),
        };
        let fits = width > 0 && roots.iter().all(|root| *root < count) && targets_fit && places_fit && combine_fits;
        if !fits {
            return None;
        }
        let evaluation = Box::new(Evaluation::new(&parts)?);
        let Parts { width, input, compare, nodes, roots, targets, values, places, combine, .. } = parts;
        Some(Forest {
            evaluation,
            input,
            compare,
            nodes: nodes.into(),
            roots: roots.into(),
            targets: targets.map(Slab::from),
            values: values.into(),
            places,
            combine,
            width,
            covers: None,
            sets: None,
        })
    }

    /// With the weight of the rows that came to each node in training, which contributions are computed from; none when they are
    /// not as many, or no weights.
    pub fn with_covers(self, covers: Vec<f64>) -> Option<Forest> {
        let fits = covers.len() == self.nodes.len() && covers.iter().all(|cover| cover.is_finite() && *cover >= 0.0);
        fits.then_some(Forest { covers: Some(covers.into()), ..self })
    }

    /// With nodes that split by categories; none when a set is not of a node, or not there.
    pub fn with_sets(self, sets: Sets) -> Option<Forest> {
        let fits = sets.fit(&self.nodes);
        fits.then(|| Forest { sets: Some(sets), evaluation: Box::new(Evaluation::of_sets()), ..self })
    }

    /// Whether a row with this value goes to the right at a node.
    pub(super) fn goes_right(&self, place: u32, node: &Node, value: f64) -> bool {
        if value.is_nan() {
            return !node.missing_left.is_set();
        }
        match self.sets.as_ref().and_then(|sets| Some((sets, sets.of_node(place)?))) {
            Some((sets, set)) => !sets.has(set, value, self.input),
            None => self.compare.is_right(value, node.threshold),
        }
    }

    /// What a leaf adds to a score.
    pub(super) fn value(&self, leaf: u32, score: usize) -> f64 {
        match (&self.targets, &self.places) {
            (Some(_), _) => self.values[leaf as usize],
            (None, Some(places)) => places.value(leaf, &self.values, score),
            (None, None) => self.values[leaf as usize + score],
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The values as the trees see them, added to `seen`; whether any is missing.
    pub(super) fn see(&self, row: &[f64], seen: &mut Vec<f64>) -> Result<bool, AskPython> {
        match self.input {
            Input::Float64 | Input::Float64Missing => seen.extend_from_slice(row),
            Input::Float32 | Input::Float32Missing => seen.extend(row.iter().map(|value| f64::from(*value as f32))),
            Input::LightGbm => {
                // A NaN is not nearly zero.
                seen.extend(row.iter().map(|value| if value.abs() <= LIGHTGBM_ZERO { 0.0 } else { *value }));
            }
        }
        if seen.iter().all(|value| value.is_finite()) {
            return Ok(false);
        }
        let may_miss = matches!(self.input, Input::Float64Missing | Input::Float32Missing | Input::LightGbm);
        let known = |value: &f64| value.is_finite() || (may_miss && value.is_nan());
        if seen.iter().all(known) { Ok(true) } else { Err(AskPython) }
    }

    /// Add to `scores` what the leaves of one row, a leaf of each tree, say together.
    pub(super) fn combine(
        &self,
        leaves: impl Iterator<Item = u32>,
        all_scores: &mut Vec<f64>,
        pairs: &mut Vec<(f64, f64)>,
    ) {
        let value = |leaf: u32| self.values[leaf as usize];
        match &self.combine {
            Combine::Sum { init, divisor, single } => {
                let start = all_scores.len();
                all_scores.extend_from_slice(init);
                let scores = &mut all_scores[start..];
                match (&self.targets, &self.places) {
                    (Some(targets), _) if *single => leaves.zip(targets.iter()).for_each(|(leaf, target)| {
                        let score = &mut scores[*target as usize];
                        *score = f64::from(*score as f32 + value(leaf) as f32);
                    }),
                    (Some(targets), _) => leaves.zip(targets).for_each(|(leaf, target)| {
                        scores[*target as usize] += value(leaf);
                    }),
                    (None, Some(places)) => leaves.for_each(|leaf| places.add(leaf, &self.values, scores)),
                    (None, None) => leaves.for_each(|leaf| {
                        let values = &self.values[leaf as usize..];
                        scores.iter_mut().zip(values).for_each(|(score, value)| *score += value);
                    }),
                }
                if let Some(divisor) = divisor {
                    scores.iter_mut().for_each(|score| *score /= divisor);
                }
            }
            Combine::Median { weights } => {
                pairs.clear();
                pairs.extend(leaves.zip(weights).map(|(leaf, weight)| (value(leaf), *weight)));
                all_scores.push(weighted_median(pairs));
            }
        }
    }
}

/// The smallest value at which at least half of the weight is reached.
fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let sum = |sum: &mut f64, pair: &(f64, f64)| {
        *sum += pair.1;
        Some((*sum, pair.0))
    };
    let all = pairs.iter().scan(0.0, sum).last().map_or(0.0, |(sum, _)| sum);
    pairs.iter().scan(0.0, sum).find(|(sum, _)| *sum >= 0.5 * all).map_or(0.0, |(_, value)| value)
}
