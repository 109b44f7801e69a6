//! Linear support vector machines: dual coordinate descent (Hsieh and others 2008, Ho and Lin 2012), as in liblinear. Neither
//! linfa nor smartcore has one.

use pgml_core::model::Finish;

use super::{Context, Label, LabelFit, against_others, by_scores, classes_of, values_of};
use crate::data::Data;
use crate::error::Result;
use crate::model::values;
use crate::params::Params;
use crate::random::Random;

struct Settings {
    c: f64,
    squared: bool,
    intercept: Option<f64>,
    tolerance: f64,
    steps: usize,
    seed: u64,
}

fn settings(params: &mut Params, losses: [&'static str; 2]) -> Result<Settings> {
    let loss = params.word("loss", &losses)?;
    let intercept = params.flag("fit_intercept", true)?;
    let scaling = params.positive("intercept_scaling", 1.0)?;
    Ok(Settings {
        c: params.positive("C", 1.0)?,
        squared: loss.starts_with("squared"),
        intercept: intercept.then_some(scaling),
        tolerance: params.positive("tol", 1e-4)?,
        steps: params.count("max_iter", 1000, 1)?,
        seed: params.seed()?,
    })
}

pub fn regression(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let settings = settings(params, ["epsilon_insensitive", "squared_epsilon_insensitive"])?;
    let epsilon = params.not_negative("epsilon", 0.0)?;
    let machine = Machine::new(context, data, &settings);
    let (weights, converged) = machine.regression(values_of(label), epsilon);
    Ok(finish(&machine, vec![weights], converged, values()))
}

pub fn classification(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let settings = settings(params, ["squared_hinge", "hinge"])?;
    let (classes, numbers) = classes_of(label);
    let machine = Machine::new(context, data, &settings);
    let mut all = true;
    let mut each = Vec::new();
    for target in against_others(classes.len(), numbers) {
        let (weights, converged) = machine.classification(&target);
        all &= converged;
        each.push(weights);
    }
    Ok(finish(&machine, each, all, by_scores(classes, None)))
}

fn finish(machine: &Machine<'_>, each: Vec<Vec<f64>>, converged: bool, finish: Finish) -> LabelFit {
    let features = machine.data.features;
    let scaling = machine.settings.intercept.unwrap_or(0.0);
    let intercepts = each.iter().map(|weights| weights[features] * scaling).collect();
    let weights = each.iter().flat_map(|weights| &weights[..features]).copied().collect();
    let mut one = LabelFit::linear(machine.data, weights, intercepts, finish);
    if !converged {
        one.warnings.push(format!(
            "{} did not converge in {} steps: increase max_iter, or scale the features",
            machine.context.algorithm, machine.settings.steps
        ));
    }
    one
}

/// The rows, with one more feature for the intercept.
struct Machine<'a> {
    context: &'a Context<'a>,
    data: &'a Data,
    settings: &'a Settings,
    /// Each row's squared length.
    lengths: Vec<f64>,
}

impl<'a> Machine<'a> {
    fn new(context: &'a Context<'a>, data: &'a Data, settings: &'a Settings) -> Machine<'a> {
        let more = settings.intercept.unwrap_or(0.0).powi(2);
        let lengths = data.each_row().map(|row| row.iter().map(|value| value * value).sum::<f64>() + more).collect();
        Machine { context, data, settings, lengths }
    }

    fn score(&self, weights: &[f64], row: usize) -> f64 {
        let (last, weights) = (weights[self.data.features], &weights[..self.data.features]);
        let dot: f64 = weights.iter().zip(self.data.row(row)).map(|(weight, value)| weight * value).sum();
        dot + last * self.settings.intercept.unwrap_or(0.0)
    }

    fn add(&self, weights: &mut [f64], row: usize, times: f64) {
        weights.iter_mut().zip(self.data.row(row)).for_each(|(weight, value)| *weight += times * value);
        weights[self.data.features] += times * self.settings.intercept.unwrap_or(0.0);
    }

    /// The alphas' upper bound, and what is added to the diagonal.
    fn bound(&self) -> (f64, f64) {
        if self.settings.squared { (f64::INFINITY, 0.5 / self.settings.c) } else { (self.settings.c, 0.0) }
    }

    /// Go over the rows in a new order each time until `step`, which tells how far a row was from its optimum, finds none
    /// further than the tolerance.
    fn descend(&self, mut step: impl FnMut(usize) -> f64, relative: bool) -> bool {
        let mut random = Random::new(self.settings.seed);
        let mut order: Vec<usize> = (0..self.data.rows).collect();
        let mut first = None;
        for _ in 0..self.settings.steps {
            random.shuffle(&mut order);
            let (mut largest, mut sum) = (0.0f64, 0.0);
            for (at, row) in order.iter().enumerate() {
                if at % 1024 == 0 {
                    (self.context.interrupt)();
                }
                let off = step(*row);
                largest = largest.max(off);
                sum += off;
            }
            let (off, limit) = match relative {
                true => (sum, self.settings.tolerance * *first.get_or_insert(sum)),
                false => (largest, self.settings.tolerance),
            };
            if off <= limit {
                return true;
            }
        }
        false
    }

    fn classification(&self, signs: &[f64]) -> (Vec<f64>, bool) {
        let (bound, more) = self.bound();
        let mut alpha = vec![0.0; self.data.rows];
        let mut weights = vec![0.0; self.data.features + 1];
        let step = |row: usize| {
            let slope = signs[row] * self.score(&weights, row) - 1.0 + alpha[row] * more;
            let off = match alpha[row] {
                at if at <= 0.0 => slope.min(0.0),
                at if at >= bound => slope.max(0.0),
                _ => slope,
            };
            let curve = self.lengths[row] + more;
            if off != 0.0 && curve > 0.0 {
                let before = alpha[row];
                alpha[row] = (before - slope / curve).clamp(0.0, bound);
                self.add(&mut weights, row, (alpha[row] - before) * signs[row]);
            }
            off.abs()
        };
        let converged = self.descend(step, false);
        (weights, converged)
    }

    fn regression(&self, y: &[f64], epsilon: f64) -> (Vec<f64>, bool) {
        let (bound, more) = self.bound();
        let mut beta = vec![0.0; self.data.rows];
        let mut weights = vec![0.0; self.data.features + 1];
        let step = |row: usize| {
            let slope = self.score(&weights, row) - y[row] + more * beta[row];
            let (up, down) = (slope + epsilon, slope - epsilon);
            let off: f64 = match beta[row] {
                at if at >= bound => up.max(0.0),
                at if at <= -bound => (-down).max(0.0),
                at if at > 0.0 => up.abs(),
                at if at < 0.0 => down.abs(),
                _ => (-up).max(down).max(0.0),
            };
            let curve = self.lengths[row] + more;
            if curve > 0.0 {
                let before = beta[row];
                let step = match () {
                    () if up < curve * before => -up / curve,
                    () if down > curve * before => -down / curve,
                    () => -before,
                };
                beta[row] = (before + step).clamp(-bound, bound);
                self.add(&mut weights, row, beta[row] - before);
            }
            off
        };
        let converged = self.descend(step, true);
        (weights, converged)
    }
}
