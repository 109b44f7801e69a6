//! `LinearRegressor` and `LinearClassifier`.

use pgml_core::labels::Classes;
use pgml_core::model::{Decision, Finish, Linear, Link, Probabilities, Scores};

use super::attributes::Operator;
use super::read::{Predictor, classes};
use super::write::{Making, inexpressible};
use crate::error::Result;
use crate::limits::FILE_SCORES;

/// The scores: a row of coefficients for each.
fn scores(operator: &Operator<'_>, width: usize, count: usize) -> Result<Scores> {
    if !(1..=FILE_SCORES).contains(&count) {
        return operator.unknown(format!("{count} scores"));
    }
    let weights = operator.floats("coefficients")?;
    operator.count("coefficients", weights.len(), width.saturating_mul(count))?;
    let mut intercepts = operator.floats("intercepts")?;
    if intercepts.is_empty() {
        intercepts = vec![0.0; count];
    }
    operator.count("intercepts", intercepts.len(), count)?;
    match Linear::new(width, weights, intercepts) {
        Some(linear) => Ok(Scores::Linear(linear)),
        None => operator.broken("its sizes don't fit together"),
    }
}

/// Whether the second half of a list is the first one's negative.
fn opposite(list: &[f64]) -> bool {
    let (first, second) = list.split_at(list.len() / 2);
    first.len() == second.len() && first.iter().zip(second).all(|(one, other)| *one == -other)
}

pub fn regressor(operator: &Operator<'_>, width: usize) -> Result<Predictor> {
    let transform = operator.word("post_transform", "NONE")?;
    if transform != "NONE" {
        return operator.unknown(format!("post_transform \"{transform}\""));
    }
    let targets = usize::try_from(operator.int("targets", 1)?).unwrap_or(0);
    let scores = scores(operator, width, targets)?;
    let finish = Finish::Values(Link::Identity);
    Ok(Predictor { scores, finish, label: None, to_normalize: None, takes_missing: false })
}

pub fn classifier(operator: &Operator<'_>, width: usize) -> Result<Predictor> {
    let (classes, label) = classes(operator, "classlabels_ints")?;
    let count = operator.floats("intercepts")?.len().max(1);
    let one = count == 1 && classes.len() == 2;
    if !one && count != classes.len() {
        return operator.broken(format!("{count} intercepts for {} classes", classes.len()));
    }
    let scores = scores(operator, width, count)?;
    let Scores::Linear(linear) = &scores else { return operator.broken("its sizes don't fit together") };
    let pair = count == 2 && opposite(linear.weights()) && opposite(linear.intercepts());
    let transform = operator.word("post_transform", "NONE")?;
    let (probabilities, to_normalize) = match (transform.as_str(), one) {
        ("NONE", _) => (None, None),
        ("SOFTMAX", false) => (Some(Probabilities::Softmax { scale: 1.0 }), None),
        // The logistic functions of a score and its negative add up to one.
        ("LOGISTIC", false) if pair => (Some(Probabilities::LogisticShares), None),
        ("LOGISTIC", false) => (None, Some(Probabilities::LogisticShares)),
        _ => return operator.unknown(format!("post_transform \"{transform}\"")),
    };
    let decision = if one { Decision::Positive } else { Decision::Largest };
    let finish = Finish::Classes { classes, decision, probabilities };
    Ok(Predictor { scores, finish, label: Some(label), to_normalize, takes_missing: false })
}

/// The same of numbers that stand in other places.
pub fn moved(linear: &Linear, places: &[usize], features: usize) -> Option<Scores> {
    let count = linear.intercepts().len();
    let mut weights = vec![0.0; features.checked_mul(count)?];
    for (score, row) in linear.weights().chunks(places.len()).enumerate() {
        for (weight, place) in row.iter().zip(places) {
            *weights.get_mut(score * features + place)? += weight;
        }
    }
    Linear::new(features, weights, linear.intercepts().to_vec()).map(Scores::Linear)
}

/// The operator of a linear model.
pub fn write(linear: &Linear, finish: &Finish, label: Option<&Classes>, input: &str) -> Result<Making> {
    let (weights, intercepts) = (linear.weights(), linear.intercepts());
    let (classes, decision, probabilities) = match finish {
        Finish::Values(_) => {
            return Ok(Making::new("LinearRegressor", input, &["variable"])
                .floats("coefficients", weights.iter().copied())
                .floats("intercepts", intercepts.iter().copied())
                .int("targets", intercepts.len() as i64)
                .word("post_transform", "NONE"));
        }
        Finish::Classes { classes, decision, probabilities } => (classes, decision, probabilities),
    };
    let one = intercepts.len() == 1;
    let transform = match (decision, probabilities, one) {
        (Decision::Positive, Some(Probabilities::Logistic), true) => "LOGISTIC",
        (Decision::Largest, Some(Probabilities::LogisticShares), false)
            if opposite(weights) && opposite(intercepts) =>
        {
            "LOGISTIC"
        }
        // Softmax of a score and its negative.
        (Decision::Positive, Some(Probabilities::SoftmaxPair), true) => "SOFTMAX",
        (Decision::Positive, None, true) | (Decision::Largest, None, false) => "NONE",
        (Decision::Largest | Decision::Likeliest, Some(Probabilities::Softmax { scale: 1.0 }), false) => "SOFTMAX",
        _ => return Err(inexpressible("its probabilities are neither logistic nor softmax")),
    };
    // A score for each of two classes: the one, and its negative.
    let both = |list: &[f64]| -> Vec<f64> {
        let negative = list.iter().map(|value| 0.0 - value).filter(|_| one);
        negative.chain(list.iter().copied()).collect()
    };
    Making::new("LinearClassifier", input, &["label", "probabilities"])
        .floats("coefficients", both(weights).into_iter())
        .floats("intercepts", both(intercepts).into_iter())
        .int("multi_class", i64::from(!one))
        .word("post_transform", transform)
        .classes("classlabels_ints", classes, label)
}
