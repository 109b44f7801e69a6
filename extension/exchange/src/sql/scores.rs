//! Scores as sums in the order in which the model adds them up.

use std::collections::HashMap;

use pgml_core::model::forest::{Combine, Compare, Input, LEAF, Node};
use pgml_core::model::{Forest, Linear};

use super::columns::Inputs;
use super::decide::last_not;
use super::text::{Step, array, number, single};
use super::{check_size, inexpressible};
use crate::error::Result;
use crate::limits::{SQL_DEPTH, SQL_NODES, SQL_TREES};

/// Terms of one sum: each is an expression inside of the one for all before it, and Postgres's stack has an end.
const TERMS: usize = 250;

/// What is nearly zero to LightGBM.
const LIGHTGBM_ZERO: f64 = 1e-35_f32 as f64;

/// The steps that compute scores.
pub struct Steps<'a> {
    inputs: &'a Inputs,
    steps: Vec<Step>,
    trees: usize,
    nodes: usize,
}

/// Terms that are added up to a first value.
struct Sum {
    first: String,
    terms: Vec<String>,
}

impl<'a> Steps<'a> {
    pub fn new(inputs: &'a Inputs) -> Steps<'a> {
        Steps { inputs, steps: Vec::new(), trees: 0, nodes: 0 }
    }

    pub fn finish(self) -> Vec<Step> {
        self.steps
    }

    /// Weighted sums: four that take every fourth product each, and one of the rest, as the evaluation has them.
    pub fn linear(&mut self, linear: &Linear, features: usize) -> Vec<String> {
        let intercepts = linear.intercepts();
        let scores = linear.weights().chunks(features).zip(intercepts).map(|(weights, intercept)| {
            let product = |feature: usize| format!("{} * {}", number(weights[feature]), self.inputs.number(feature));
            let whole = features / 4 * 4;
            let lane = |lane: usize| {
                let products: Vec<String> = (lane..whole).step_by(4).map(product).collect();
                if products.is_empty() { "0.0::float8".to_string() } else { products.join(" + ") }
            };
            let rest: Vec<String> = (whole..features).map(product).collect();
            let rest = if rest.is_empty() { "0.0::float8".to_string() } else { rest.join(" + ") };
            let mut sum = format!("({rest})");
            if whole > 0 {
                let [a, b, c, d] = std::array::from_fn(lane);
                sum = format!("((({a}) + ({b})) + (({c}) + ({d})) + {sum})");
            }
            format!("{sum} + {}", number(*intercept))
        });
        let scores = scores.collect();
        self.step(scores)
    }

    pub fn forest(&mut self, forest: &Forest) -> Result<Vec<String>> {
        let Combine::Sum { init, divisor, single: in_four } = forest.combination() else {
            return Err(inexpressible("its trees are combined by a weighted median"));
        };
        if forest.sets().is_some() {
            return Err(inexpressible("it splits by categories"));
        }
        self.trees += forest.roots().len();
        self.nodes += forest.nodes().len();
        check_size("trees", self.trees, SQL_TREES)?;
        check_size("nodes", self.nodes, SQL_NODES)?;
        if forest.values().iter().any(|value| value.is_nan()) {
            return Err(inexpressible("a leaf of it is NaN"));
        }
        let in_four = *in_four && forest.targets().is_some();
        let literal = |value: f64| if in_four { single(value as f32) } else { number(value) };
        let mut sums: Vec<Sum> = init.iter().map(|init| Sum { first: literal(*init), terms: Vec::new() }).collect();
        match forest.targets() {
            Some(targets) => {
                for (root, target) in forest.roots().iter().zip(targets) {
                    let leaf = |_: u32, node: &Node| literal(forest.values()[node.left as usize]);
                    sums[*target as usize].terms.push(self.tree(forest, *root, &leaf, 0)?);
                }
            }
            None => self.leaves(forest, &mut sums)?,
        }
        let mut scores = self.sums(sums);
        if let Some(divisor) = divisor {
            scores.iter_mut().for_each(|score| *score = format!("{score} / {}", number(*divisor)));
        }
        if divisor.is_some() || in_four {
            scores = scores.into_iter().map(|score| format!("({score})::float8")).collect();
            scores = self.step(scores);
        }
        Ok(scores)
    }

    /// Trees whose leaves have a value for each score: first the number of the leaf, then its values from a list.
    fn leaves(&mut self, forest: &Forest, sums: &mut [Sum]) -> Result<()> {
        let mut found = Vec::with_capacity(forest.roots().len());
        let mut values: Vec<Vec<Vec<(usize, f64)>>> = Vec::with_capacity(forest.roots().len());
        for (tree, root) in forest.roots().iter().enumerate() {
            let (numbers, leaves) = leaves_of(forest, tree, *root);
            let leaf = |at: u32, _: &Node| numbers.get(&at).copied().unwrap_or_default().to_string();
            found.push(self.tree(forest, *root, &leaf, 0)?);
            values.push(leaves);
        }
        check_size("numbers in leaves", values.iter().map(Vec::len).sum::<usize>() * sums.len(), 10 * SQL_NODES)?;
        let places = self.step(found);
        for (place, leaves) in places.iter().zip(&values) {
            for (score, sum) in sums.iter_mut().enumerate() {
                let value = |leaf: &Vec<(usize, f64)>| {
                    leaf.iter().find(|(of, _)| *of == score).map_or(0.0, |(_, value)| *value)
                };
                if leaves.iter().any(|leaf| value(leaf) != 0.0) {
                    sum.terms.push(format!("({})[{place}]", array(leaves.iter().map(value))));
                }
            }
        }
        Ok(())
    }

    /// Sums in steps of so many terms.
    fn sums(&mut self, sums: Vec<Sum>) -> Vec<String> {
        let rounds = sums.iter().map(|sum| sum.terms.len().div_ceil(TERMS)).max().unwrap_or(0).max(1);
        let mut so_far: Vec<String> = sums.iter().map(|sum| sum.first.clone()).collect();
        for round in 0..rounds {
            let each = sums.iter().zip(&so_far).map(|(sum, before)| {
                let terms = sum.terms.iter().skip(round * TERMS).take(TERMS);
                terms.fold(before.clone(), |all, term| format!("{all}\n    + {term}"))
            });
            let each = each.collect();
            so_far = self.step(each);
        }
        so_far
    }

    /// A step with such columns; tells how they are called from then on.
    fn step(&mut self, columns: Vec<String>) -> Vec<String> {
        let alias = format!("s{}", self.steps.len() + 1);
        let names: Vec<String> = (1..=columns.len()).map(|place| format!("c{place}")).collect();
        let qualified = names.iter().map(|name| format!("{alias}.{name}")).collect();
        self.steps.push(Step { alias, columns: columns.into_iter().zip(names).collect() });
        qualified
    }

    /// A tree as CASE inside of CASE. NULL is no number that compares, so that it takes the ELSE: the children are ordered so
    /// that this is where missing values go.
    fn tree(&self, forest: &Forest, at: u32, leaf: &dyn Fn(u32, &Node) -> String, depth: usize) -> Result<String> {
        // INVARIANT: `Forest::new` checked every index.
        let node = &forest.nodes()[at as usize];
        if node.feature == LEAF {
            return Ok(leaf(at, node));
        }
        check_size("levels in a tree", depth + 1, SQL_DEPTH)?;
        let left = self.tree(forest, node.left, leaf, depth + 1)?;
        let right = self.tree(forest, node.right, leaf, depth + 1)?;
        let value = self.inputs.number(node.feature as usize);
        let last = last_left(forest, node.threshold);
        Ok(match (last, node.missing_left.is_set()) {
            (None, false) => right,
            (None, true) => format!("CASE WHEN {value} IS NULL THEN {left} ELSE {right} END"),
            (Some(last), false) => format!("CASE WHEN {value} <= {last:?} THEN {left} ELSE {right} END"),
            (Some(last), true) => format!("CASE WHEN {value} > {last:?} THEN {right} ELSE {left} END"),
        })
    }
}

/// The numbers of a tree's leaves, from 1, by their nodes, and what each adds to which score.
type Leaves = (HashMap<u32, usize>, Vec<Vec<(usize, f64)>>);

fn leaves_of(forest: &Forest, tree: usize, root: u32) -> Leaves {
    let (mut numbers, mut values) = (HashMap::new(), Vec::new());
    let mut waiting = vec![root];
    while let Some(at) = waiting.pop() {
        let node = &forest.nodes()[at as usize];
        if node.feature != LEAF {
            waiting.extend([node.right, node.left]);
            continue;
        }
        let mut adds = Vec::new();
        forest.leaf(tree, node, &mut adds);
        values.push(adds);
        numbers.insert(at, values.len());
    }
    (numbers, values)
}

/// The largest number that goes to the left at a threshold; none where nothing does.
pub fn last_left(forest: &Forest, threshold: f64) -> Option<f64> {
    last_not(|value| !goes_left(forest, value, threshold))
}

/// Whether a value goes to the left at a threshold, by the model's rounding and comparison.
pub fn goes_left(forest: &Forest, value: f64, threshold: f64) -> bool {
    let seen = match forest.input() {
        Input::Float64 | Input::Float64Missing => value,
        Input::Float32 | Input::Float32Missing => f64::from(value as f32),
        Input::LightGbm if value.abs() <= LIGHTGBM_ZERO => 0.0,
        Input::LightGbm => value,
    };
    match forest.compare() {
        Compare::Below => seen < threshold,
        Compare::NotAbove => seen <= threshold,
    }
}
