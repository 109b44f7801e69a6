//! From LightGBM's text to a model.

use std::collections::HashMap;
use std::str::FromStr;

use pgml_core::model::forest::{Combine, Compare, Input};
use pgml_core::model::{Decision, Finish, Link, Model, Part, Probabilities, Scores};

use super::{CATEGORY, FORMAT, LEFT, NAN, ZERO};
use crate::error::{Error, Result};
use crate::imported::{Imported, words};
use crate::limits::{FILE_FEATURES, FILE_NODES, FILE_SCORES};
use crate::trees::{Found, Grove, bits};

/// Objectives whose predictions are the sums of the trees.
const VALUES: [&str; 6] = ["regression", "regression_l1", "huber", "fair", "quantile", "mape"];
/// Those whose predictions are the exponentials of the sums.
const EXPONENTIAL: [&str; 3] = ["poisson", "gamma", "tweedie"];

fn broken(place: impl Into<String>, cause: impl Into<String>) -> Error {
    Error::Broken { format: FORMAT, place: place.into(), cause: cause.into() }
}

fn unknown(place: impl Into<String>, what: impl Into<String>) -> Error {
    Error::Unknown { format: FORMAT, place: place.into(), what: what.into() }
}

/// The lines `name=value` of the head, or of one tree.
struct Lines<'a> {
    place: String,
    all: HashMap<&'a str, &'a str>,
}

impl<'a> Lines<'a> {
    fn new(place: String, block: &'a str) -> Lines<'a> {
        Lines { place, all: block.lines().filter_map(|line| line.split_once('=')).collect() }
    }

    fn one<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.all.get(name).ok_or_else(|| broken(&self.place, format!("{name} is missing")))?;
        let wrong = || broken(&self.place, format!("{name} is \"{}\"", words(text)));
        text.trim().parse().map_err(|_| wrong())
    }

    fn list<T: FromStr>(&self, name: &str, count: usize) -> Result<Vec<T>> {
        let text = self.all.get(name).copied().unwrap_or_default();
        let mut list = Vec::new();
        for (place, word) in text.split_ascii_whitespace().enumerate() {
            let wrong = || broken(&self.place, format!("value {} of {name} is \"{}\"", place + 1, words(word)));
            list.push(word.parse().map_err(|_| wrong())?);
        }
        match list.len() == count {
            true => Ok(list),
            false => Err(broken(&self.place, format!("{name} has {} values instead of {count}", list.len()))),
        }
    }
}

/// Read a model.
pub fn read(bytes: &[u8]) -> Result<Imported> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| broken(format!("byte {}", error.valid_up_to()), "it is no UTF-8"))?;
    if !text.starts_with("tree") {
        return Err(broken("line 1", "it does not begin with \"tree\""));
    }
    let (text, _) =
        text.split_once("\nend of trees").ok_or_else(|| broken("its end", "\"end of trees\" is missing"))?;
    let mut blocks = text.split("\nTree=");
    let head_text = blocks.next().unwrap_or_default();
    let head = Lines::new("its head".into(), head_text);
    if head_text.lines().any(|line| line.trim() == "average_output") {
        return Err(unknown("its head", "average_output, of boosting rf"));
    }
    let width: usize = head.one("num_tree_per_iteration")?;
    let last: usize = head.one("max_feature_idx")?;
    let features = last.saturating_add(1);
    if !(1..=FILE_SCORES).contains(&width) {
        return Err(Error::TooLarge { what: "classes", found: width, limit: FILE_SCORES });
    }
    if features > FILE_FEATURES {
        return Err(Error::TooLarge { what: "features", found: features, limit: FILE_FEATURES });
    }
    let finish = finish(head.all.get("objective").copied().unwrap_or_default(), width)?;
    let mut grove = Grove::new(features, width);
    for (tree, block) in blocks.enumerate() {
        plant(&Lines::new(format!("tree {tree}"), block), &mut grove, tree % width)?;
    }
    let combine = Combine::Sum { init: vec![0.0; width], divisor: None, single: false };
    let forest = grove.forest(Input::LightGbm, Compare::NotAbove, combine);
    let part = forest.and_then(|forest| Part::new(Scores::Forest(forest), finish));
    let model = part.and_then(|part| Model::new(features, vec![part]));
    let model = model.ok_or_else(|| broken("its trees", "they don't fit its objective"))?;
    let names: Vec<String> =
        head.all.get("feature_names").map(|names| names.split(' ').map(String::from).collect()).unwrap_or_default();
    let version = head.all.get("version").copied().unwrap_or("of no version");
    let mut imported = Imported::plain(model, names, format!("LightGBM, format {}", words(version)));
    imported.algorithm = Some("lightgbm".into());
    Ok(imported)
}

/// What becomes of the sums.
fn finish(objective: &str, width: usize) -> Result<Finish> {
    let (name, rest) = objective.trim().split_once(' ').unwrap_or((objective.trim(), ""));
    let classes = |count: usize| (0..count).map(|class| class as f64).collect();
    let of_parameters = rest.split_whitespace().all(|word| word.contains(':'));
    let (classes, probabilities) = match (name, rest) {
        _ if VALUES.contains(&name) && of_parameters => return Ok(Finish::Values(Link::Identity)),
        _ if EXPONENTIAL.contains(&name) && of_parameters => return Ok(Finish::Values(Link::Exp)),
        ("binary", "sigmoid:1") => (classes(2), Probabilities::Logistic),
        ("multiclass", _) => (classes(width), Probabilities::Softmax { scale: 1.0 }),
        _ => return Err(unknown("its head", format!("objective \"{}\"", words(objective)))),
    };
    Ok(Finish::Classes { classes, decision: Decision::Likeliest, probabilities: Some(probabilities) })
}

/// Add a tree. A child below zero is a leaf: -1 the first, -2 the second.
fn plant(lines: &Lines<'_>, grove: &mut Grove, target: usize) -> Result<()> {
    let place = &lines.place;
    let leaves: usize = lines.one("num_leaves")?;
    let values: Vec<f64> = lines.list("leaf_value", leaves)?;
    if lines.all.get("is_linear").is_some_and(|value| value.trim() != "0") {
        return Err(unknown(place, "linear leaves"));
    }
    let count = leaves.checked_sub(1).ok_or_else(|| broken(place, "it has no leaf"))?;
    let feature: Vec<usize> = lines.list("split_feature", count)?;
    let threshold: Vec<f64> = lines.list("threshold", count)?;
    let kind: Vec<u8> = match lines.all.contains_key("decision_type") {
        true => lines.list("decision_type", count)?,
        false => vec![0; count],
    };
    let left: Vec<i32> = lines.list("left_child", count)?;
    let right: Vec<i32> = lines.list("right_child", count)?;
    if kind.iter().any(|kind| kind & CATEGORY == 0 && kind & ZERO != 0) {
        return Err(unknown(place, "zeros that count as missing"));
    }
    let sets = sets(lines)?;
    let covers = covers(lines, count)?;
    // The splits first, the leaves behind them.
    let child = |child: i32| match usize::try_from(child) {
        Ok(split) if split >= count => leaves + count,
        Ok(split) => split,
        Err(_) => count + (-1 - child) as usize,
    };
    let node = |at: usize| {
        let Some(leaf) = at.checked_sub(count) else {
            // Where NaN is nothing special, it counts as zero.
            let missing_left = if kind[at] & NAN != 0 { kind[at] & LEFT != 0 } else { threshold[at] >= 0.0 };
            let (left, right) = (child(left[at]), child(right[at]));
            if kind[at] & CATEGORY != 0 {
                // The threshold is the number of a set. What is missing, and what is in no set, goes to the right.
                let set = Some(threshold[at]).filter(|set| set.fract() == 0.0 && *set >= 0.0);
                let members = set.and_then(|set| sets.get(set as usize)).cloned();
                let members = members.ok_or_else(|| format!("node {at} has a set of categories that is not there"))?;
                return Ok(Found::Categories { feature: feature[at], members, left, right, missing_left: false });
            }
            return Ok(Found::Split { feature: feature[at], threshold: threshold[at], left, right, missing_left });
        };
        Ok(Found::Leaf(values[leaf]))
    };
    let wrong = |cause| broken(place, cause);
    grove.plant(count + leaves, 0, target, covers.as_deref(), node).map_err(wrong)
}

/// The sets of categories that go to the left, in words of 32 bits.
fn sets(lines: &Lines<'_>) -> Result<Vec<Vec<u32>>> {
    let count = match lines.all.contains_key("num_cat") {
        true => lines.one::<usize>("num_cat")?,
        false => 0,
    };
    if count == 0 {
        return Ok(Vec::new());
    }
    let wrong = || broken(&lines.place, "cat_boundaries do not ascend within cat_threshold");
    let ends: Vec<usize> = lines.list("cat_boundaries", count.checked_add(1).ok_or_else(wrong)?)?;
    let words: Vec<u32> = lines.list("cat_threshold", ends.last().copied().unwrap_or(0))?;
    let found = words.iter().map(|word| word.count_ones() as usize).sum();
    if found > FILE_NODES {
        return Err(Error::TooLarge { what: "categories", found, limit: FILE_NODES });
    }
    // Each word belongs to one set, because ranges ascend: what they take is bounded by the file.
    if ends.first() != Some(&0) {
        return Err(wrong());
    }
    ends.windows(2).map(|bounds| Ok(bits(words.get(bounds[0]..bounds[1]).ok_or_else(wrong)?))).collect()
}

/// Reads how many training rows reached each split and each leaf. LightGBM computes its contributions from these counts. A file
/// without counts, or with counts that are all zero, gives `None`.
fn covers(lines: &Lines<'_>, count: usize) -> Result<Option<Vec<f64>>> {
    if count == 0 {
        return Ok(Some(vec![1.0]));
    }
    if !lines.all.contains_key("internal_count") || !lines.all.contains_key("leaf_count") {
        return Ok(None);
    }
    let mut covers: Vec<f64> = lines.list("internal_count", count)?;
    let leaves: Vec<f64> = lines.list("leaf_count", count + 1)?;
    covers.extend(leaves);
    Ok((covers[0] != 0.0).then_some(covers))
}
