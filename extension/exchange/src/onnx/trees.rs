//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier`.

use std::collections::HashMap;

use pgml_core::model::forest::{Combine, Compare, Input, LEAF, Node, Parts};
use pgml_core::model::{Decision, Finish, Forest, Link, Probabilities, Scores};

use super::attributes::Operator;
use super::broken;
use super::read::{Predictor, classes};
use crate::error::Result;
use crate::limits::{FILE_NODES, FILE_SCORES};
use crate::trees::{Found, Grove};

/// The nodes of all trees, as the attributes list them.
pub struct Listed {
    trees: Vec<i64>,
    ids: Vec<i64>,
    modes: Vec<String>,
    features: Vec<i64>,
    thresholds: Vec<f64>,
    lefts: Vec<i64>,
    rights: Vec<i64>,
    missing: Vec<i64>,
    /// Whether the numbers have eight bytes.
    double: bool,
}

impl Listed {
    fn read(operator: &Operator<'_>) -> Result<Listed> {
        let ints = |name| operator.ints(name).map(<[i64]>::to_vec);
        let (thresholds, double) = operator.numbers("nodes_values")?;
        let listed = Listed {
            trees: ints("nodes_treeids")?,
            ids: ints("nodes_nodeids")?,
            modes: operator.strings("nodes_modes")?,
            features: ints("nodes_featureids")?,
            thresholds,
            lefts: ints("nodes_truenodeids")?,
            rights: ints("nodes_falsenodeids")?,
            missing: ints("nodes_missing_value_tracks_true")?,
            double,
        };
        let count = listed.ids.len();
        if count > FILE_NODES {
            return Err(crate::Error::TooLarge { what: "nodes", found: count, limit: FILE_NODES });
        }
        operator.count("nodes_treeids", listed.trees.len(), count)?;
        operator.count("nodes_modes", listed.modes.len(), count)?;
        operator.count("nodes_featureids", listed.features.len(), count)?;
        operator.count("nodes_values", listed.thresholds.len(), count)?;
        operator.count("nodes_truenodeids", listed.lefts.len(), count)?;
        operator.count("nodes_falsenodeids", listed.rights.len(), count)?;
        if !listed.missing.is_empty() {
            operator.count("nodes_missing_value_tracks_true", listed.missing.len(), count)?;
        }
        Ok(listed)
    }

    /// None yet.
    pub fn empty(double: bool) -> Listed {
        let (trees, ids, modes, features, thresholds) = Default::default();
        let (lefts, rights, missing) = Default::default();
        Listed { trees, ids, modes, features, thresholds, lefts, rights, missing, double }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Add a node: its tree and number, its mode, the feature that it compares and with what, its children, and where what is
    /// missing goes.
    pub fn push(&mut self, tree: i64, id: i64, mode: &str, split: (i64, f64), children: [i64; 2], tracks: bool) {
        self.trees.push(tree);
        self.ids.push(id);
        self.modes.push(mode.to_string());
        self.features.push(split.0);
        self.thresholds.push(split.1);
        self.lefts.push(children[0]);
        self.rights.push(children[1]);
        self.missing.push(i64::from(tracks));
    }

    /// The trees and numbers of all nodes, and where each stands.
    pub fn places(&self) -> impl Iterator<Item = ((i64, i64), usize)> {
        self.trees.iter().copied().zip(self.ids.iter().copied()).enumerate().map(|(place, key)| (key, place))
    }

    /// A comparison as "up to a number goes to the left"; of the children, whether they change places.
    fn split(&self, at: usize) -> std::result::Result<(f64, bool), String> {
        let threshold = self.thresholds[at];
        let before = |value: f64| if self.double { value.next_down() } else { f64::from((value as f32).next_down()) };
        match self.modes[at].as_str() {
            "BRANCH_LEQ" => Ok((threshold, false)),
            "BRANCH_LT" => Ok((before(threshold), false)),
            "BRANCH_GT" => Ok((threshold, true)),
            "BRANCH_GTE" => Ok((before(threshold), true)),
            other => Err(format!("has the mode \"{}\"", crate::imported::words(other))),
        }
    }
}

/// What each leaf adds to which score, by its place among the nodes.
pub type Weights = HashMap<usize, Vec<(u32, f64)>>;

pub fn read(operator: &Operator<'_>, width: usize) -> Result<Predictor> {
    let listed = Listed::read(operator)?;
    let mut places = HashMap::with_capacity(listed.ids.len());
    for (place, key) in listed.trees.iter().copied().zip(listed.ids.iter().copied()).enumerate() {
        if places.insert(key, place).is_some() {
            return operator.broken(format!("tree {}: node {} is there twice", key.0, key.1));
        }
    }
    let is_classifier = operator.node.op_type == "TreeEnsembleClassifier";
    let role = if is_classifier { "class" } else { "target" };
    let weights = weights(operator, role, &places)?;
    match is_classifier {
        true => classifier(operator, width, &listed, &places, weights),
        false => regressor(operator, width, &listed, &places, weights),
    }
}

fn weights(operator: &Operator<'_>, role: &str, places: &HashMap<(i64, i64), usize>) -> Result<Weights> {
    let (ids, nodes, trees) = (
        operator.ints(&format!("{role}_ids"))?,
        operator.ints(&format!("{role}_nodeids"))?,
        operator.ints(&format!("{role}_treeids"))?,
    );
    let (values, _) = operator.numbers(&format!("{role}_weights"))?;
    for (name, list) in [("nodeids", nodes.len()), ("treeids", trees.len()), ("weights", values.len())] {
        operator.count(&format!("{role}_{name}"), list, ids.len())?;
    }
    let mut found = Weights::new();
    for (place, id) in ids.iter().enumerate() {
        let key = (trees[place], nodes[place]);
        let (Some(node), Ok(id)) = (places.get(&key), u32::try_from(*id)) else {
            return operator.broken(format!("tree {}: a weight of node {}, which is not there", key.0, key.1));
        };
        found.entry(*node).or_default().push((id, values[place]));
    }
    Ok(found)
}

/// Plant all trees, whose scores are added up to `init`, or of which the mean is taken.
pub fn forest(
    operator: &Operator<'_>,
    features: usize,
    listed: &Listed,
    places: &HashMap<(i64, i64), usize>,
    weights: &Weights,
    init: Vec<f64>,
    average: bool,
) -> Result<Scores> {
    let width = init.len();
    let mut order: Vec<i64> = Vec::new();
    let mut of_tree: HashMap<i64, Vec<usize>> = HashMap::new();
    for (place, tree) in listed.trees.iter().enumerate() {
        of_tree.entry(*tree).or_insert_with(|| {
            order.push(*tree);
            Vec::new()
        });
        if let Some(list) = of_tree.get_mut(tree) {
            list.push(place);
        }
    }
    // A tree that speaks of one score everywhere adds to it; others have a list in each leaf.
    let target = |nodes: &[usize]| {
        let mut ids = nodes.iter().filter_map(|node| weights.get(node));
        let first = ids.clone().next().map_or(0, |one| one.first().map_or(0, |one| one.0));
        ids.all(|one| matches!(one[..], [(id, _)] if id == first)).then_some(first as usize)
    };
    let targets: Option<Vec<usize>> = order.iter().map(|tree| target(&of_tree[tree])).collect();
    let mut grove = Grove::new(features, width);
    for (number, tree) in order.iter().enumerate() {
        let nodes = &of_tree[tree];
        let place = |text: String| broken(format!("{}, tree {tree}", operator.place), text);
        plant(&mut grove, *tree, nodes, listed, places, weights, targets.as_ref().map(|targets| targets[number]))
            .map_err(place)?;
    }
    let divisor = average.then_some(order.len().max(1) as f64);
    // The base values are added behind the division.
    let init = init.into_iter().map(|init| init * divisor.unwrap_or(1.0)).collect();
    let single = !listed.double && targets.is_some() && divisor.is_none();
    let input = if listed.double { Input::Float64Missing } else { Input::Float32Missing };
    match grove.forest(input, Compare::NotAbove, Combine::Sum { init, divisor, single }) {
        Some(forest) => Ok(Scores::Forest(forest)),
        None => operator.broken("a weight is of a score that is not there, or there twice in a leaf"),
    }
}

fn plant(
    grove: &mut Grove,
    tree: i64,
    nodes: &[usize],
    listed: &Listed,
    places: &HashMap<(i64, i64), usize>,
    weights: &Weights,
    target: Option<usize>,
) -> std::result::Result<(), String> {
    let local: HashMap<usize, usize> = nodes.iter().enumerate().map(|(local, place)| (*place, local)).collect();
    let child = |id: i64| places.get(&(tree, id)).and_then(|place| local.get(place)).copied().unwrap_or(usize::MAX);
    let is_leaf = |place: usize| listed.modes[place] == "LEAF";
    // The root is the one that is nobody's child.
    let mut is_child = vec![false; nodes.len()];
    for place in nodes.iter().filter(|place| !is_leaf(**place)) {
        for id in [listed.lefts[*place], listed.rights[*place]] {
            if let Some(is_child) = is_child.get_mut(child(id)) {
                *is_child = true;
            }
        }
    }
    let mut roots = is_child.iter().enumerate().filter(|(_, is_child)| !**is_child).map(|(at, _)| at);
    let root = roots.next().ok_or("no node is its root")?;
    if let Some(second) = roots.next() {
        return Err(format!("node {} is a second root", listed.ids[nodes[second]]));
    }
    let node = |at: usize| {
        let place = nodes[at];
        if is_leaf(place) {
            let mut values = weights.get(&place).cloned().unwrap_or_default();
            values.sort_by_key(|(score, _)| *score);
            return Ok(match target {
                Some(_) => Found::Leaf(values.first().map_or(0.0, |(_, value)| *value)),
                None => Found::Leaves(values),
            });
        }
        let named = |cause: String| format!("node {} {cause}", listed.ids[place]);
        let (threshold, swapped) = listed.split(place).map_err(named)?;
        let tracks = listed.missing.get(place).is_some_and(|tracks| *tracks != 0);
        let there = |id: i64| match child(id) {
            usize::MAX => Err(named(format!("leads to node {id}, which is not there"))),
            place => Ok(place),
        };
        let (left, right) = (there(listed.lefts[place])?, there(listed.rights[place])?);
        let feature = usize::try_from(listed.features[place]).map_err(|_| named("splits no feature".into()))?;
        Ok(match swapped {
            false => Found::Split { feature, threshold, left, right, missing_left: tracks },
            true => Found::Split { feature, threshold, left: right, right: left, missing_left: !tracks },
        })
    };
    // The format has no place for the rows that came to a node.
    grove.plant(nodes.len(), root, target.unwrap_or(0), None, node)
}

/// Whether the mean of the trees is taken.
fn is_average(operator: &Operator<'_>) -> Result<bool> {
    match operator.word("aggregate_function", "SUM")?.as_str() {
        "SUM" => Ok(false),
        "AVERAGE" => Ok(true),
        other => operator.unknown(format!("aggregate_function \"{other}\"")),
    }
}

fn bases(operator: &Operator<'_>, width: usize) -> Result<Vec<f64>> {
    let (base, _) = operator.numbers("base_values")?;
    if base.is_empty() {
        return Ok(vec![0.0; width]);
    }
    operator.count("base_values", base.len(), width)?;
    Ok(base)
}

fn regressor(
    operator: &Operator<'_>,
    features: usize,
    listed: &Listed,
    places: &HashMap<(i64, i64), usize>,
    weights: Weights,
) -> Result<Predictor> {
    let transform = operator.word("post_transform", "NONE")?;
    if transform != "NONE" {
        return operator.unknown(format!("post_transform \"{transform}\""));
    }
    let width = usize::try_from(operator.int("n_targets", 1)?).unwrap_or(0);
    if !(1..=FILE_SCORES).contains(&width) {
        return operator.unknown(format!("{width} targets"));
    }
    let scores = forest(operator, features, listed, places, &weights, bases(operator, width)?, is_average(operator)?)?;
    let finish = Finish::Values(Link::Identity);
    Ok(Predictor { scores, finish, label: None, to_normalize: None, takes_missing: true })
}

fn classifier(
    operator: &Operator<'_>,
    features: usize,
    listed: &Listed,
    places: &HashMap<(i64, i64), usize>,
    mut weights: Weights,
) -> Result<Predictor> {
    let (classes, label) = classes(operator, "classlabels_int64s")?;
    let transform = operator.word("post_transform", "NONE")?;
    let mut all = weights.values().flatten();
    let first = all.clone().next().map_or(0, |one| one.0);
    let one_id = all.clone().all(|(id, _)| *id == first);
    let positive = all.all(|(_, weight)| *weight >= 0.0);
    let (init, decision, probabilities, to_normalize) = match (classes.len(), one_id, transform.as_str()) {
        // The weights are the second class' share.
        (2, true, "NONE" | "LOGISTIC") if positive => {
            let base = bases(operator, 1)?[0];
            weights.values_mut().for_each(|one| {
                let share: f64 = one.iter().map(|(_, weight)| weight).sum();
                *one = vec![(0, -share), (1, share)];
            });
            (vec![1.0 - base, base], Decision::Largest, Some(Probabilities::Shares), None)
        }
        (2, true, "NONE" | "LOGISTIC") => {
            let base = bases(operator, 1)?;
            weights.values_mut().flatten().for_each(|(id, _)| *id = 0);
            let shares = (transform == "LOGISTIC").then_some(Probabilities::Logistic);
            (base, Decision::Positive, shares, None)
        }
        (count, _, "NONE") if count > 2 => {
            (bases(operator, count)?, Decision::Largest, Some(Probabilities::Shares), None)
        }
        (count, _, "SOFTMAX") if count > 2 => {
            (bases(operator, count)?, Decision::Largest, Some(Probabilities::Softmax { scale: 1.0 }), None)
        }
        (count, _, "LOGISTIC") if count > 2 => {
            (bases(operator, count)?, Decision::Largest, None, Some(Probabilities::LogisticShares))
        }
        (2, false, _) => return operator.unknown("two classes with weights for each"),
        _ => return operator.unknown(format!("post_transform \"{transform}\"")),
    };
    let scores = forest(operator, features, listed, places, &weights, init, is_average(operator)?)?;
    let finish = Finish::Classes { classes, decision, probabilities };
    Ok(Predictor { scores, finish, label: Some(label), to_normalize, takes_missing: true })
}

/// The same of numbers that stand in other places.
pub fn moved(forest: &Forest, places: &[usize], features: usize) -> Option<Scores> {
    let there = |node: &Node| match node.feature {
        LEAF => Some(*node),
        feature => Some(Node { feature: u32::try_from(*places.get(feature as usize)?).ok()?, ..*node }),
    };
    let nodes: Option<Vec<Node>> = forest.nodes().iter().map(there).collect();
    Forest::new(Parts {
        features,
        width: forest.width(),
        input: forest.input(),
        compare: forest.compare(),
        nodes: nodes?,
        roots: forest.roots().to_vec(),
        targets: forest.targets().map(<[u32]>::to_vec),
        values: forest.values().to_vec(),
        places: forest.places().cloned(),
        combine: forest.combination().clone(),
    })
    .map(Scores::Forest)
}
