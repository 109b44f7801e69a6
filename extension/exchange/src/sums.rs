//! A forest as sums of trees with one number in each leaf, for formats that have no other.

use pgml_core::model::forest::{Combine, Input, LEAF, Node};
use pgml_core::model::{Decision, Finish, Forest, Link, Model, Probabilities, Scores};

use crate::error::{Error, Result};

/// What is predicted from the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    Values,
    Exponential,
    Binary,
    Classes(usize),
}

/// A model whose scores are sums of trees.
pub struct Sums<'a> {
    pub forest: &'a Forest,
    pub objective: Objective,
    /// The values before the first tree.
    pub init: &'a [f64],
    divisor: f64,
    /// Whether the categories of a set go to the right, as XGBoost has it, and not to the left.
    is_mirrored: bool,
}

impl<'a> Sums<'a> {
    /// The one part of a model; an error where its scores are others.
    pub fn of(model: &'a Model, form: &'static str) -> Result<Sums<'a>> {
        let no = |why: &str| Error::Inexpressible { form, why: why.to_string() };
        let [part] = model.parts() else { return Err(no("it predicts several labels")) };
        let Scores::Forest(forest) = part.scores() else { return Err(no("it has no trees")) };
        let Combine::Sum { init, divisor, .. } = forest.combination() else {
            return Err(no("its trees are combined by a weighted median"));
        };
        if forest.targets().is_none() && forest.width() != 1 {
            return Err(no("its leaves have a number for each class"));
        }
        let objective = match part.finish() {
            Finish::Values(_) if forest.width() != 1 => return Err(no("it predicts several values")),
            Finish::Values(Link::Identity) => Objective::Values,
            Finish::Values(Link::Exp) => Objective::Exponential,
            Finish::Classes { decision: Decision::Votes, .. } => return Err(no("it decides by votes")),
            Finish::Classes { classes, probabilities, .. } => match probabilities {
                Some(Probabilities::Logistic | Probabilities::LogisticF32) => Objective::Binary,
                Some(Probabilities::Softmax { scale: 1.0 } | Probabilities::SoftmaxF32) => {
                    Objective::Classes(classes.len())
                }
                _ => return Err(no("its probabilities are neither logistic nor softmax")),
            },
        };
        let divisor = divisor.unwrap_or(1.0);
        Ok(Sums { forest, objective, init, divisor, is_mirrored: false })
    }

    /// With the sides of each split by categories changed: those of the set go to the right.
    pub fn mirrored(self) -> Sums<'a> {
        Sums { is_mirrored: true, ..self }
    }

    /// A node as the format has it.
    fn node(&self, at: u32) -> Node {
        let node = self.forest.nodes()[at as usize];
        let has_set = self.forest.sets().is_some_and(|sets| sets.of_node(at).is_some());
        match self.is_mirrored && has_set {
            true => {
                Node { left: node.right, right: node.left, missing_left: (!node.missing_left.is_set()).into(), ..node }
            }
            false => node,
        }
    }

    /// The trees, each with the score that it adds to.
    pub fn trees(&self) -> impl Iterator<Item = (u32, usize)> {
        let targets = self.forest.targets();
        let target = move |tree: usize| targets.map_or(0, |targets| targets[tree] as usize);
        self.forest.roots().iter().enumerate().map(move |(tree, root)| (*root, target(tree)))
    }

    /// The number of a leaf.
    pub fn value(&self, leaf: &Node) -> f64 {
        let at = leaf.left as usize;
        let value = match self.forest.places() {
            Some(places) => {
                let range = places.starts[at] as usize..places.starts[at + 1] as usize;
                self.forest.values()[range].first().copied().unwrap_or(0.0)
            }
            None => self.forest.values()[at],
        };
        if self.divisor == 1.0 { value } else { value / self.divisor }
    }

    /// Of each node of a tree, in the order of [`Sums::nodes`], the weight of its rows in training; zero where none is known.
    pub fn covers(&self, root: u32) -> Vec<f64> {
        let cover = |at: u32| self.forest.covers().and_then(|covers| covers.get(at as usize)).copied().unwrap_or(0.0);
        self.order(root).into_iter().map(cover).collect()
    }

    /// Of each node of a tree, in the order of [`Sums::nodes`], its set of categories, where it has one.
    pub fn members(&self, root: u32) -> Vec<Option<&[u32]>> {
        let members = |at: u32| self.forest.sets().and_then(|sets| Some(sets.members_of(sets.of_node(at)?)));
        self.order(root).into_iter().map(members).collect()
    }

    /// The places of a tree's nodes, level by level from the left.
    fn order(&self, root: u32) -> Vec<u32> {
        let mut found = vec![root];
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            next += 1;
            let node = self.node(at);
            if node.feature != LEAF {
                found.extend([node.left, node.right]);
            }
        }
        found
    }

    /// A tree's nodes level by level from the left, and for each split the places of its children.
    pub fn nodes(&self, root: u32) -> Vec<(Node, usize, usize)> {
        let mut next = 1;
        let each = self.order(root).into_iter().map(|at| match self.node(at) {
            node if node.feature == LEAF => (node, 0, 0),
            node => {
                next += 2;
                (node, next - 2, next - 1)
            }
        });
        each.collect()
    }

    /// Whether values are rounded to four bytes before they are compared.
    pub fn rounds(&self) -> bool {
        matches!(self.forest.input(), Input::Float32 | Input::Float32Missing)
    }
}
