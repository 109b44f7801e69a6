//! Training without Python: from rows and hyperparameters to a scored model.
//!
//! Nothing here may touch a server, an interpreter, a thread, or a clock but the one that it is given. The same rows and hyperparameters give the same
//! bytes, on every machine. What takes long calls the `interrupt` that it was given, which may unwind: that is how a server
//! cancels a training.

pub mod data;
pub mod error;
mod fit;
mod metrics;
mod model;
mod params;
mod random;
mod search;

use pgml_core::model::{Model, Work};
use pgml_core::project::Task;
use serde_json::{Map, Value};

pub use data::Data;
pub use error::{Error, Result};
pub use fit::algorithms;

/// Called by everything that takes long; unwinds to give up.
pub type Interrupt<'a> = &'a dyn Fn();

/// What a training takes from where it runs.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    pub interrupt: Interrupt<'a>,
    /// Seconds since some moment.
    pub clock: &'a dyn Fn() -> f64,
}

/// What to train, with hyperparameters and settings of a search as the user wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub algorithm: &'a str,
    pub task: Task,
    pub hyperparams: &'a Map<String, Value>,
    /// How hyperparameters are searched, `grid` or `random`; `None` if they are given.
    pub search: Option<&'a str>,
    pub search_params: &'a Map<String, Value>,
    pub search_args: &'a Map<String, Value>,
}

/// A trained model with its scores, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// In pgml's format of models.
    pub model: Vec<u8>,
    pub metrics: Map<String, Value>,
    /// The caller's, with what a search found best and the seed.
    pub hyperparams: Map<String, Value>,
    /// How much each feature counts, where the algorithm can tell; they add up to 1, or are all 0.
    pub importances: Option<Vec<f64>>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Fails for what can be refused before there are rows: an algorithm, a search, or rows that count more than others.
pub fn check(request: Request<'_>, weighs: bool) -> Result<()> {
    fit::check(request.algorithm, request.task, weighs)?;
    if request.search.is_some() { search::check(request) } else { Ok(()) }
}

/// Train on some rows and score on others, of which there may be none.
pub fn train(request: Request<'_>, train: &Data, test: &Data, host: &Host<'_>) -> Result<Trained> {
    let interrupt = host.interrupt;
    if train.rows < 2 {
        return Err(Error::TooFewRows(format!("{} to train on, and 2 are needed", train.rows)));
    }
    let mut warnings = Vec::new();
    let started = (host.clock)();
    let (hyperparams, searched) = match request.search {
        Some(_) => search::best(request, train, interrupt, &mut warnings)?,
        None => {
            if !request.search_params.is_empty() {
                warnings.push("search_params are ignored because search is not set".into());
            }
            (request.hyperparams.clone(), None)
        }
    };
    let refit = (host.clock)();
    let fitted = fit::fit(request.algorithm, request.task, &hyperparams, train, interrupt)?;
    let seconds = (host.clock)() - refit;
    let bytes = model::write(request.algorithm, train.features, fitted.parts)?;
    let model = read(request.algorithm, &bytes)?;
    let mut metrics = score(request.task, &model, train, test, interrupt)?;
    metrics.extend(fitted.metrics);
    metrics.insert("fit_seconds".into(), seconds.into());
    if searched.is_some() {
        metrics.insert("search_seconds".into(), (refit + seconds - started).into());
    }
    if predict(&model, train, interrupt)?.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite(request.algorithm.to_string()));
    }
    if let Some(results) = searched {
        metrics.insert("search_results".into(), results);
    }
    warnings.extend(fitted.warnings);
    Ok(Trained { model: bytes, metrics, hyperparams: fitted.hyperparams, importances: fitted.importances, warnings })
}

/// What was written is what predicts, from the first prediction on.
fn read(algorithm: &str, bytes: &[u8]) -> Result<Model> {
    Model::read(bytes).map_err(|error| Error::Failed {
        algorithm: algorithm.to_string(),
        reason: format!("its model can't be read: {error}"),
    })
}

/// The predictions for all rows, one row after the other.
fn predict(model: &Model, data: &Data, interrupt: Interrupt<'_>) -> Result<Vec<f64>> {
    let mut work = Work::default();
    let mut out = Vec::with_capacity(data.rows * model.labels());
    for (place, row) in data.each_row().enumerate() {
        if place % 1024 == 0 {
            interrupt();
        }
        model.predict(row, &mut work, &mut out).map_err(|_| refused())?;
    }
    Ok(out)
}

/// The probabilities for all rows; `None` if the model has none.
fn probabilities(model: &Model, data: &Data, interrupt: Interrupt<'_>) -> Result<Option<Vec<f64>>> {
    let Some(classes) = model.classes() else {
        return Ok(None);
    };
    let mut work = Work::default();
    let mut out = Vec::with_capacity(data.rows * classes);
    for (place, row) in data.each_row().enumerate() {
        if place % 1024 == 0 {
            interrupt();
        }
        model.probabilities(row, &mut work, &mut out).map_err(|_| refused())?;
    }
    Ok(Some(out))
}

fn refused() -> Error {
    Error::Failed { algorithm: "the model".into(), reason: "a row has a number that it can't take".into() }
}

/// What a model said about rows whose labels are known.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// The rows; clustering has no labels, and takes their features.
    pub rows: &'a Data,
    /// The values of all labels, row by row.
    pub predicted: &'a [f64],
    /// The probability of each class that the model knows, row by row, where it gives them.
    pub shares: Option<&'a [f64]>,
    /// The sorted classes that the model knows, of each label.
    pub known: &'a [Vec<f64>],
}

/// The scores of a model on any rows, by the names that a training gives them.
pub fn scores(task: Task, answers: Answers<'_>, interrupt: Interrupt<'_>) -> Map<String, Value> {
    let Answers { rows, predicted, shares, known } = answers;
    match task {
        Task::Regression => metrics::regression(&rows.y, predicted, rows.labels, interrupt),
        Task::Classification => {
            let each = (0..rows.labels).map(|label| {
                let column: Vec<f64> = predicted.iter().skip(label).step_by(rows.labels).copied().collect();
                let known = known.get(label).map_or(&[][..], Vec::as_slice);
                let called = |class| rows.class_name(label, class);
                metrics::classification(&rows.label(label), &column, shares, known, called, interrupt)
            });
            metrics::joint(each.collect())
        }
        Task::Clustering => metrics::clustering(rows, predicted, interrupt),
        Task::Decomposition => Map::new(),
    }
}

/// The scores of a model on its test rows.
fn score(task: Task, model: &Model, train: &Data, test: &Data, interrupt: Interrupt<'_>) -> Result<Map<String, Value>> {
    let predicted = predict(model, test, interrupt)?;
    let classes = task == Task::Classification;
    let shares = if classes && test.labels == 1 { probabilities(model, test, interrupt)? } else { None };
    let known: Vec<Vec<f64>> =
        if classes { (0..test.labels).map(|label| data::classes(&train.label(label))).collect() } else { Vec::new() };
    let answers = Answers { rows: test, predicted: &predicted, shares: shares.as_deref(), known: &known };
    Ok(scores(task, answers, interrupt))
}
