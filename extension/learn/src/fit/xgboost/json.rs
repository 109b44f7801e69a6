//! The JSON in which XGBoost writes its models.

use pgml_core::model::forest::{Compare, Input};
use serde::Deserialize;

use super::parameters::Importance;
use crate::model::{Parent, Trees};

/// A model as the library writes it; what is not named here is passed over.
#[derive(Deserialize)]
pub struct Library {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    gradient_booster: Booster,
    learner_model_param: Shape,
    objective: Objective,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

/// The library writes numbers of this object as texts.
#[derive(Deserialize)]
struct Shape {
    base_score: String,
    num_class: String,
}

/// Without trees: a booster of another kind.
#[derive(Deserialize)]
struct Booster {
    model: Grown,
}

#[derive(Deserialize)]
struct Grown {
    /// Where the trees of each round begin, and where the last end.
    iteration_indptr: Vec<usize>,
    /// The score that each tree adds to.
    tree_info: Vec<u32>,
    trees: Vec<Tree>,
    /// How much each tree counts where some were left out while others grew; those behind the end count once.
    #[serde(default)]
    weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<usize>,
    /// Thresholds; of leaves, their values.
    split_conditions: Vec<f32>,
    default_left: Vec<u8>,
    split_type: Vec<u8>,
    loss_changes: Vec<f32>,
    sum_hessian: Vec<f32>,
}

type Read<T> = Result<T, String>;

impl Library {
    pub fn read(json: &[u8]) -> Read<Library> {
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }

    fn grown(&self) -> &Grown {
        &self.learner.gradient_booster.model
    }

    /// How many trees the first rounds have.
    fn count(&self, rounds: usize) -> Read<usize> {
        let grown = self.grown();
        let count = grown.iteration_indptr.get(rounds).copied();
        let fits = |count: &usize| *count <= grown.trees.len() && *count <= grown.tree_info.len();
        count.filter(fits).ok_or_else(|| format!("it has not the trees of {rounds} rounds"))
    }

    /// The forest of the first rounds.
    pub fn trees(&self, features: usize, rounds: usize) -> Read<Trees> {
        let count = self.count(rounds)?;
        let grown = self.grown();
        let shape = &self.learner.learner_model_param;
        let width = shape.num_class.parse::<usize>().map_err(|_| "num_class is no number")?.max(1);
        let mut trees = Trees::new(Input::Float32Missing, Compare::Below, width);
        trees.single = true;
        trees.targets = Some(grown.tree_info[..count].to_vec());
        trees.init = self.init(width)?;
        for (place, tree) in grown.trees[..count].iter().enumerate() {
            let weight = grown.weight_drop.get(place).copied().unwrap_or(1.0);
            tree.add_to(&mut trees, features, weight)?;
        }
        Ok(trees)
    }

    /// What each sum begins with, in the library's arithmetic.
    fn init(&self, width: usize) -> Read<Vec<f64>> {
        let text = &self.learner.learner_model_param.base_score;
        let each = text.trim_matches(['[', ']']).split(',').map(|word| word.trim().parse::<f32>());
        let mut scores: Vec<f32> = each.collect::<Result<_, _>>().map_err(|_| format!("base_score is {text}"))?;
        if let [one] = scores[..] {
            scores = vec![one; width];
        }
        if scores.len() != width {
            return Err(format!("base_score has {} values, and a row has {width} scores", scores.len()));
        }
        if self.learner.objective.name == "binary:logistic" {
            scores.iter_mut().for_each(|share| *share = -(1.0 / *share - 1.0).ln());
        }
        Ok(scores.into_iter().map(f64::from).collect())
    }

    /// How much each feature counts, by the splits of the first rounds.
    pub fn importances(&self, features: usize, rounds: usize, kind: Importance) -> Read<Vec<f64>> {
        let mut sums = vec![0.0; features];
        let mut splits = vec![0.0; features];
        for tree in &self.grown().trees[..self.count(rounds)?] {
            let inner = (0..tree.left_children.len()).filter(|node| tree.left_children[*node] >= 0);
            for node in inner {
                let feature = tree.split_indices[node];
                splits[feature] += 1.0;
                sums[feature] += f64::from(match kind {
                    Importance::Gain | Importance::TotalGain => tree.loss_changes[node],
                    Importance::Cover | Importance::TotalCover => tree.sum_hessian[node],
                    Importance::Weight => 1.0,
                });
            }
        }
        if matches!(kind, Importance::Gain | Importance::Cover) {
            let mean = |(sum, splits): (&f64, &f64)| if *splits > 0.0 { sum / splits } else { 0.0 };
            return Ok(sums.iter().zip(&splits).map(mean).collect());
        }
        Ok(sums)
    }
}

impl Tree {
    /// Add the nodes below each other, parents first; a leaf counts `weight` times.
    fn add_to(&self, trees: &mut Trees, features: usize, weight: f32) -> Read<()> {
        let count = self.left_children.len();
        let sizes = [
            self.right_children.len(),
            self.split_indices.len(),
            self.split_conditions.len(),
            self.default_left.len(),
            self.split_type.len(),
            self.loss_changes.len(),
            self.sum_hessian.len(),
        ];
        if sizes.iter().any(|size| *size != count) {
            return Err("a tree's lists differ in length".into());
        }
        let mut waiting: Vec<(i64, Parent)> = vec![(0, None)];
        let mut seen = 0;
        while let Some((node, parent)) = waiting.pop() {
            let place = usize::try_from(node).ok().filter(|place| *place < count);
            let place = place.ok_or("a tree has a child that is not there")?;
            seen += 1;
            if seen > count {
                return Err("a tree has a circle".into());
            }
            let number = self.split_conditions[place];
            if self.left_children[place] < 0 {
                trees.leaf(parent, &[f64::from(weight * number)]);
                trees.cover(f64::from(self.sum_hessian[place]));
                continue;
            }
            if self.split_type[place] != 0 || self.split_indices[place] >= features {
                return Err("a split is of a category, or of a feature that is not there".into());
            }
            let missing_left = self.default_left[place] != 0;
            let own = trees.node(parent, self.split_indices[place], f64::from(number), missing_left);
            trees.cover(f64::from(self.sum_hessian[place]));
            waiting.push((self.right_children[place], Some((own, false))));
            waiting.push((self.left_children[place], Some((own, true))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tree: below 0.5 it is 1, else 2, and what is missing is 2.
    fn model(booster: &str) -> String {
        format!(
            r#"{{"learner": {{"gradient_booster": {booster}, "learner_model_param": {{"base_score": "[2.5E-1]", "num_class": "0"}},
            "objective": {{"name": "reg:squarederror"}}}}, "version": [3, 4, 1]}}"#
        )
    }

    const GROWN: &str = r#"{"iteration_indptr": [0, 1], "tree_info": [0], "trees": [{"left_children": [1, -1, -1],
        "right_children": [2, -1, -1], "split_indices": [0, 0, 0], "split_conditions": [0.5, 1, 2], "default_left": [0, 0, 0],
        "split_type": [0, 0, 0], "loss_changes": [3, 0, 0], "sum_hessian": [2, 1, 1]}]}"#;

    #[test]
    fn the_first_rounds_become_a_forest() {
        let library =
            Library::read(model(&format!(r#"{{"name": "gbtree", "model": {GROWN}}}"#)).as_bytes()).expect("a model");
        let trees = library.trees(1, 1).expect("trees");
        assert_eq!((trees.width, &trees.init, &trees.values, trees.roots.len()), (1, &vec![0.25], &vec![1.0, 2.0], 1));
        assert_eq!(library.trees(1, 0).expect("none").roots.len(), 0);
        assert!(library.trees(1, 2).expect_err("too many").contains("2 rounds"));
        assert_eq!(library.importances(1, 1, Importance::Gain), Ok(vec![3.0]));
    }

    #[test]
    fn leaves_of_trees_that_were_left_out_are_weighed() {
        let weighed = GROWN.replacen('{', r#"{"weight_drop": [0.5], "#, 1);
        let dart = format!(r#"{{"name": "gbtree", "model": {weighed}}}"#);
        let trees = Library::read(model(&dart).as_bytes()).expect("a model").trees(1, 1).expect("trees");
        assert_eq!(trees.values, [0.5, 1.0]);
    }

    /// Catches a model that predicts and can't be explained. The second child has three times the first one's rows.
    #[test]
    fn the_nodes_keep_what_contributions_are_computed_from() {
        let grown = GROWN.replace("[2, 1, 1]", "[4, 1, 3]");
        let library =
            Library::read(model(&format!(r#"{{"name": "gbtree", "model": {grown}}}"#)).as_bytes()).expect("a model");
        let scores = library.trees(1, 1).expect("trees").scores(1).expect("a forest");
        let part = pgml_core::model::Part::new(scores, crate::model::values()).expect("a part");
        let model = pgml_core::model::Model::new(1, vec![part]).expect("a model");
        let explainer = pgml_core::model::explain::Explainer::new(&model, &|| {}).expect("an explainer");
        let found = explainer.explain(&model, &[0.0], None, &|| {}).expect("a row");
        assert!((found.base - 2.0).abs() < 1e-12 && (found.of_features[0] + 0.75).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn trees_that_lead_nowhere_are_refused() {
        for (from, to) in [
            ("[1, -1, -1]", "[9, -1, -1]"),
            ("[2, -1, -1]", "[0, -1, -1]"),
            ("[0, 0, 0], \"split_c", "[1, 0, 0], \"split_c"),
        ] {
            assert!(GROWN.contains(from), "{from}");
            let grown = GROWN.replace(from, to);
            let library = Library::read(model(&format!(r#"{{"name": "gbtree", "model": {grown}}}"#)).as_bytes());
            assert!(library.expect("JSON").trees(1, 1).is_err(), "{to}");
        }
        assert!(Library::read(model(r#"{"name": "gblinear", "model": {"weights": []}}"#).as_bytes()).is_err());
    }
}
