//! Random forests: trees of Breiman's kind on samples of the rows, each split the best among some of the features.
//!
//! (smartcore's classifier passes over splits between rows of equal value, keeps only the most frequent class of a leaf, and
//! can't be interrupted; linfa's forest chooses the features once for a tree. docs/rust-runtime.md has what was measured.)

use pgml_core::model::forest::{Compare, Input};
use pgml_core::model::{Decision, Probabilities};
use serde_json::Value;

use super::{Context, Label, LabelFit, classes_of, shares, values_of};
use crate::data::{Data, means};
use crate::error::Result;
use crate::model::{Parent, Trees, classes as finish, values};
use crate::params::Params;
use crate::random::Random;

struct Settings {
    trees: usize,
    depth: Option<usize>,
    split: usize,
    leaf: usize,
    features: usize,
    bootstrap: bool,
    seed: u64,
}

/// How many features each split looks at.
#[derive(Clone, Copy)]
enum Features {
    Root,
    Log,
    Count(usize),
    Share(f64),
}

fn settings(data: &Data, params: &mut Params, usual: Features) -> Result<Settings> {
    let wanted = "\"sqrt\", \"log2\", a whole number, a share of up to 1.0, or null";
    let looked_at = params.special("max_features", usual, wanted, |value| match value {
        Value::Null => Some(Features::Share(1.0)),
        Value::String(word) if word == "sqrt" => Some(Features::Root),
        Value::String(word) if word == "log2" => Some(Features::Log),
        _ => match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => (count > 0).then_some(Features::Count(count as usize)),
            (None, Some(share)) => (share > 0.0 && share <= 1.0).then_some(Features::Share(share)),
            _ => None,
        },
    })?;
    let all = data.features as f64;
    let looked_at = match looked_at {
        Features::Root => all.sqrt() as usize,
        Features::Log => all.log2() as usize,
        Features::Count(count) => count,
        Features::Share(share) => (share * all) as usize,
    };
    Ok(Settings {
        trees: params.count("n_estimators", 100, 1)?,
        depth: params.optional_count("max_depth", 1)?,
        split: params.count("min_samples_split", 2, 2)?,
        leaf: params.count("min_samples_leaf", 1, 1)?,
        features: looked_at.clamp(1, data.features),
        bootstrap: params.flag("bootstrap", true)?,
        seed: params.seed()?,
    })
}

pub fn regression(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    params.word("criterion", &["squared_error"])?;
    let settings = settings(data, params, Features::Share(1.0))?;
    let y = values_of(label);
    let centre = means(y.chunks_exact(1), 1, data.rows)[0];
    let target = Target::Values(y.iter().map(|value| value - centre).collect(), centre);
    let (trees, importances) = grow(context, data, &settings, &target);
    let mut one = LabelFit::new(trees.scores(data.features), values());
    one.importances = Some(importances);
    Ok(one)
}

pub fn classification(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let entropy = params.word("criterion", &["gini", "entropy", "log_loss"])? != "gini";
    let settings = settings(data, params, Features::Root)?;
    let (classes, numbers) = classes_of(label);
    let target = Target::Classes { numbers: numbers.to_vec(), count: classes.len(), entropy };
    let (trees, importances) = grow(context, data, &settings, &target);
    let finish = finish(classes, Decision::Largest, Some(Probabilities::Shares));
    let mut one = LabelFit::new(trees.scores(data.features), finish);
    one.importances = Some(importances);
    Ok(one)
}

/// All trees, and how much each feature's splits tell about the label.
fn grow(context: &Context<'_>, data: &Data, settings: &Settings, target: &Target) -> (Trees, Vec<f64>) {
    let mut trees = Trees::new(Input::Float64, Compare::NotAbove, target.leaf_width());
    let mut importances = vec![0.0; data.features];
    let mut random = Random::new(settings.seed);
    for _ in 0..settings.trees {
        let mut weights = vec![1.0; data.rows];
        if settings.bootstrap {
            weights.fill(0.0);
            (0..data.rows).for_each(|_| weights[random.below(data.rows)] += 1.0);
        }
        weights.iter_mut().zip(&context.weights).for_each(|(times, weight)| *times *= weight);
        let mut tree = Tree {
            context,
            data,
            settings,
            target,
            weights: &weights,
            random: &mut random,
            order: (0..data.features).collect(),
            among: vec![0; data.rows],
            sorted: Vec::new(),
            gains: vec![0.0; data.features],
        };
        tree.grow(&mut trees);
        let gains = shares(tree.gains);
        importances.iter_mut().zip(gains).for_each(|(sum, gain)| *sum += gain);
    }
    trees.divisor = Some(settings.trees as f64);
    (trees, importances)
}

/// What the trees are to tell.
enum Target {
    /// Values less their mean, and that mean.
    Values(Vec<f64>, f64),
    Classes {
        numbers: Vec<usize>,
        count: usize,
        entropy: bool,
    },
}

impl Target {
    /// The numbers in a leaf.
    fn leaf_width(&self) -> usize {
        match self {
            Target::Values(..) => 1,
            Target::Classes { count, .. } => *count,
        }
    }

    /// Nothing yet: the weight and the weighted sum of values, or the weight of each class.
    fn nothing(&self) -> Vec<f64> {
        match self {
            Target::Values(..) => vec![0.0; 2],
            Target::Classes { count, .. } => vec![0.0; *count],
        }
    }

    /// Add rows with their weights to nothing.
    fn sums(&self, rows: &[usize], weights: &[f64]) -> Vec<f64> {
        let mut sums = self.nothing();
        let numbers: &[usize] = if let Target::Classes { numbers, .. } = self { numbers } else { &[] };
        rows.iter().for_each(|row| self.add(&mut sums, numbers, *row, weights[*row]));
        sums
    }

    /// Add a row to sums, of which `numbers` says the place of its class.
    fn add(&self, sums: &mut [f64], numbers: &[usize], row: usize, weight: f64) {
        match self {
            Target::Values(values, _) => {
                sums[0] += weight;
                sums[1] += weight * values[row];
            }
            Target::Classes { .. } => sums[numbers[row]] += weight,
        }
    }

    /// The sums without the classes that no row has; `among` gets the place of each row's class in them. Of thousands of
    /// classes a node has few, and each place to split at is judged by all sums: those of no row would be nearly all of the work.
    fn sums_there(&self, rows: &[usize], sums: &[f64], among: &mut [usize]) -> Vec<f64> {
        let Target::Classes { numbers, .. } = self else { return sums.to_vec() };
        let mut there: Vec<usize> = rows.iter().map(|row| numbers[*row]).collect();
        there.sort_unstable();
        there.dedup();
        rows.iter().for_each(|row| among[*row] = there.partition_point(|class| *class < numbers[*row]));
        there.into_iter().map(|class| sums[class]).collect()
    }

    /// How pure rows are, times their weight, but for what a split doesn't change: a split gains the difference.
    fn purity(&self, sums: &[f64]) -> f64 {
        match self {
            Target::Values(..) => sums[1] * sums[1] / sums[0],
            Target::Classes { entropy, .. } => {
                let all: f64 = sums.iter().sum();
                let there = sums.iter().filter(|sum| **sum > 0.0);
                match entropy {
                    true => there.map(|sum| sum * (sum / all).log2()).sum(),
                    false => there.map(|sum| sum * sum).sum::<f64>() / all,
                }
            }
        }
    }

    fn all_same(&self, rows: &[usize]) -> bool {
        match self {
            Target::Values(values, _) => rows.iter().all(|row| values[*row] == values[rows[0]]),
            Target::Classes { numbers, .. } => rows.iter().all(|row| numbers[*row] == numbers[rows[0]]),
        }
    }

    fn leaf(&self, sums: &[f64]) -> Vec<f64> {
        match self {
            Target::Values(_, centre) => vec![centre + sums[1] / sums[0]],
            Target::Classes { .. } => shares(sums.to_vec()),
        }
    }
}

/// One tree while it grows.
struct Tree<'a> {
    context: &'a Context<'a>,
    data: &'a Data,
    settings: &'a Settings,
    target: &'a Target,
    /// How often each row is in the sample, times how much it counts.
    weights: &'a [f64],
    random: &'a mut Random,
    /// The features, shuffled again for each split.
    order: Vec<usize>,
    /// Of a node's rows, the place of the class among those of the node.
    among: Vec<usize>,
    /// A node's rows with their values of one feature.
    sorted: Vec<(f64, usize)>,
    gains: Vec<f64>,
}

struct Split {
    gain: f64,
    feature: usize,
    threshold: f64,
}

impl Tree<'_> {
    /// Add the tree to the others, children after their parents.
    fn grow(&mut self, trees: &mut Trees) {
        let all: Vec<usize> = (0..self.data.rows).filter(|row| self.weights[*row] > 0.0).collect();
        // The rows of a node, its depth, and its parent.
        let mut waiting: Vec<(Vec<usize>, usize, Parent)> = vec![(all, 0, None)];
        while let Some((rows, depth, parent)) = waiting.pop() {
            (self.context.interrupt)();
            let sums = self.target.sums(&rows, self.weights);
            let weight = rows.iter().map(|row| self.weights[*row]).sum();
            match self.split(&rows, depth, &sums) {
                None => trees.leaf(parent, &self.target.leaf(&sums)),
                Some(Split { gain, feature, threshold }) => {
                    self.gains[feature] += gain.max(0.0);
                    let place = trees.node(parent, feature, threshold, false);
                    let (left, right) =
                        rows.into_iter().partition(|row| self.data.x[row * self.data.features + feature] <= threshold);
                    waiting.push((right, depth + 1, Some((place, false))));
                    waiting.push((left, depth + 1, Some((place, true))));
                }
            }
            trees.cover(weight);
        }
    }

    /// The best split of a node; `None` if it is to be a leaf.
    fn split(&mut self, rows: &[usize], depth: usize, sums: &[f64]) -> Option<Split> {
        let Settings { depth: deepest, split, leaf, features, .. } = *self.settings;
        let too_small = rows.len() < split || rows.len() < 2 * leaf;
        if too_small || deepest.is_some_and(|deepest| depth >= deepest) || self.target.all_same(rows) {
            return None;
        }
        let sums = &self.target.sums_there(rows, sums, &mut self.among);
        let before = self.target.purity(sums);
        let mut best: Option<Split> = None;
        let mut looked_at = 0;
        // As in scikit-learn: a feature without two values doesn't count, and looking ends only when a split was found.
        for place in 0..self.order.len() {
            if looked_at >= features && best.is_some() {
                break;
            }
            let chosen = place + self.random.below(self.order.len() - place);
            self.order.swap(place, chosen);
            let feature = self.order[place];
            self.sorted.clear();
            self.sorted.extend(rows.iter().map(|row| (self.data.x[row * self.data.features + feature], *row)));
            self.sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if self.sorted[0].0 == self.sorted[rows.len() - 1].0 {
                continue;
            }
            looked_at += 1;
            self.look_at(feature, before, sums, leaf, &mut best);
        }
        best
    }

    /// Try every place between two different values of a feature.
    fn look_at(&self, feature: usize, before: f64, sums: &[f64], leaf: usize, best: &mut Option<Split>) {
        let mut left = vec![0.0; sums.len()];
        let mut right = sums.to_vec();
        for (place, pair) in self.sorted.windows(2).enumerate() {
            let [(value, row), (next, _)] = [pair[0], pair[1]];
            self.target.add(&mut left, &self.among, row, self.weights[row]);
            self.target.add(&mut right, &self.among, row, -self.weights[row]);
            if value == next || place + 1 < leaf || self.sorted.len() - place - 1 < leaf {
                continue;
            }
            let gain = self.target.purity(&left) + self.target.purity(&right) - before;
            if best.as_ref().is_none_or(|best| gain > best.gain) {
                let middle = value + (next - value) / 2.0;
                // Between neighbours among the floats there is nothing.
                let threshold = if middle < next { middle } else { value };
                *best = Some(Split { gain, feature, threshold });
            }
        }
    }
}
