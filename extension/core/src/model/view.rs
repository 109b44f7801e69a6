//! What a model consists of, for those who write it in another form.

use super::forest::{Combine, Compare, Input, Node};
use super::{Finish, Forest, Kernel, Linear, Machine, Model, Part, Places, Probabilities, Scores, Sets};

impl Model {
    /// What predicts each label, or several at once.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Part {
    pub fn scores(&self) -> &Scores {
        &self.scores
    }

    pub fn finish(&self) -> &Finish {
        &self.finish
    }
}

impl Linear {
    /// A row of weights for each score.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }
}

impl Machine {
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// A row of features for each point.
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// A row of weights, one for each point, for each score.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }
}

impl Forest {
    pub fn input(&self) -> Input {
        self.input
    }

    pub fn compare(&self) -> Compare {
        self.compare
    }

    /// Those of all trees; children come after their parents.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The first node of each tree.
    pub fn roots(&self) -> &[u32] {
        &self.roots
    }

    /// The score that each tree adds to; none when each leaf has a value for every score.
    pub fn targets(&self) -> Option<&[u32]> {
        self.targets.as_deref()
    }

    /// The numbers of the leaves.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Where not every leaf has a value for every score.
    pub fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    /// Where some nodes split by categories.
    pub fn sets(&self) -> Option<&Sets> {
        self.sets.as_ref()
    }

    /// Of each node, the weight of the rows that came to it in training, where that is known.
    pub fn covers(&self) -> Option<&[f64]> {
        self.covers.as_deref()
    }

    pub fn combination(&self) -> &Combine {
        &self.combine
    }

    /// What a leaf adds to each score, added to `out` as pairs of a score and a value; zeros may be left out.
    pub fn leaf(&self, tree: usize, node: &Node, out: &mut Vec<(usize, f64)>) {
        let at = node.left as usize;
        match (&self.targets, &self.places) {
            (Some(targets), _) => out.push((targets[tree] as usize, self.values[at])),
            (None, Some(places)) => {
                let range = places.starts[at] as usize..places.starts[at + 1] as usize;
                let scores = places.scores[range.clone()].iter().map(|score| *score as usize);
                out.extend(scores.zip(self.values[range].iter().copied()));
            }
            (None, None) => out.extend(self.values[at..at + self.width].iter().copied().enumerate()),
        }
    }
}

impl Probabilities {
    /// The probabilities that the scores give, added to `out`.
    pub fn shares_of(self, scores: &[f64], out: &mut Vec<f64>) {
        self.of(scores, out);
    }
}
