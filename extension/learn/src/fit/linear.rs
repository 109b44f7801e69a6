//! Ordinary least squares, ridge, lasso and elastic net.

use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_elasticnet::ElasticNet;
use ndarray::Array1;

use super::reduced::Reduced;
use super::{Context, Label, LabelFit, against_others, by_scores, classes_of, values_of};
use crate::data::Data;
use crate::error::Result;
use crate::model::values;
use crate::params::Params;

/// The solution of least squares with the smallest weights, as LAPACK's `gelsd` gives it.
pub fn ordinary(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let intercept = params.flag("fit_intercept", true)?;
    let (weights, intercepts) = squares(context, data, values_of(label), 0.0, intercept)?;
    Ok(LabelFit::linear(data, weights, intercepts, values()))
}

pub fn ridge(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let alpha = params.not_negative("alpha", 1.0)?;
    let intercept = params.flag("fit_intercept", true)?;
    let (weights, intercepts) = squares(context, data, values_of(label), alpha, intercept)?;
    Ok(LabelFit::linear(data, weights, intercepts, values()))
}

/// A ridge regression of 1 and -1 for each class against the others.
pub fn ridge_classifier(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let alpha = params.not_negative("alpha", 1.0)?;
    let intercept = params.flag("fit_intercept", true)?;
    let (classes, numbers) = classes_of(label);
    let (mut weights, mut intercepts) = (Vec::new(), Vec::new());
    for target in against_others(classes.len(), numbers) {
        let (one, at) = squares(context, data, &target, alpha, intercept)?;
        weights.extend(one);
        intercepts.extend(at);
    }
    Ok(LabelFit::linear(data, weights, intercepts, by_scores(classes, None)))
}

/// Least squares plus `alpha` times the squared weights.
fn squares(context: &Context<'_>, data: &Data, y: &[f64], alpha: f64, intercept: bool) -> Result<(Vec<f64>, Vec<f64>)> {
    let reduced = Reduced::new(context, data, y, 1, intercept)?;
    let (u, sizes, vt) = reduced.singular(context)?;
    let largest = sizes.first().copied().unwrap_or(0.0);
    // What is smaller is rounding: the direction has no data, and gets no weight.
    let floor = largest * f64::EPSILON * data.rows.max(data.features) as f64;
    let mut weights = Array1::zeros(data.features);
    for (place, size) in sizes.iter().enumerate().filter(|(_, size)| **size > floor) {
        let along = u.column(place).dot(&reduced.y.column(0));
        weights.scaled_add(along * size / (size * size + alpha), &vt.row(place));
    }
    let weights = weights.to_vec();
    let at = reduced.intercept(0, &weights);
    Ok((weights, vec![at]))
}

pub fn lasso(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    penalised(context, data, label, params, 1.0)
}

pub fn elastic_net(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let share = params.number("l1_ratio", 0.5, "a number from 0 to 1", |value| (0.0..=1.0).contains(&value))?;
    penalised(context, data, label, params, share)
}

fn penalised(
    context: &Context<'_>,
    data: &Data,
    label: &Label,
    params: &mut Params,
    l1_ratio: f64,
) -> Result<LabelFit> {
    let alpha = params.not_negative("alpha", 1.0)?;
    let intercept = params.flag("fit_intercept", true)?;
    let steps = params.count("max_iter", 1000, 1)?;
    let tolerance = params.not_negative("tol", 1e-4)?;
    // The penalty is for as many rows as there are, whatever the weights add up to.
    let all: f64 = context.weights.iter().sum();
    let weights = context.weights.iter().map(|weight| weight * data.rows as f64 / all).collect();
    let scaled = Context { weights, ..*context };
    let reduced = Reduced::new(&scaled, data, values_of(label), 1, intercept)?;
    // linfa divides the squares by twice the number of its rows, which are fewer than ours.
    let penalty = alpha * reduced.rows as f64 / data.features as f64;
    let squares = reduced.y.column(0).dot(&reduced.y.column(0));
    let solved = ElasticNet::params()
        .penalty(penalty)
        .l1_ratio(l1_ratio)
        .with_intercept(false)
        .max_iterations(steps as u32)
        .tolerance(tolerance)
        .fit(&DatasetBase::new(reduced.r.clone(), reduced.y.column(0).to_owned()))
        .map_err(|error| context.failed(error.to_string()))?;
    let weights = solved.hyperplane().to_vec();
    let at = reduced.intercept(0, &weights);
    let mut one = LabelFit::linear(data, weights, vec![at], values());
    if solved.n_steps() as usize >= steps && solved.duality_gap() >= tolerance * squares {
        one.warnings.push(format!(
            "{} did not converge in {steps} steps: increase max_iter, or scale the features",
            context.algorithm
        ));
    }
    Ok(one)
}
