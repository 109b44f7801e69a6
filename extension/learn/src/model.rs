//! Fitted models on their way into the format that `docs/model-format.md` describes.

use pgml_core::model::forest::{Combine, Compare, Flag, Input, LEAF, Node, Parts};
use pgml_core::model::{Decision, Finish, Forest, Linear, Link, Model, Part, Places, Probabilities, Scores};

use crate::error::{Error, Result};

/// Decision trees while they are put together.
#[derive(Debug)]
pub struct Trees {
    pub input: Input,
    pub compare: Compare,
    pub width: usize,
    pub nodes: Vec<Node>,
    pub roots: Vec<u32>,
    /// The score that each tree adds to; none when a leaf has a value for each.
    pub targets: Option<Vec<u32>>,
    pub values: Vec<f64>,
    /// Of leaves with a value for each score, the values that are not zero.
    places: Option<Places>,
    /// The weight of the rows that came to each node; of fewer nodes than there are, nobody can explain the model.
    covers: Vec<f64>,
    pub init: Vec<f64>,
    pub divisor: Option<f64>,
    pub single: bool,
}

/// Where a node's parent waits for its place, to the left or not.
pub type Parent = Option<(usize, bool)>;

impl Trees {
    /// A forest without trees, of `width` sums for each row.
    pub fn new(input: Input, compare: Compare, width: usize) -> Trees {
        let init = vec![0.0; width];
        Trees {
            input,
            compare,
            width,
            nodes: Vec::new(),
            roots: Vec::new(),
            targets: None,
            values: Vec::new(),
            places: None,
            covers: Vec::new(),
            init,
            divisor: None,
            single: false,
        }
    }

    /// Add a node below its parent, or as a root; its children are added later. Returns its place.
    pub fn node(&mut self, parent: Parent, feature: usize, threshold: f64, missing_left: bool) -> usize {
        self.add(
            parent,
            Node { threshold, left: 0, right: 0, feature: feature as u32, missing_left: missing_left.into() },
        )
    }

    /// Add a leaf below its parent, or as a root: with one value, or with one for each score.
    pub fn leaf(&mut self, parent: Parent, values: &[f64]) {
        let left = match values {
            [value] => {
                self.values.push(*value);
                self.values.len() - 1
            }
            _ => self.leaf_of_scores(values),
        };
        self.add(parent, Node { threshold: 0.0, left: left as u32, right: 0, feature: LEAF, missing_left: Flag::NO });
    }

    /// Note the weight of the rows that came to the node or leaf that was added last.
    pub fn cover(&mut self, weight: f64) {
        self.covers.push(weight);
    }

    /// Note the values that are not zero; returns the leaf's number. Of thousands of classes few are in a leaf.
    fn leaf_of_scores(&mut self, values: &[f64]) -> usize {
        let places = self.places.get_or_insert_with(|| Places { starts: vec![0].into(), ..Places::default() });
        for (score, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            places.scores.push(score as u32);
            self.values.push(*value);
        }
        places.starts.push(self.values.len() as u32);
        places.starts.len() - 2
    }

    /// Give each leaf a value for every score, where leaving out zeros saves little. `None` if a leaf's place exceeds 32 bits.
    fn fill_leaves(&mut self) -> Option<()> {
        let Some(places) = &self.places else { return Some(()) };
        let (leaves, width) = (places.starts.len() - 1, self.width);
        if Places::are_worth_it(leaves, width, self.values.len()) {
            return Some(());
        }
        let mut values = vec![0.0; leaves.checked_mul(width)?];
        for (leaf, bounds) in places.starts.windows(2).enumerate() {
            for place in bounds[0] as usize..bounds[1] as usize {
                values[leaf * width + places.scores[place] as usize] = self.values[place];
            }
        }
        for node in self.nodes.iter_mut().filter(|node| node.feature == LEAF) {
            node.left = u32::try_from(node.left as usize * width).ok()?;
        }
        (self.values, self.places) = (values, None);
        Some(())
    }

    fn add(&mut self, parent: Parent, node: Node) -> usize {
        let place = self.nodes.len();
        self.nodes.push(node);
        match parent {
            Some((parent, true)) => self.nodes[parent].left = place as u32,
            Some((parent, false)) => self.nodes[parent].right = place as u32,
            None => self.roots.push(place as u32),
        }
        place
    }

    /// The finished forest; none when something in it leads nowhere.
    pub fn scores(mut self, features: usize) -> Option<Scores> {
        self.fill_leaves()?;
        let Trees { input, compare, width, nodes, roots, targets, values, places, covers, init, divisor, single } =
            self;
        let combine = Combine::Sum { init, divisor, single };
        let is_covered = covers.len() == nodes.len();
        let forest =
            Forest::new(Parts { features, width, input, compare, nodes, roots, targets, values, places, combine })?;
        let forest = if is_covered { forest.with_covers(covers)? } else { forest };
        Some(Scores::Forest(forest))
    }
}

/// A weighted sum of the features for each intercept; `None` if the sizes do not fit together.
pub fn linear(features: usize, weights: Vec<f64>, intercepts: Vec<f64>) -> Option<Scores> {
    Linear::new(features, weights, intercepts).map(Scores::Linear)
}

/// The same, with the means of the features, from which contributions are counted.
pub fn explained_linear(features: usize, weights: Vec<f64>, intercepts: Vec<f64>, means: Vec<f64>) -> Option<Scores> {
    Linear::new(features, weights, intercepts)?.with_means(means).map(Scores::Linear)
}

/// The finish of a regression.
pub fn values() -> Finish {
    Finish::Values(Link::Identity)
}

/// The finish of a classification.
pub fn classes(classes: &[f64], decision: Decision, probabilities: Option<Probabilities>) -> Finish {
    Finish::Classes { classes: classes.to_vec(), decision, probabilities }
}

/// The bytes of a model.
pub fn write(algorithm: &str, features: usize, parts: Vec<Part>) -> Result<Vec<u8>> {
    let failed =
        |reason: String| Error::Failed { algorithm: algorithm.to_string(), reason: format!("no model: {reason}") };
    let model = Model::new(features, parts).ok_or_else(|| failed("it has no parts".into()))?;
    let made_by = format!("pgml {} (rust) {algorithm}", env!("CARGO_PKG_VERSION"));
    model.write(&made_by).map_err(|error| failed(error.to_string()))
}
