//! `TreeEnsemble` of ai.onnx.ml 5: its attributes as the lists of `TreeEnsembleRegressor`, which it replaces.

use std::collections::HashMap;

use pgml_core::model::{Finish, Link};

use super::attributes::Operator;
use super::read::Predictor;
use super::trees::{Listed, Weights, forest};
use crate::error::{Error, Result};
use crate::limits::{FILE_NODES, FILE_SCORES};

/// Of the modes, by their numbers, what the older operators call them.
const MODES: [&str; 7] =
    ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"];

/// A child: the number of a node, or of a leaf.
type Child = (i64, bool);

/// The attributes of nodes and leaves.
struct Nodes {
    features: Vec<i64>,
    modes: Vec<f64>,
    splits: Vec<f64>,
    children: Vec<[Child; 2]>,
    missing: Vec<i64>,
    leaf_targets: Vec<i64>,
    leaf_weights: Vec<f64>,
    double: bool,
}

impl Nodes {
    fn read(operator: &Operator<'_>) -> Result<Nodes> {
        let ints = |name: &str| operator.ints(name).map(<[i64]>::to_vec);
        let (splits, double) = operator.tensor("nodes_splits")?;
        let (modes, _) = operator.tensor("nodes_modes")?;
        let (leaf_weights, _) = operator.tensor("leaf_weights")?;
        let features = ints("nodes_featureids")?;
        let count = features.len();
        operator.count("nodes_splits", splits.len(), count)?;
        operator.count("nodes_modes", modes.len(), count)?;
        let mut sides = Vec::with_capacity(2);
        for side in ["true", "false"] {
            let (ids, leafs) = (ints(&format!("nodes_{side}nodeids"))?, ints(&format!("nodes_{side}leafs"))?);
            operator.count(&format!("nodes_{side}nodeids"), ids.len(), count)?;
            operator.count(&format!("nodes_{side}leafs"), leafs.len(), count)?;
            sides.push(ids.into_iter().zip(leafs).map(|(id, leaf)| (id, leaf != 0)).collect::<Vec<Child>>());
        }
        let children = sides[0].iter().zip(&sides[1]).map(|(left, right)| [*left, *right]).collect();
        let missing = ints("nodes_missing_value_tracks_true")?;
        if !missing.is_empty() {
            operator.count("nodes_missing_value_tracks_true", missing.len(), count)?;
        }
        let leaf_targets = ints("leaf_targetids")?;
        operator.count("leaf_weights", leaf_weights.len(), leaf_targets.len())?;
        Ok(Nodes { features, modes, splits, children, missing, leaf_targets, leaf_weights, double })
    }

    /// The lists of the older operator. A leaf of several nodes is listed for each, because one may be both children of a node.
    fn listed(&self, operator: &Operator<'_>, roots: &[i64]) -> Result<(Listed, Weights)> {
        let mut listed = Listed::empty(self.double);
        let mut weights = Weights::new();
        let mut seen = vec![false; self.features.len()];
        for (tree, root) in (0i64..).zip(roots) {
            let mut waiting = vec![*root];
            while let Some(id) = waiting.pop() {
                let at = usize::try_from(id).ok().filter(|at| *at < self.features.len());
                let Some(at) = at else { return operator.broken(format!("node {id} is not there")) };
                if std::mem::replace(&mut seen[at], true) {
                    return operator.broken(format!("node {id} is the child of two nodes, or a second root"));
                }
                let mode = MODES.get(self.modes[at] as usize).filter(|_| self.modes[at] >= 0.0);
                let Some(mode) = mode else {
                    return operator.unknown(format!("node {id} has the mode {}", self.modes[at]));
                };
                let mut places = [0; 2];
                for (side, (child, is_leaf)) in self.children[at].into_iter().enumerate() {
                    places[side] = child;
                    if !is_leaf {
                        waiting.push(child);
                        continue;
                    }
                    let leaf = usize::try_from(child).ok().and_then(|leaf| Some((*self.leaf_targets.get(leaf)?, leaf)));
                    let Some((target, leaf)) = leaf else {
                        return operator.broken(format!("leaf {child} is not there"));
                    };
                    let Ok(target) = u32::try_from(target) else {
                        return operator.broken(format!("leaf {child} is of the target {target}"));
                    };
                    places[side] = (self.features.len() + 2 * at + side) as i64;
                    weights.insert(listed.len(), vec![(target, self.leaf_weights[leaf])]);
                    listed.push(tree, places[side], "LEAF", (0, 0.0), [0, 0], false);
                }
                let tracks = self.missing.get(at).is_some_and(|tracks| *tracks != 0);
                listed.push(tree, id, mode, (self.features[at], self.splits[at]), places, tracks);
                if listed.len() > FILE_NODES {
                    return Err(Error::TooLarge { what: "nodes", found: listed.len(), limit: FILE_NODES });
                }
            }
        }
        Ok((listed, weights))
    }
}

pub fn read(operator: &Operator<'_>, features: usize) -> Result<Predictor> {
    let transform = operator.int("post_transform", 0)?;
    if transform != 0 {
        return operator.unknown(format!("post_transform {transform}"));
    }
    let average = match operator.int("aggregate_function", 1)? {
        0 => true,
        1 => false,
        other => return operator.unknown(format!("aggregate_function {other}")),
    };
    let width = usize::try_from(operator.int("n_targets", 1)?).unwrap_or(0);
    if !(1..=FILE_SCORES).contains(&width) {
        return operator.unknown(format!("{width} targets"));
    }
    let (listed, weights) = Nodes::read(operator)?.listed(operator, operator.ints("tree_roots")?)?;
    let places: HashMap<(i64, i64), usize> = listed.places().collect();
    let scores = forest(operator, features, &listed, &places, &weights, vec![0.0; width], average)?;
    let finish = Finish::Values(Link::Identity);
    Ok(Predictor { scores, finish, label: None, to_normalize: None, takes_missing: true })
}
