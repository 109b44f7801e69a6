//! From a forest to `TreeEnsembleRegressor` or `TreeEnsembleClassifier`.

use pgml_core::labels::Classes;
use pgml_core::model::forest::{Combine, Compare, Input, LEAF, Node};
use pgml_core::model::{Decision, Finish, Forest, Probabilities};
use pgml_core::preprocess::Column;

use super::write::{Making, inexpressible};
use crate::error::Result;
use crate::sql::{goes_left, last_not};

/// Whether trees compare numbers of eight bytes.
pub fn is_double(forest: &Forest) -> bool {
    !matches!(forest.input(), Input::Float32 | Input::Float32Missing)
}

/// The attributes of nodes, while they are listed.
#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    values: Vec<f64>,
    trues: Vec<i64>,
    falses: Vec<i64>,
    missing: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaf_scores: Vec<i64>,
    leaf_weights: Vec<f64>,
}

/// What the scores mean to the operator.
enum Role {
    Values,
    /// The score is one of two classes' log odds.
    Odds,
    /// Of the two scores the second is its class' share.
    Second,
    Shares,
    Softmax,
}

fn role(finish: &Finish, width: usize) -> Result<Role> {
    let Finish::Classes { classes, decision, probabilities } = finish else { return Ok(Role::Values) };
    match (decision, probabilities, width, classes.len()) {
        (_, Some(Probabilities::Logistic | Probabilities::LogisticF32), 1, 2) => Ok(Role::Odds),
        (_, Some(Probabilities::Shares), 2, 2) => Ok(Role::Second),
        (Decision::Largest | Decision::Likeliest, Some(Probabilities::Shares), ..) => Ok(Role::Shares),
        (_, Some(Probabilities::Softmax { scale: 1.0 } | Probabilities::SoftmaxF32), _, 3..) => Ok(Role::Softmax),
        _ => Err(inexpressible("its probabilities are no shares, and neither logistic nor softmax")),
    }
}

/// The operator; `columns` has the column of each number, whose steps are folded into the trees.
pub fn write(
    forest: &Forest,
    finish: &Finish,
    label: Option<&Classes>,
    input: &str,
    columns: &[&Column],
    double: bool,
) -> Result<Making> {
    let Combine::Sum { init, divisor, .. } = forest.combination() else {
        return Err(inexpressible("its trees are combined by a weighted median"));
    };
    if forest.sets().is_some() {
        return Err(inexpressible("it splits by categories"));
    }
    let role = role(finish, forest.width())?;
    let divisor = divisor.unwrap_or(1.0);
    let mut lists = Lists::default();
    for tree in 0..forest.roots().len() {
        lists.tree(forest, tree, &role, divisor, columns, double)?;
    }
    let mut base: Vec<f64> = init.iter().map(|init| init / divisor).collect();
    match role {
        // Runtimes take scores that are never negative for shares: two trees that add nothing to speak of.
        Role::Odds => {
            lists.stump(-f64::from(f32::MIN_POSITIVE));
            lists.stump(f64::from(f32::MIN_POSITIVE));
        }
        Role::Second => base = base.split_off(1),
        _ => {}
    }
    let (operator, kind, outputs): (_, _, &[&str]) = match role {
        Role::Values => ("TreeEnsembleRegressor", "target", &["variable"]),
        _ => ("TreeEnsembleClassifier", "class", &["label", "probabilities"]),
    };
    let transform = match role {
        Role::Odds => "LOGISTIC",
        Role::Softmax => "SOFTMAX",
        _ => "NONE",
    };
    let mut made =
        lists.attributes(Making::new(operator, input, outputs), kind, double).word("post_transform", transform);
    if base.iter().any(|base| *base != 0.0) {
        made = made.numbers("base_values", base, double);
    }
    match finish {
        Finish::Values(_) => Ok(made.int("n_targets", forest.width() as i64)),
        Finish::Classes { classes, .. } => made.classes("classlabels_int64s", classes, label),
    }
}

impl Lists {
    fn tree(
        &mut self,
        forest: &Forest,
        tree: usize,
        role: &Role,
        divisor: f64,
        columns: &[&Column],
        double: bool,
    ) -> Result<()> {
        let number = self.trees.last().map_or(0, |last| last + 1);
        let mut waiting = vec![(forest.roots()[tree], 0i64)];
        let mut next = 1;
        while let Some((at, id)) = waiting.pop() {
            let node = &forest.nodes()[at as usize];
            if node.feature == LEAF {
                self.node(number, id, ("LEAF", 0, 0.0), (0, 0), false);
                let mut adds = Vec::new();
                forest.leaf(tree, node, &mut adds);
                for (score, value) in adds {
                    let score = match role {
                        Role::Second if score == 0 => continue,
                        Role::Second => 0,
                        _ => score as i64,
                    };
                    self.leaf(number, id, score, value / divisor);
                }
                continue;
            }
            let (left, right) = (next, next + 1);
            next += 2;
            let split = self.split(forest, node, columns, double)?;
            let (mode, threshold, missing) = split;
            self.node(number, id, (mode, i64::from(node.feature), threshold), (left, right), missing);
            waiting.extend([(node.right, right), (node.left, left)]);
        }
        Ok(())
    }

    /// The comparison of a node, with the steps of its column before it.
    fn split(
        &self,
        forest: &Forest,
        node: &Node,
        columns: &[&Column],
        double: bool,
    ) -> Result<(&'static str, f64, bool)> {
        let column = columns[node.feature as usize];
        let (scale, fill) = match &column.categories {
            Some(categories) if categories.one_hot.is_some() => (None, None),
            Some(_) => (column.scale, None),
            None => (column.scale, column.fill),
        };
        let scaled = |value: f64| scale.map_or(value, |(center, divisor)| (value - center) / divisor);
        if scale.is_some_and(|(_, divisor)| divisor < 0.0) {
            return Err(inexpressible("a column of it is divided by a negative number"));
        }
        let missing = fill.map_or(node.missing_left.is_set(), |fill| goes_left(forest, scaled(fill), node.threshold));
        if scale.is_none() && (double == is_double(forest)) && node.threshold.is_finite() {
            let mode = if forest.compare() == Compare::Below { "BRANCH_LT" } else { "BRANCH_LEQ" };
            // Of four bytes, the number that tells the same numbers of four bytes apart.
            let near = node.threshold as f32;
            let near = match forest.compare() {
                Compare::NotAbove if f64::from(near) > node.threshold => near.next_down(),
                Compare::Below if f64::from(near) < node.threshold => near.next_up(),
                _ => near,
            };
            return Ok((mode, if double { node.threshold } else { f64::from(near) }, missing));
        }
        let last = last_not(|value| !goes_left(forest, scaled(value), node.threshold)).unwrap_or(f64::NEG_INFINITY);
        if double { Ok(("BRANCH_LEQ", last, missing)) } else { Err(inexpressible("a number of it is no finite one")) }
    }

    fn node(&mut self, tree: i64, id: i64, split: (&'static str, i64, f64), children: (i64, i64), missing: bool) {
        self.trees.push(tree);
        self.ids.push(id);
        self.modes.push(split.0);
        self.features.push(split.1);
        self.values.push(split.2);
        self.trues.push(children.0);
        self.falses.push(children.1);
        self.missing.push(i64::from(missing));
    }

    fn leaf(&mut self, tree: i64, node: i64, score: i64, weight: f64) {
        self.leaf_trees.push(tree);
        self.leaf_nodes.push(node);
        self.leaf_scores.push(score);
        self.leaf_weights.push(weight);
    }

    /// A tree that is one leaf.
    fn stump(&mut self, value: f64) {
        let tree = self.trees.last().map_or(0, |last| last + 1);
        self.node(tree, 0, ("LEAF", 0, 0.0), (0, 0), false);
        self.leaf(tree, 0, 0, value);
    }

    fn attributes(self, made: Making, kind: &str, double: bool) -> Making {
        made.ints("nodes_treeids", self.trees.into_iter())
            .ints("nodes_nodeids", self.ids.into_iter())
            .ints("nodes_featureids", self.features.into_iter())
            .strings("nodes_modes", self.modes.into_iter().map(String::from))
            .numbers("nodes_values", self.values, double)
            .ints("nodes_truenodeids", self.trues.into_iter())
            .ints("nodes_falsenodeids", self.falses.into_iter())
            .ints("nodes_missing_value_tracks_true", self.missing.into_iter())
            .ints(&format!("{kind}_treeids"), self.leaf_trees.into_iter())
            .ints(&format!("{kind}_nodeids"), self.leaf_nodes.into_iter())
            .ints(&format!("{kind}_ids"), self.leaf_scores.into_iter())
            .numbers(&format!("{kind}_weights"), self.leaf_weights, double)
    }
}
