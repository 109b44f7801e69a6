//! From a model to LightGBM's text.

use pgml_core::model::Model;
use pgml_core::model::forest::{Compare, LEAF};
use pgml_core::preprocess::Preprocess;

use super::{LEFT, NAN};
use crate::error::{Error, Result};
use crate::sql::last_left;
use crate::sums::{Objective, Sums};

/// The format, as errors call it.
const FORM: &str = "LightGBM's text";

/// The text of a model; `names` are those of the numbers that it takes.
pub fn write(model: &Model, preprocess: &Preprocess, names: &[String]) -> Result<String> {
    if !preprocess.is_plain() {
        let why = "its preprocessing has no place in it".to_string();
        return Err(Error::Inexpressible { form: FORM, why });
    }
    let sums = Sums::of(model, FORM)?;
    let (objective, classes) = match sums.objective {
        Objective::Values => ("regression".to_string(), 1),
        Objective::Exponential => ("poisson".to_string(), 1),
        Objective::Binary => ("binary sigmoid:1".to_string(), 1),
        Objective::Classes(count) => (format!("multiclass num_class:{count}"), count),
    };
    let width = sums.forest.width();
    // Trees are added in the order of the steps, and each step has a tree for each score.
    let mut trees: Vec<Vec<Option<u32>>> = vec![Vec::new(); width];
    for (root, target) in sums.trees() {
        trees[target].push(Some(root));
    }
    let steps = trees.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::from("tree\nversion=v4\n");
    text += &format!("num_class={classes}\nnum_tree_per_iteration={width}\nlabel_index=0\n");
    text += &format!("max_feature_idx={}\nobjective={objective}\n", model.features - 1);
    let called: Vec<String> = names.iter().map(|name| name.replace(char::is_whitespace, "_")).collect();
    let infos = vec!["none"; model.features].join(" ");
    text += &format!("feature_names={}\nfeature_infos={infos}\n\n", called.join(" "));
    let mut number = 0;
    let mut add = |text: &mut String, body: String| {
        *text += &format!("Tree={number}\n{body}\n\n");
        number += 1;
    };
    if sums.init.iter().any(|init| *init != 0.0) {
        sums.init.iter().for_each(|init| add(&mut text, stump(*init)));
    }
    for step in 0..steps {
        for of_score in &trees {
            let body = of_score.get(step).copied().flatten().map_or_else(|| stump(0.0), |root| tree(&sums, root));
            add(&mut text, body);
        }
    }
    text += "end of trees\n\nfeature_importances:\n\nparameters:\n[boosting: gbdt]\nend of parameters\n\npandas_categorical:null\n";
    Ok(text)
}

/// A tree that is one leaf.
fn stump(value: f64) -> String {
    format!("num_leaves=1\nnum_cat=0\nleaf_value={value:?}\nis_linear=0\nshrinkage=1\n")
}

/// A tree: splits are numbered from 0 and leaves from -1 down, each in the order in which they are met.
fn tree(sums: &Sums<'_>, root: u32) -> String {
    let nodes = sums.nodes(root);
    if nodes.len() == 1 {
        return stump(sums.value(&nodes[0].0));
    }
    let (mut splits, mut leaves) = (0i64, 0i64);
    let numbers: Vec<i64> = nodes
        .iter()
        .map(|(node, ..)| {
            let counter = if node.feature == LEAF { &mut leaves } else { &mut splits };
            *counter += 1;
            if node.feature == LEAF { -*counter } else { *counter - 1 }
        })
        .collect();
    let of_splits = || nodes.iter().filter(|(node, ..)| node.feature != LEAF);
    let list = |values: Vec<String>| values.join(" ");
    let threshold = |node: &pgml_core::model::forest::Node| {
        // Where nothing goes to the left, or all does, the smallest and the largest number tell them apart.
        let exact = !sums.rounds() && sums.forest.compare() == Compare::NotAbove;
        let last = if exact { node.threshold } else { last_left(sums.forest, node.threshold).unwrap_or(f64::MIN) };
        format!("{last:?}")
    };
    let kind = |node: &pgml_core::model::forest::Node| (NAN | if node.missing_left { LEFT } else { 0 }).to_string();
    let zeros = |count: usize| vec!["0"; count].join(" ");
    let (split_count, leaf_count) = (splits as usize, leaves as usize);
    let lines = [
        format!("num_leaves={leaf_count}\nnum_cat=0"),
        format!("split_feature={}", list(of_splits().map(|(node, ..)| node.feature.to_string()).collect())),
        format!("split_gain={}", zeros(split_count)),
        format!("threshold={}", list(of_splits().map(|(node, ..)| threshold(node)).collect())),
        format!("decision_type={}", list(of_splits().map(|(node, ..)| kind(node)).collect())),
        format!("left_child={}", list(of_splits().map(|(_, left, _)| numbers[*left].to_string()).collect())),
        format!("right_child={}", list(of_splits().map(|(_, _, right)| numbers[*right].to_string()).collect())),
        format!(
            "leaf_value={}",
            list(
                nodes
                    .iter()
                    .filter(|(node, ..)| node.feature == LEAF)
                    .map(|(node, ..)| format!("{:?}", sums.value(node)))
                    .collect()
            )
        ),
        format!("leaf_weight={}\nleaf_count={}", zeros(leaf_count), zeros(leaf_count)),
        format!("internal_value={}\ninternal_weight={}", zeros(split_count), zeros(split_count)),
        format!("internal_count={}\nis_linear=0\nshrinkage=1\n", zeros(split_count)),
    ];
    lines.join("\n")
}
