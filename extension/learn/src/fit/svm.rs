//! Kernel machines: sequential minimal optimisation with second-order choice of the pair (Fan, Chen and Lin 2005), as in
//! libsvm, to the same tolerance. (linfa-svm holds the kernel of every pair of rows in memory and can't be interrupted;
//! smartcore's classifier makes a fixed number of passes and stops before it has converged.)

use std::collections::VecDeque;
use std::rc::Rc;

use pgml_core::model::{Decision, Finish, Kernel, Machine, Scores};
use serde_json::Value;

use super::{Context, Label, LabelFit, classes_of, values_of};
use crate::data::Data;
use crate::error::Result;
use crate::model::{classes as finish, values};
use crate::params::Params;

/// What the kernel's rows may take in memory while one problem is solved; scikit-learn's `cache_size`.
const CACHE: usize = 200 << 20;

/// Below this a curvature counts as this, as in libsvm.
const FLAT: f64 = 1e-12;

struct Settings {
    kernel: Kernel,
    c: f64,
    tolerance: f64,
    steps: Option<usize>,
}

/// scikit-learn's two words for a gamma that follows from the rows, or a number.
#[derive(Clone, Copy)]
enum Gamma {
    Scale,
    Auto,
    Number(f64),
}

fn settings(data: &Data, params: &mut Params) -> Result<Settings> {
    let name = params.word("kernel", &["rbf", "linear", "poly", "sigmoid"])?;
    let wanted = "\"scale\", \"auto\" or a number of 0 or more";
    let gamma = params.special("gamma", Gamma::Scale, wanted, |value| match value {
        Value::String(word) if word == "scale" => Some(Gamma::Scale),
        Value::String(word) if word == "auto" => Some(Gamma::Auto),
        _ => value.as_f64().filter(|value| *value >= 0.0).map(Gamma::Number),
    })?;
    let gamma = match gamma {
        Gamma::Number(gamma) => gamma,
        Gamma::Auto => 1.0 / data.features as f64,
        Gamma::Scale => {
            let variance = data.variance();
            if variance == 0.0 { 1.0 } else { 1.0 / (data.features as f64 * variance) }
        }
    };
    let coef0 = params.number("coef0", 0.0, "a number", |_| true)?;
    let degree = params.count("degree", 3, 0)? as f64;
    Ok(Settings {
        kernel: match name {
            "linear" => Kernel::Linear,
            "poly" => Kernel::Poly { gamma, coef0, degree },
            "sigmoid" => Kernel::Sigmoid { gamma, coef0 },
            _ => Kernel::Rbf { gamma },
        },
        c: params.positive("C", 1.0)?,
        tolerance: params.positive("tol", 1e-3)?,
        steps: params.steps("max_iter", None)?,
    })
}

pub fn regression(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let settings = settings(data, params)?;
    let epsilon = params.not_negative("epsilon", 0.1)?;
    let y = values_of(label);
    // Each row twice: pulled up, and pulled down.
    let signs: Vec<f64> = (0..2 * data.rows).map(|place| if place < data.rows { 1.0 } else { -1.0 }).collect();
    let linear: Vec<f64> = (0..2 * data.rows)
        .map(|at| if at < data.rows { epsilon - y[at] } else { epsilon + y[at - data.rows] })
        .collect();
    let problem = Problem { context, data, rows: (0..data.rows).collect(), signs, settings: &settings };
    let solved = problem.solve(linear);
    let (mut points, mut weights) = (Vec::new(), Vec::new());
    for row in 0..data.rows {
        let weight = solved.alpha[row] - solved.alpha[row + data.rows];
        if weight != 0.0 {
            points.extend_from_slice(data.row(row));
            weights.push(weight);
        }
    }
    let mut one = machine(&settings, data, points, weights, vec![-solved.rho], values());
    one.warnings.extend(solved.warning);
    Ok(one)
}

/// A machine for each pair of classes, which then vote.
pub fn classification(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let settings = settings(data, params)?;
    let (classes, numbers) = classes_of(label);
    let pairs: Vec<(usize, usize)> =
        (0..classes.len()).flat_map(|first| (first + 1..classes.len()).map(move |second| (first, second))).collect();
    let mut weights = vec![vec![0.0; data.rows]; pairs.len()];
    let mut intercepts = Vec::with_capacity(pairs.len());
    let mut warning = None;
    for ((first, second), weights) in pairs.iter().zip(&mut weights) {
        let rows: Vec<usize> = (0..data.rows).filter(|row| [*first, *second].contains(&numbers[*row])).collect();
        let signs: Vec<f64> = rows.iter().map(|row| if numbers[*row] == *first { 1.0 } else { -1.0 }).collect();
        let problem = Problem { context, data, rows, signs, settings: &settings };
        let solved = problem.solve(vec![-1.0; problem.rows.len()]);
        for ((row, sign), alpha) in problem.rows.iter().zip(&problem.signs).zip(&solved.alpha) {
            weights[*row] = sign * alpha;
        }
        intercepts.push(-solved.rho);
        warning = warning.or(solved.warning);
    }
    if let ([only], [intercept]) = (&mut weights[..], &mut intercepts[..]) {
        // Of two classes, a score above zero chooses the second.
        only.iter_mut().for_each(|weight| *weight = -*weight);
        *intercept = -*intercept;
    }
    let support: Vec<usize> = (0..data.rows).filter(|row| weights.iter().any(|one| one[*row] != 0.0)).collect();
    let points = support.iter().flat_map(|row| data.row(*row)).copied().collect();
    let weights = weights.iter().flat_map(|one| support.iter().map(|row| one[*row])).collect();
    let decision = if classes.len() == 2 { Decision::Positive } else { Decision::Votes };
    let mut one = machine(&settings, data, points, weights, intercepts, finish(classes, decision, None));
    one.warnings.extend(warning);
    Ok(one)
}

/// With a linear kernel, the weighted points are one sum.
fn machine(
    settings: &Settings,
    data: &Data,
    mut points: Vec<f64>,
    mut weights: Vec<f64>,
    intercepts: Vec<f64>,
    finish: Finish,
) -> LabelFit {
    let count = points.len() / data.features;
    if settings.kernel == Kernel::Linear {
        let mut sums = vec![0.0; intercepts.len() * data.features];
        for (place, point) in points.chunks_exact(data.features).enumerate() {
            for (sums, weights) in sums.chunks_exact_mut(data.features).zip(weights.chunks_exact(count)) {
                sums.iter_mut().zip(point).for_each(|(sum, value)| *sum += weights[place] * value);
            }
        }
        return LabelFit::linear(data, sums, intercepts, finish);
    }
    if count == 0 {
        // No row is needed: the intercept is all there is. A machine has at least one point.
        points = data.row(0).to_vec();
        weights = vec![0.0; intercepts.len()];
    }
    LabelFit::new(
        Machine::new(settings.kernel, data.features, points, weights, intercepts).map(Scores::Machine),
        finish,
    )
}

/// Minimise ½ a'Qa + p'a with 0 ≤ a ≤ C and s'a = 0, where Q is the kernel times the signs.
struct Problem<'a> {
    context: &'a Context<'a>,
    data: &'a Data,
    /// The rows that take part; with twice as many signs, each takes part twice.
    rows: Vec<usize>,
    signs: Vec<f64>,
    settings: &'a Settings,
}

struct Solved {
    alpha: Vec<f64>,
    rho: f64,
    warning: Option<String>,
}

/// The kernel's rows that were used last.
struct Cache {
    rows: Vec<Option<Rc<Vec<f64>>>>,
    order: VecDeque<usize>,
    room: usize,
}

impl Problem<'_> {
    fn kernel(&self, cache: &mut Cache, at: usize) -> Rc<Vec<f64>> {
        let at = at % self.rows.len();
        if let Some(row) = &cache.rows[at] {
            return Rc::clone(row);
        }
        let left = self.data.row(self.rows[at]);
        let row = self.rows.iter().map(|row| self.settings.kernel.of(left, self.data.row(*row))).collect();
        let row = Rc::new(row);
        if cache.order.len() >= cache.room
            && let Some(oldest) = cache.order.pop_front()
        {
            cache.rows[oldest] = None;
        }
        cache.order.push_back(at);
        cache.rows[at] = Some(Rc::clone(&row));
        row
    }

    fn solve(&self, mut gradient: Vec<f64>) -> Solved {
        let (count, base, c) = (self.signs.len(), self.rows.len(), self.settings.c);
        let mut cache =
            Cache { rows: vec![None; base], order: VecDeque::new(), room: (CACHE / (base * size_of::<f64>())).max(2) };
        let of = |row: usize| self.data.row(self.rows[row % base]);
        let diagonal: Vec<f64> = (0..count).map(|row| self.settings.kernel.of(of(row), of(row))).collect();
        let mut alpha = vec![0.0; count];
        // libsvm's limit where the caller gives none.
        let most = self.settings.steps.unwrap_or_else(|| (100 * count).max(10_000_000));
        let mut warning = None;
        for step in 0.. {
            if step % 64 == 0 {
                (self.context.interrupt)();
            }
            let Some((first, second)) = self.pair(&mut cache, &alpha, &gradient, &diagonal) else {
                break;
            };
            if step >= most {
                warning = Some(format!(
                    "{} did not converge in {most} steps: scale the features, or increase max_iter",
                    self.context.algorithm
                ));
                break;
            }
            let (left, right) = (self.kernel(&mut cache, first), self.kernel(&mut cache, second));
            let (before_first, before_second) = (alpha[first], alpha[second]);
            let curve = (diagonal[first] + diagonal[second] - 2.0 * left[second % base]).max(FLAT);
            let (sign_first, sign_second) = (self.signs[first], self.signs[second]);
            // Along the line on which s'a stays: one goes up by its sign, the other down by its own.
            let step = (-sign_first * gradient[first] + sign_second * gradient[second]) / curve;
            let room = |alpha: f64, up: bool| if up { c - alpha } else { alpha };
            let step = step.min(room(alpha[first], sign_first > 0.0)).min(room(alpha[second], sign_second < 0.0));
            alpha[first] = (alpha[first] + sign_first * step).clamp(0.0, c);
            alpha[second] = (alpha[second] - sign_second * step).clamp(0.0, c);
            let (of_first, of_second) =
                ((alpha[first] - before_first) * sign_first, (alpha[second] - before_second) * sign_second);
            for (at, gradient) in gradient.iter_mut().enumerate() {
                *gradient += self.signs[at] * (left[at % base] * of_first + right[at % base] * of_second);
            }
        }
        let rho = self.rho(&alpha, &gradient);
        Solved { alpha, rho, warning }
    }

    /// Whether an alpha may move so that its score goes up, or down.
    fn free(&self, alpha: f64, sign: f64) -> (bool, bool) {
        let (below, above) = (alpha < self.settings.c, alpha > 0.0);
        if sign > 0.0 { (below, above) } else { (above, below) }
    }

    /// The two that violate the conditions most, or none when they hold to the tolerance.
    fn pair(&self, cache: &mut Cache, alpha: &[f64], gradient: &[f64], diagonal: &[f64]) -> Option<(usize, usize)> {
        let mut top = (f64::NEG_INFINITY, usize::MAX);
        for (at, sign) in self.signs.iter().enumerate() {
            let value = -sign * gradient[at];
            if self.free(alpha[at], *sign).0 && value > top.0 {
                top = (value, at);
            }
        }
        if top.1 == usize::MAX {
            return None;
        }
        let row = self.kernel(cache, top.1);
        let (mut lowest, mut best) = (f64::INFINITY, (0.0, usize::MAX));
        for (at, sign) in self.signs.iter().enumerate() {
            if !self.free(alpha[at], *sign).1 {
                continue;
            }
            let value = -sign * gradient[at];
            lowest = lowest.min(value);
            let gap = top.0 - value;
            if gap > 0.0 {
                let curve = (diagonal[top.1] + diagonal[at] - 2.0 * row[at % row.len()]).max(FLAT);
                let gain = gap * gap / curve;
                if gain > best.0 {
                    best = (gain, at);
                }
            }
        }
        (top.0 - lowest >= self.settings.tolerance && best.1 != usize::MAX).then_some((top.1, best.1))
    }

    /// The threshold: the mean over the alphas that are neither 0 nor C, else the middle of what is possible.
    fn rho(&self, alpha: &[f64], gradient: &[f64]) -> f64 {
        let (mut sum, mut free) = (0.0, 0usize);
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        for (at, sign) in self.signs.iter().enumerate() {
            let value = sign * gradient[at];
            match self.free(alpha[at], *sign) {
                (true, true) => {
                    sum += value;
                    free += 1;
                }
                (true, false) => most = most.min(value),
                (false, _) => least = least.max(value),
            }
        }
        if free > 0 { sum / free as f64 } else { (least + most) / 2.0 }
    }
}
