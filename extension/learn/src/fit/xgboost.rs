//! XGBoost: the library grows the trees, its JSON becomes a forest of ours, and both must predict the same, to the bit.

mod held;
mod json;
mod parameters;

use pgml_core::model::{Decision, Finish, Model, Part, Probabilities, Scores, Work};
use pgml_xgboost::{Error as Failure, Learned, Rows, Training, said};
use serde_json::Value;

use super::{Context, Label, LabelFit};
use crate::data::Data;
use crate::error::Result;
use crate::model::{classes as finish, values};
use crate::params::Params;
use held::Split;
use json::Library;
use parameters::Parameters;

/// Rows as the library takes them.
struct Single {
    x: Vec<f32>,
    y: Vec<f32>,
    weights: Vec<f32>,
}

impl Single {
    fn new(data: &Data, y: &[f32], weights: &[f64], rows: &[usize]) -> Single {
        let features = rows.iter().flat_map(|row| data.row(*row).iter().map(|value| *value as f32));
        let weight = |row: &usize| weights[*row] as f32;
        let weights = if weights.is_empty() { Vec::new() } else { rows.iter().map(weight).collect() };
        Single { x: features.collect(), y: rows.iter().map(|row| y[*row]).collect(), weights }
    }

    fn rows(&self) -> Rows<'_> {
        Rows { x: &self.x, y: &self.y, weights: &self.weights }
    }
}

pub fn boosted(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    fit(context, data, label, Parameters::boosted(params, label)?)
}

pub fn forest(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    fit(context, data, label, Parameters::forest(params, label)?)
}

fn fit(context: &Context<'_>, data: &Data, label: &Label, parameters: Parameters) -> Result<LabelFit> {
    let failed = |error: Failure| context.failed(error.to_string());
    let y: Vec<f32> = match label {
        Label::Values(values) => values.iter().map(|value| *value as f32).collect(),
        Label::Classes { numbers, .. } => numbers.iter().map(|number| *number as f32).collect(),
    };
    let split = Split::new(data.rows, label, parameters.stop.as_ref(), parameters.seed);
    let learned = Single::new(data, &y, &context.weights, &split.learned);
    let held = Single::new(data, &y, &context.weights, &split.held);
    let mut training = Training::new(
        Learned {
            rows: learned.rows(),
            held: held.rows(),
            features: data.features,
            feature_weights: &parameters.feature_weights,
            parameters: &parameters.of_library,
        },
        context.interrupt,
    )
    .map_err(failed)?;
    drop((learned, held));
    let best = rounds(context, &mut training, &parameters)?;
    let unread = |reason: String| context.failed(format!("XGBoost's model: {reason}"));
    let library = Library::read(training.model().map_err(failed)?).map_err(unread)?;
    let trees = library.trees(data.features, best).map_err(unread)?;
    let importances = library.importances(data.features, best, parameters.importance).map_err(unread)?;
    drop(library);
    let width = trees.width;
    let scores = trees.scores(data.features).ok_or_else(|| unread("its trees don't fit together".into()))?;
    let finish = finished(label, width);
    let model = model(data.features, &scores, &finish).ok_or_else(|| unread(format!("{width} scores for a row")))?;
    for (rows, held) in [(&split.learned, false), (&split.held, true)] {
        if !rows.is_empty() {
            let wanted = training.predict(best, held, context.interrupt).map_err(failed)?;
            same(context, data, &model, rows, wanted)?;
        }
    }
    let mut one = LabelFit::new(Some(scores), finish);
    one.importances = Some(importances);
    one.warnings = said();
    if parameters.stop.is_some() {
        one.metrics.insert("best_iteration".into(), Value::from(best - 1));
    }
    Ok(one)
}

/// How the sums of leaves become values or classes.
fn finished(label: &Label, width: usize) -> Finish {
    match label {
        Label::Values(_) => values(),
        Label::Classes { classes, .. } if width == 1 => {
            finish(classes, Decision::AboveHalf, Some(Probabilities::LogisticF32))
        }
        Label::Classes { classes, .. } => finish(classes, Decision::Likeliest, Some(Probabilities::SoftmaxF32)),
    }
}

/// Grow the trees; returns how many rounds count.
fn rounds(context: &Context<'_>, training: &mut Training, parameters: &Parameters) -> Result<usize> {
    let failed = |error: Failure| context.failed(error.to_string());
    let mut best: Option<(usize, f64)> = None;
    for round in 1..=parameters.rounds {
        (context.interrupt)();
        training.step(context.interrupt).map_err(failed)?;
        let Some(stop) = &parameters.stop else { continue };
        let metrics = training.evaluate(context.interrupt).map_err(failed)?;
        // The last of several metrics decides, as in Python.
        let Some((name, value)) = metrics.last() else { return Err(context.failed("no metric was evaluated")) };
        let better = best.is_none_or(|(_, before)| if grows(name) { *value > before } else { *value < before });
        match best {
            _ if better => best = Some((round, *value)),
            Some((last, _)) if round - last >= stop.rounds => return Ok(last),
            _ => (),
        }
    }
    Ok(best.map_or(parameters.rounds, |(round, _)| round))
}

/// Whether more of a metric is better.
fn grows(metric: &str) -> bool {
    ["auc", "map", "pre", "ndcg"].iter().any(|prefix| metric.starts_with(prefix))
}

fn model(features: usize, scores: &Scores, finish: &Finish) -> Option<Model> {
    Model::new(features, vec![Part::new(scores.clone(), finish.clone())?])
}

/// The forest must predict for every row what the library predicts.
fn same(context: &Context<'_>, data: &Data, model: &Model, rows: &[usize], wanted: &[f32]) -> Result<()> {
    let width = wanted.len() / rows.len();
    let (mut work, mut found) = (Work::default(), Vec::new());
    if width * rows.len() != wanted.len() || width == 0 {
        return Err(context.failed(format!("{} predictions for {} rows", wanted.len(), rows.len())));
    }
    for (place, (row, wanted)) in rows.iter().zip(wanted.chunks_exact(width)).enumerate() {
        if place % 1024 == 0 {
            (context.interrupt)();
        }
        found.clear();
        let said = match model.classes() {
            Some(_) => model.probabilities(data.row(*row), &mut work, &mut found),
            None => model.predict(data.row(*row), &mut work, &mut found),
        };
        said.map_err(|_| context.failed("a row has a number that the model can't take"))?;
        // Of two classes the library tells the second one's probability.
        let found = if found.len() == width + 1 { &found[1..] } else { &found[..] };
        let equal = |(found, wanted): (&f64, &f32)| found.to_bits() == f64::from(*wanted).to_bits();
        if found.len() != width || !found.iter().zip(wanted).all(equal) {
            let reason = format!("row {} is predicted as {found:?} here and {wanted:?} in XGBoost", row + 1);
            return Err(context.failed(reason));
        }
    }
    Ok(())
}
