//! From a model to XGBoost's JSON.

use pgml_core::model::Model;
use pgml_core::model::forest::{Compare, Flag, LEAF, Node};
use pgml_core::preprocess::Preprocess;
use serde_json::{Value, json};

use crate::error::{Error, Result, preprocess_of};
use crate::sums::{Objective, Sums};

/// The format, as errors call it.
const FORM: &str = "XGBoost's JSON";

/// The release whose format is written; later ones read it, too.
const VERSION: [u32; 3] = [2, 1, 0];

/// The JSON of a model; `names` are those of the numbers that it takes.
pub fn write(model: &Model, preprocess: &Preprocess, names: &[String]) -> Result<String> {
    let no = |why: &str| Err(Error::Inexpressible { form: FORM, why: why.to_string() });
    if !preprocess.is_plain() {
        return no(&preprocess_of(preprocess));
    }
    let sums = Sums::of(model, FORM)?.mirrored();
    if !sums.rounds() {
        return no("its trees compare numbers of eight bytes, and XGBoost's those of four");
    }
    // The neutral score before the first tree, in the unit of the predictions.
    let (objective, base, classes) = match sums.objective {
        Objective::Values => ("reg:squarederror", "0E0", 0),
        Objective::Exponential => return no("its predictions are exponentials of the sums"),
        Objective::Binary => ("binary:logistic", "5E-1", 0),
        Objective::Classes(count) => ("multi:softprob", "0E0", count),
    };
    let mut trees = Vec::new();
    let mut info = Vec::new();
    // As a first tree, the scores before the others keep their bits.
    if sums.init.iter().any(|init| *init != 0.0) {
        for (target, init) in sums.init.iter().enumerate() {
            let stump = Nodes { nodes: vec![(stump(), 0, 0)], covers: vec![1.0], members: vec![None] };
            trees.push(tree(&stump, |_| *init, trees.len(), model.features, sums.forest.compare()));
            info.push(target);
        }
    }
    for (root, target) in sums.trees() {
        let nodes = Nodes { nodes: sums.nodes(root), covers: sums.covers(root), members: sums.members(root) };
        trees.push(tree(&nodes, |node| sums.value(node), trees.len(), model.features, sums.forest.compare()));
        info.push(target);
    }
    // JSON has no NaN and no infinity.
    if trees.iter().any(|tree| tree["split_conditions"].as_array().is_some_and(|all| all.iter().any(Value::is_null))) {
        return no("a number of it is beyond the range of four bytes");
    }
    let width = sums.forest.width();
    let rounds: Vec<usize> = (0..=trees.len() / width).map(|round| round * width).collect();
    let count = trees.len().to_string();
    let objective = match classes {
        0 => json!({"name": objective, "reg_loss_param": {"scale_pos_weight": "1"}}),
        _ => json!({"name": objective, "softmax_multiclass_param": {"num_class": classes.to_string()}}),
    };
    let file = json!({
        "learner": {
            "attributes": {},
            "feature_names": names,
            "feature_types": types(&sums, names.len()),
            "gradient_booster": {
                "model": {
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": count},
                    "iteration_indptr": rounds,
                    "tree_info": info,
                    "trees": trees,
                },
                "name": "gbtree",
            },
            "learner_model_param": {
                "base_score": base,
                "boost_from_average": "0",
                "num_class": classes.to_string(),
                "num_feature": model.features.to_string(),
                "num_target": "1",
            },
            "objective": objective,
        },
        "version": VERSION,
    });
    Ok(file.to_string())
}

fn stump() -> Node {
    Node { threshold: 0.0, left: 0, right: 0, feature: LEAF, missing_left: Flag::NO }
}

/// Below which number of four bytes a value goes to the left.
fn below(threshold: f64, compare: Compare) -> f32 {
    let near = threshold as f32;
    match compare {
        Compare::Below if f64::from(near) < threshold => near.next_up(),
        Compare::Below => near,
        Compare::NotAbove if f64::from(near) <= threshold => near.next_up(),
        Compare::NotAbove => near,
    }
}

/// The nodes of a tree, what came to each, and the categories that go to the right.
struct Nodes<'a> {
    nodes: Vec<(Node, usize, usize)>,
    covers: Vec<f64>,
    members: Vec<Option<&'a [u32]>>,
}

/// What each feature is: a number, or a category.
fn types(sums: &Sums<'_>, features: usize) -> Vec<&'static str> {
    let mut types = vec!["float"; features];
    for (at, node) in sums.forest.nodes().iter().enumerate() {
        if sums.forest.sets().is_some_and(|sets| sets.of_node(at as u32).is_some()) {
            types[node.feature as usize] = "c";
        }
    }
    types
}

fn tree(tree: &Nodes<'_>, value: impl Fn(&Node) -> f64, id: usize, features: usize, compare: Compare) -> Value {
    let Nodes { nodes, covers, members } = tree;
    let is_leaf = |node: &Node| node.feature == LEAF;
    let mut parents = vec![i32::MAX; nodes.len()];
    for (place, (node, left, right)) in nodes.iter().enumerate() {
        if !is_leaf(node) {
            parents[*left] = place as i32;
            parents[*right] = place as i32;
        }
    }
    let child = |node: &Node, place: usize| if is_leaf(node) { -1 } else { place as i64 };
    let number = |node: &Node| if is_leaf(node) { value(node) as f32 } else { below(node.threshold, compare) };
    let numbers: Vec<f32> = nodes.iter().map(|(node, ..)| number(node)).collect();
    let zeros = vec![0.0f32; nodes.len()];
    let with_sets: Vec<usize> = (0..nodes.len()).filter(|at| members[*at].is_some()).collect();
    let sizes: Vec<usize> = members.iter().flatten().map(|members| members.len()).collect();
    let starts = sizes.iter().scan(0, |end, size| Some(std::mem::replace(end, *end + size)));
    json!({
        "base_weights": zeros,
        "categories": members.iter().flatten().flat_map(|members| members.iter().copied()).collect::<Vec<u32>>(),
        "categories_nodes": with_sets,
        "categories_segments": starts.collect::<Vec<usize>>(),
        "categories_sizes": sizes,
        "default_left": nodes.iter().map(|(node, ..)| u8::from(node.missing_left.is_set())).collect::<Vec<u8>>(),
        "id": id,
        "left_children": nodes.iter().map(|(node, left, _)| child(node, *left)).collect::<Vec<i64>>(),
        "loss_changes": zeros,
        "parents": parents,
        "right_children": nodes.iter().map(|(node, _, right)| child(node, *right)).collect::<Vec<i64>>(),
        "split_conditions": numbers,
        "split_indices": nodes.iter().map(|(node, ..)| if is_leaf(node) { 0 } else { node.feature }).collect::<Vec<u32>>(),
        "split_type": members.iter().map(|members| u8::from(members.is_some())).collect::<Vec<u8>>(),
        "sum_hessian": covers.iter().map(|cover| (*cover as f32).min(f32::MAX)).collect::<Vec<f32>>(),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": features.to_string(),
            "num_nodes": nodes.len().to_string(),
            "size_leaf_vector": "1",
        },
    })
}
