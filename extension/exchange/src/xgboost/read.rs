//! From XGBoost's JSON or UBJSON to a model.

use std::collections::HashMap;

use pgml_core::model::forest::{Combine, Compare, Input};
use pgml_core::model::{Decision, Finish, Link, Model, Part, Probabilities, Scores};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::{FORMAT, ubj};
use crate::error::{Error, Result};
use crate::imported::{Imported, words};
use crate::limits::{FILE_FEATURES, FILE_SCORES};
use crate::trees::{Found, Grove};

/// Objectives whose predictions are the sums of the trees.
const VALUES: [&str; 4] = ["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"];

#[derive(Deserialize)]
struct File {
    learner: Learner,
    #[serde(default)]
    version: Vec<u32>,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: Shape,
    objective: Objective,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    model: Option<Trees>,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Tree>,
    tree_info: Vec<u32>,
}

#[derive(Deserialize)]
struct Shape {
    base_score: String,
    #[serde(default)]
    num_class: String,
    num_feature: String,
    #[serde(default)]
    num_target: String,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i32>,
    right_children: Vec<i32>,
    split_indices: Vec<u32>,
    split_conditions: Vec<f32>,
    default_left: Vec<Flag>,
    #[serde(default)]
    split_type: Vec<u8>,
    /// The weight of the rows that came to each node in training.
    #[serde(default)]
    sum_hessian: Vec<f32>,
    /// The categories of all sets, and for each set its node, where it begins among them, and how many it has.
    #[serde(default)]
    categories: Vec<u32>,
    #[serde(default)]
    categories_nodes: Vec<u32>,
    #[serde(default)]
    categories_segments: Vec<u64>,
    #[serde(default)]
    categories_sizes: Vec<u64>,
    tree_param: TreeShape,
}

#[derive(Deserialize)]
struct TreeShape {
    #[serde(default)]
    size_leaf_vector: String,
}

/// A boolean, or 0 or 1.
#[derive(Clone, Copy)]
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Flag, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Flag;
            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("a boolean, 0 or 1")
            }
            fn visit_bool<E>(self, value: bool) -> std::result::Result<Flag, E> {
                Ok(Flag(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Flag, E> {
                if value < 2 { Ok(Flag(value == 1)) } else { Err(E::custom("a flag is neither 0 nor 1")) }
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Flag, E> {
                u64::try_from(value)
                    .map_err(|_| E::custom("a flag is neither 0 nor 1"))
                    .and_then(|one| self.visit_u64(one))
            }
        }
        from.deserialize_any(Either)
    }
}

fn broken(place: impl Into<String>, cause: impl Into<String>) -> Error {
    Error::Broken { format: FORMAT, place: place.into(), cause: cause.into() }
}

fn unknown(place: impl Into<String>, what: impl Into<String>) -> Error {
    Error::Unknown { format: FORMAT, place: place.into(), what: what.into() }
}

/// Read a model in either form. UBJSON begins an object with the length of a name.
pub fn read(bytes: &[u8]) -> Result<Imported> {
    let is_json = bytes.get(1).is_none_or(|second| *second == b'"' || *second == b'}' || second.is_ascii_whitespace());
    let file: File = match is_json {
        true => serde_json::from_slice(bytes).map_err(|error| {
            broken(format!("line {}, column {}", error.line(), error.column()), words(&error.to_string()))
        })?,
        false => ubj::read(bytes).map_err(|error| broken(format!("byte {}", error.place), words(&error.cause)))?,
    };
    let File { learner, version } = file;
    let Learner { feature_names, gradient_booster: booster, learner_model_param: shape, objective } = learner;
    if booster.name != "gbtree" {
        return Err(unknown("gradient_booster", format!("booster \"{}\"", words(&booster.name))));
    }
    let trees = booster.model.ok_or_else(|| broken("gradient_booster", "it has no model"))?;
    let features = whole("num_feature", &shape.num_feature, FILE_FEATURES)?.max(1);
    let classes = whole("num_class", &shape.num_class, FILE_SCORES)?;
    let width = classes.max(whole("num_target", &shape.num_target, FILE_SCORES)?).max(1);
    let init = init(&shape.base_score, width)?;
    let (finish, init) = finish(&objective.name, classes, init)?;
    if trees.tree_info.len() != trees.trees.len() {
        return Err(broken("tree_info", format!("{} entries for {} trees", trees.tree_info.len(), trees.trees.len())));
    }
    let mut grove = Grove::new(features, width);
    for (number, (tree, target)) in trees.trees.iter().zip(&trees.tree_info).enumerate() {
        plant(number, tree, *target as usize, &mut grove)?;
    }
    let combine = Combine::Sum { init, divisor: None, single: true };
    let forest = grove.forest(Input::Float32Missing, Compare::Below, combine);
    let part = forest.and_then(|forest| Part::new(Scores::Forest(forest), finish));
    let model = part.and_then(|part| Model::new(features, vec![part]));
    let model = model.ok_or_else(|| broken("its trees", "they don't fit its objective"))?;
    let version: Vec<String> = version.iter().take(3).map(u32::to_string).collect();
    let mut imported = Imported::plain(model, feature_names, format!("XGBoost {}", version.join(".")));
    imported.algorithm = Some("xgboost".into());
    Ok(imported)
}

/// A number that is written as a text.
fn whole(name: &str, text: &str, most: usize) -> Result<usize> {
    let number = if text.is_empty() { Some(0) } else { text.parse::<usize>().ok() };
    match number {
        Some(number) if number <= most => Ok(number),
        _ => Err(broken("learner_model_param", format!("{name} is \"{}\"", words(text)))),
    }
}

/// The scores before the first tree, in the unit of the predictions.
fn init(text: &str, width: usize) -> Result<Vec<f32>> {
    let numbers: Option<Vec<f32>> =
        text.trim().trim_matches(['[', ']']).split(',').map(|word| word.trim().parse().ok()).collect();
    match numbers {
        Some(one) if one.len() == 1 => Ok(vec![one[0]; width]),
        Some(each) if each.len() == width => Ok(each),
        _ => Err(broken("learner_model_param", format!("base_score is \"{}\"", words(text)))),
    }
}

/// What becomes of the sums, and the scores before the first tree in their unit.
fn finish(objective: &str, classes: usize, init: Vec<f32>) -> Result<(Finish, Vec<f64>)> {
    let all = |init: Vec<f32>| init.into_iter().map(f64::from).collect::<Vec<f64>>();
    let choice = |count: usize, decision, kind| Finish::Classes {
        classes: (0..count).map(|class| class as f64).collect(),
        decision,
        probabilities: Some(kind),
    };
    let (finish, init) = match objective {
        _ if VALUES.contains(&objective) => (Finish::Values(Link::Identity), all(init)),
        "binary:logistic" => {
            let scores = init.into_iter().map(|share| -(1.0 / share - 1.0).ln()).collect();
            (choice(2, Decision::AboveHalf, Probabilities::LogisticF32), all(scores))
        }
        "multi:softprob" | "multi:softmax" => {
            (choice(classes, Decision::Likeliest, Probabilities::SoftmaxF32), all(init))
        }
        _ => return Err(unknown("objective", format!("\"{}\"", words(objective)))),
    };
    match init.iter().all(|score| score.is_finite()) {
        true => Ok((finish, init)),
        false => Err(broken("learner_model_param", "base_score gives no finite score")),
    }
}

fn plant(number: usize, tree: &Tree, target: usize, grove: &mut Grove) -> Result<()> {
    let place = format!("tree {number}");
    let count = tree.left_children.len();
    let sizes = [
        ("right_children", tree.right_children.len()),
        ("split_indices", tree.split_indices.len()),
        ("split_conditions", tree.split_conditions.len()),
        ("default_left", tree.default_left.len()),
    ];
    if let Some((name, found)) = sizes.into_iter().find(|(_, found)| *found != count) {
        return Err(broken(place, format!("{name} has {found} values, and left_children has {count}")));
    }
    let sets = sets(&place, tree, count)?;
    let is_split = |(at, kind): (usize, &u8)| *kind != 0 && tree.left_children.get(at).is_some_and(|left| *left >= 0);
    if tree.split_type.iter().enumerate().any(|(at, kind)| is_split((at, kind)) && !sets.contains_key(&at)) {
        return Err(broken(place, "a split by categories has none"));
    }
    if !["", "0", "1"].contains(&tree.tree_param.size_leaf_vector.as_str()) {
        return Err(unknown(place, "leaves with several numbers"));
    }
    let node = |at: usize| {
        // A leaf's value stands where a split has its threshold.
        let value = f64::from(tree.split_conditions[at]);
        let (left, right) = (tree.left_children[at], tree.right_children[at]);
        if left < 0 {
            return Ok(Found::Leaf(value));
        }
        let right = usize::try_from(right).map_err(|_| format!("node {at} has one child"))?;
        let missing_left = tree.default_left[at].0;
        let feature = tree.split_indices[at] as usize;
        if let Some(members) = sets.get(&at) {
            // Those of the set go to the right.
            let (members, left, right) = (members.clone(), right, left as usize);
            return Ok(Found::Categories { feature, members, left, right, missing_left: !missing_left });
        }
        Ok(Found::Split { feature, threshold: value, left: left as usize, right, missing_left })
    };
    let covers = covers(&place, tree, count)?;
    grove.plant(count, 0, target, covers.as_deref(), node).map_err(|cause| broken(place, cause))
}

/// Of the nodes that split by categories, those that go to the right.
fn sets(place: &str, tree: &Tree, count: usize) -> Result<HashMap<usize, Vec<u32>>> {
    let Tree { categories, categories_nodes: nodes, categories_segments: starts, categories_sizes: sizes, .. } = tree;
    if starts.len() != nodes.len() || sizes.len() != nodes.len() {
        return Err(broken(place, "the lists of categories differ in length"));
    }
    let mut found = HashMap::with_capacity(nodes.len());
    let mut left = categories.len();
    for ((node, start), size) in nodes.iter().zip(starts).zip(sizes) {
        let wrong = |what: &str| broken(place, format!("the categories of node {node} {what}"));
        let range = usize::try_from(*start).ok().zip(usize::try_from(*size).ok());
        let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
        let members = range.and_then(|range| categories.get(range)).ok_or_else(|| wrong("are not there"))?;
        // Each category belongs to one set: what they take is bounded by the file.
        left = left.checked_sub(members.len()).ok_or_else(|| wrong("are those of another node, too"))?;
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        let is_split = tree.split_type.get(*node as usize).is_some_and(|kind| *kind == 1) && (*node as usize) < count;
        if !is_split || found.insert(*node as usize, members).is_some() {
            return Err(wrong("are of no split by categories, or there twice"));
        }
    }
    Ok(found)
}

/// Reads the weight of the training rows that reached each node. A file without weights, or with weights that are all zero,
/// gives `None`.
fn covers(place: &str, tree: &Tree, count: usize) -> Result<Option<Vec<f64>>> {
    let told = &tree.sum_hessian;
    match told.first() {
        None => Ok(None),
        Some(_) if told.len() != count => {
            Err(broken(place, format!("sum_hessian has {} values, and left_children has {count}", told.len())))
        }
        Some(root) if *root == 0.0 && count > 1 => Ok(None),
        Some(_) => Ok(Some(told.iter().map(|weight| f64::from(*weight)).collect())),
    }
}
