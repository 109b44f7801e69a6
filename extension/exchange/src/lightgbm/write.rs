//! From a model to LightGBM's text.

use pgml_core::model::Model;
use pgml_core::model::forest::{Compare, Input, LEAF, Node};
use pgml_core::preprocess::Preprocess;

use super::{CATEGORY, LEFT, NAN};
use crate::error::{Error, Result, preprocess_of};
use crate::limits::FILE_NODES;
use crate::sql::last_left;
use crate::sums::{Objective, Sums};

/// The format, as errors call it.
const FORM: &str = "LightGBM's text";

/// The text of a model; `names` are those of the numbers that it takes.
pub fn write(model: &Model, preprocess: &Preprocess, names: &[String]) -> Result<String> {
    if !preprocess.is_plain() {
        let why = preprocess_of(preprocess);
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
            let root = of_score.get(step).copied().flatten();
            let body = root.map_or_else(|| Ok(stump(0.0)), |root| tree(&sums, root))?;
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
fn tree(sums: &Sums<'_>, root: u32) -> Result<String> {
    let nodes = sums.nodes(root);
    if nodes.len() == 1 {
        return Ok(stump(sums.value(&nodes[0].0)));
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
    let (members, covers) = (sums.members(root), sums.covers(root));
    let is_leaf = |at: usize| nodes[at].0.feature == LEAF;
    let list = |leaf: bool, of: &dyn Fn(usize) -> String| {
        (0..nodes.len()).filter(|at| is_leaf(*at) == leaf).map(of).collect::<Vec<_>>().join(" ")
    };
    // Where nothing goes to the left, or all does, the smallest and the largest number tell them apart.
    let exact = !sums.rounds() && sums.forest.compare() == Compare::NotAbove;
    let place_of_set = |at: usize| members[..at].iter().flatten().count();
    let threshold = |at: usize| match (members[at], nodes[at].0.threshold) {
        (Some(_), _) => place_of_set(at).to_string(),
        (None, threshold) if exact => format!("{threshold:?}"),
        (None, threshold) => format!("{:?}", last_left(sums.forest, threshold).unwrap_or(f64::MIN)),
    };
    let kind = |at: usize| match (members[at], nodes[at].0.missing_left.is_set()) {
        (Some(_), _) => CATEGORY.to_string(),
        (None, left) => (NAN | if left { LEFT } else { 0 }).to_string(),
    };
    // LightGBM counts rows; the weights beside them have what is behind the point.
    let count = |at: usize| format!("{}", covers[at].round().min(f64::from(i32::MAX)));
    let weight = |at: usize| format!("{:?}", covers[at]);
    let lines = [
        format!("num_leaves={leaves}\nnum_cat={}", members.iter().flatten().count()),
        format!("split_feature={}", list(false, &|at| nodes[at].0.feature.to_string())),
        format!("split_gain={}", list(false, &|_| "0".into())),
        format!("threshold={}", list(false, &threshold)),
        format!("decision_type={}", list(false, &kind)),
        format!("left_child={}", list(false, &|at| numbers[nodes[at].1].to_string())),
        format!("right_child={}", list(false, &|at| numbers[nodes[at].2].to_string())),
        format!("leaf_value={}", list(true, &|at| format!("{:?}", sums.value(&nodes[at].0)))),
        format!("leaf_weight={}\nleaf_count={}", list(true, &weight), list(true, &count)),
        format!("internal_value={}\ninternal_weight={}", list(false, &|_| "0".into()), list(false, &weight)),
        format!("internal_count={}", list(false, &count)),
        sets(sums, &nodes, &members)?,
        "is_linear=0\nshrinkage=1\n".to_string(),
    ];
    Ok(lines.iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>().join("\n"))
}

/// The lines of the sets of categories, in words of 32 bits; none without.
fn sets(sums: &Sums<'_>, nodes: &[(Node, usize, usize)], members: &[Option<&[u32]>]) -> Result<String> {
    let (mut ends, mut words) = (vec![0], Vec::<u32>::new());
    for (found, (node, ..)) in members.iter().zip(nodes) {
        let Some(found) = found else { continue };
        if node.missing_left.is_set() || sums.forest.input() != Input::LightGbm {
            let why = "its splits by categories send missing values, or values that are none, elsewhere".to_string();
            return Err(Error::Inexpressible { form: FORM, why });
        }
        let (start, last) = (words.len(), found.last().map_or(0, |last| *last as usize));
        let end = start + last / 32 + 1;
        if end > FILE_NODES {
            let what = "words for its categories";
            return Err(Error::TooLargeToWrite { form: FORM, what, found: end, limit: FILE_NODES });
        }
        words.resize(end, 0);
        found.iter().for_each(|one| words[start + *one as usize / 32] |= 1 << (one % 32));
        ends.push(end);
    }
    let list = |numbers: Vec<String>| numbers.join(" ");
    if words.is_empty() {
        return Ok(String::new());
    }
    let ends = list(ends.iter().map(usize::to_string).collect());
    Ok(format!("cat_boundaries={ends}\ncat_threshold={}", list(words.iter().map(u32::to_string).collect())))
}
