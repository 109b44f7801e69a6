//! The text in which LightGBM writes its models.

use std::collections::HashMap;
use std::str::FromStr;

use pgml_core::model::Scores;
use pgml_core::model::forest::{Compare, Input};

use crate::model::{Parent, Trees};

/// Bits of a split's `decision_type`: a category; missing values go to the left; zero is missing; NaN is missing.
const CATEGORY: u8 = 1;
const LEFT: u8 = 2;
const ZERO: u8 = 4;
const NAN: u8 = 8;

/// The lines `name=value` of one tree.
struct Lines<'a>(HashMap<&'a str, &'a str>);

impl<'a> Lines<'a> {
    fn new(block: &'a str) -> Lines<'a> {
        Lines(block.lines().filter_map(|line| line.split_once('=')).collect())
    }

    fn list<T: FromStr>(&self, name: &str, count: usize) -> Result<Vec<T>, String> {
        let words = self.0.get(name).copied().unwrap_or_default();
        let parsed: Option<Vec<T>> = words.split_whitespace().map(|word| word.parse().ok()).collect();
        match parsed {
            Some(list) if list.len() == count => Ok(list),
            _ => Err(format!("{name} is no list of {count} numbers: {words:.80}")),
        }
    }
}

/// The forest, and in how many splits each feature is.
pub fn read(text: &str, features: usize, width: usize) -> Result<(Scores, Vec<f64>), String> {
    let text = text.split_once("\nend of trees").map_or(text, |(trees, _)| trees);
    let mut blocks = text.split("\nTree=");
    let head = Lines::new(blocks.next().unwrap_or_default());
    if head.0.get("num_tree_per_iteration").and_then(|count| count.parse().ok()) != Some(width) {
        return Err(format!("it has not {width} trees for each step"));
    }
    let mut trees = Trees::new(Input::LightGbm, Compare::NotAbove, width);
    let mut splits = vec![0.0; features];
    for block in blocks {
        plant(&Lines::new(block), &mut trees, &mut splits)?;
    }
    trees.targets = Some((0..trees.roots.len()).map(|tree| (tree % width) as u32).collect());
    let scores = trees.scores(features).ok_or("its trees lead nowhere")?;
    Ok((scores, splits))
}

/// Add a tree. A child below zero is a leaf: -1 the first, -2 the second.
fn plant(lines: &Lines<'_>, trees: &mut Trees, splits: &mut [f64]) -> Result<(), String> {
    let leaves = lines.list::<usize>("num_leaves", 1)?[0];
    let values: Vec<f64> = lines.list("leaf_value", leaves)?;
    let count = leaves.saturating_sub(1);
    let feature: Vec<usize> = lines.list("split_feature", count)?;
    let threshold: Vec<f64> = lines.list("threshold", count)?;
    let kind: Vec<u8> = lines.list("decision_type", count)?;
    // Rows, not their weights, as LightGBM's own contributions count them. A tree of one leaf need not tell.
    let split_rows: Vec<f64> = lines.list("internal_count", count)?;
    let leaf_rows = if count == 0 { vec![1.0] } else { lines.list("leaf_count", leaves)? };
    let left: Vec<i64> = lines.list("left_child", count)?;
    let right: Vec<i64> = lines.list("right_child", count)?;
    let mut waiting: Vec<(i64, Parent)> = vec![(if count == 0 { -1 } else { 0 }, None)];
    let mut planted = 0;
    while let Some((at, parent)) = waiting.pop() {
        planted += 1;
        if planted > leaves + count {
            return Err("a tree leads back into itself".into());
        }
        if at < 0 {
            let leaf = usize::try_from(-1 - at).ok().and_then(|leaf| values.get(leaf).zip(leaf_rows.get(leaf)));
            let (value, rows) = leaf.ok_or("a leaf is missing")?;
            trees.leaf(parent, &[*value]);
            trees.cover(*rows);
            continue;
        }
        let split = at as usize;
        if split >= count || feature[split] >= splits.len() {
            return Err("a split is missing".into());
        }
        if kind[split] & (CATEGORY | ZERO) != 0 {
            return Err("it has categories, or zeros that count as missing".into());
        }
        splits[feature[split]] += 1.0;
        // Where NaN is nothing special, it counts as zero.
        let missing_left = if kind[split] & NAN != 0 { kind[split] & LEFT != 0 } else { threshold[split] >= 0.0 };
        let place = trees.node(parent, feature[split], threshold[split], missing_left);
        trees.cover(split_rows[split]);
        waiting.push((right[split], Some((place, false))));
        waiting.push((left[split], Some((place, true))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tree\nnum_tree_per_iteration=1\n\nTree=0\nnum_leaves=3\nsplit_feature=1 0\nthreshold=0.5 -2\n\
        decision_type=2 2\nleft_child=1 -1\nright_child=-2 -3\nleaf_value=1 2 3\nleaf_count=5 4 3\ninternal_count=12 8\n\nTree=1\nnum_leaves=1\n\
        leaf_value=0.25\n\nend of trees\nfeature_importances:\nColumn_1=1\n";

    #[test]
    fn trees_and_the_number_of_their_splits_are_read() {
        let (scores, splits) = read(TEXT, 2, 1).expect("a model");
        assert_eq!(splits, [1.0, 1.0]);
        let part = pgml_core::model::Part::new(scores, crate::model::values()).expect("a part");
        let model = pgml_core::model::Model::new(2, vec![part]).expect("a model");
        let predict = |row: [f64; 2]| {
            let mut out = Vec::new();
            model.predict(&row, &mut Default::default(), &mut out).expect("a row");
            out[0]
        };
        assert_eq!([predict([-3.0, 0.5]), predict([0.0, 0.0]), predict([0.0, 1.0])], [1.25, 3.25, 2.25]);
        // NaN counts as zero.
        assert_eq!(predict([f64::NAN, f64::NAN]), 3.25);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (from, to) in [
            ("left_child=1 -1", "left_child=1 0"),
            ("left_child=1 -1", "left_child=1 -9"),
            ("split_feature=1 0", "split_feature=1 7"),
            ("threshold=0.5 -2", "threshold=0.5"),
            ("decision_type=2 2", "decision_type=1 2"),
            ("leaf_count=5 4 3", "leaf_count=5 4"),
            ("internal_count=12 8", "internal_count=12 -8"),
            ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ] {
            assert!(read(&TEXT.replacen(from, to, 1), 2, 1).is_err(), "{to}");
        }
    }
}
