//! Logistic regression: minimised with argmin's L-BFGS, which calls back for every value, so that it can be stopped.
//! (linfa-logistic uses the same minimiser behind an interface that can't be interrupted.)

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use pgml_core::model::Probabilities;

use super::{Context, Label, LabelFit, by_scores, classes_of};
use crate::data::Data;
use crate::error::Result;
use crate::params::Params;

/// Steps that L-BFGS remembers, as in SciPy.
const MEMORY: usize = 10;

pub fn fit(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let c = params.positive("C", 1.0)?;
    let penalty = params.special("penalty", true, "\"l2\" or null", |value| match value.as_str() {
        Some("l2") => Some(true),
        _ => value.is_null().then_some(false),
    })?;
    let intercept = params.flag("fit_intercept", true)?;
    let steps = params.count("max_iter", 100, 1)?;
    let tolerance = params.positive("tol", 1e-4)?;
    params.seed()?;
    let (classes, numbers) = classes_of(label);
    let weights = if context.weights.is_empty() { vec![1.0; data.rows] } else { context.weights.clone() };
    let loss = Loss {
        context,
        data,
        numbers,
        scores: if classes.len() == 2 { 1 } else { classes.len() },
        total: weights.iter().sum(),
        weights,
        penalty: if penalty { 1.0 / c } else { 0.0 },
        intercept,
        last: RefCell::default(),
    };
    let width = data.features + 1;
    let start = vec![0.0; width * loss.scores];
    let scores = loss.scores;
    let (found, converged) = minimise(context, loss, start, tolerance, steps)?;
    let (mut rows, mut intercepts) = (Vec::new(), Vec::new());
    for row in found.chunks_exact(width).take(scores) {
        rows.extend_from_slice(&row[..data.features]);
        intercepts.push(row[data.features]);
    }
    let shares = if scores == 1 { Probabilities::Logistic } else { Probabilities::Softmax { scale: 1.0 } };
    let mut one = LabelFit::linear(data, rows, intercepts, by_scores(classes, Some(shares)));
    if !converged {
        one.warnings.push(format!(
            "{} did not converge in {steps} steps: increase max_iter, or scale the features",
            context.algorithm
        ));
    }
    Ok(one)
}

/// The smallest value that was found, and whether its gradient is within the tolerance.
fn minimise(
    context: &Context<'_>,
    loss: Loss<'_>,
    start: Vec<f64>,
    tolerance: f64,
    steps: usize,
) -> Result<(Vec<f64>, bool)> {
    let failed = |error: argmin::core::Error| context.failed(error.to_string());
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(tolerance)
        .and_then(|solver| solver.with_tolerance_cost(0.0))
        .map_err(failed)?;
    let result = Executor::new(&loss, solver)
        .configure(|state| state.param(start).max_iters(steps as u64))
        .run()
        .map_err(failed)?;
    let state = result.state();
    let converged =
        !matches!(state.get_termination_status(), TerminationStatus::Terminated(TerminationReason::MaxItersReached));
    let best = state.get_best_param().cloned();
    Ok((best.ok_or_else(|| context.failed("no minimum was found"))?, converged))
}

/// The mean of what the true class's probability costs, and the squared weights (not the intercepts).
struct Loss<'a> {
    context: &'a Context<'a>,
    data: &'a Data,
    numbers: &'a [usize],
    /// One for two classes, else one for each.
    scores: usize,
    /// How much each row counts.
    weights: Vec<f64>,
    total: f64,
    penalty: f64,
    intercept: bool,
    /// The point that was looked at last, with its gradient: the minimiser asks for value and gradient one by one.
    last: RefCell<(Vec<f64>, f64, Vec<f64>)>,
}

impl Loss<'_> {
    fn look(&self, at: &[f64]) {
        if self.last.borrow().0 == at {
            return;
        }
        let (cost, gradient) = self.value(at);
        *self.last.borrow_mut() = (at.to_vec(), cost, gradient);
    }

    fn value(&self, at: &[f64]) -> (f64, Vec<f64>) {
        let features = self.data.features;
        let width = features + 1;
        let mut gradient = vec![0.0; at.len()];
        let mut cost = 0.0;
        let mut scores = vec![0.0; self.scores];
        for (place, (row, class)) in self.data.each_row().zip(self.numbers).enumerate() {
            if place % 4096 == 0 {
                (self.context.interrupt)();
            }
            for (score, weights) in scores.iter_mut().zip(at.chunks_exact(width)) {
                *score = weights[features] + row.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>();
            }
            let weight = self.weights[place];
            cost += weight * slopes(&mut scores, *class);
            for (slope, into) in scores.iter().zip(gradient.chunks_exact_mut(width)) {
                let slope = slope * weight;
                into.iter_mut().zip(row).for_each(|(into, value)| *into += slope * value);
                into[features] += slope;
            }
        }
        for (weights, into) in at.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            for (weight, into) in weights.iter().zip(into.iter_mut()).take(features) {
                cost += 0.5 * self.penalty * weight * weight;
                *into += self.penalty * weight;
            }
            if !self.intercept {
                into[features] = 0.0;
            }
        }
        gradient.iter_mut().for_each(|value| *value /= self.total);
        (cost / self.total, gradient)
    }
}

/// What a row costs; its scores become their slopes.
fn slopes(scores: &mut [f64], class: usize) -> f64 {
    if let [score] = scores {
        let signed = if class == 1 { *score } else { -*score };
        // ln(1 + exp(-signed)), which neither overflows nor loses a small cost.
        let cost = (-signed).max(0.0) + (-signed.abs()).exp().ln_1p();
        *score = 1.0 / (1.0 + (-*score).exp()) - class as f64;
        return cost;
    }
    let top = scores.iter().copied().fold(f64::MIN, f64::max);
    let own = scores[class] - top;
    scores.iter_mut().for_each(|score| *score = (*score - top).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    scores[class] -= 1.0;
    sum.ln() - own
}

impl CostFunction for &Loss<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        self.look(at);
        Ok(self.last.borrow().1)
    }
}

impl Gradient for &Loss<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        self.look(at);
        Ok(self.last.borrow().2.clone())
    }
}
