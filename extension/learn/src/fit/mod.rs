//! One fit of one algorithm, with all of its hyperparameters fixed. docs/rust-runtime.md says which library does what.

mod forest;
mod kmeans;
#[cfg(feature = "lightgbm")]
mod lightgbm;
mod linear;
mod linear_svm;
mod logistic;
mod neighbours;
mod pca;
mod reduced;
mod svm;
mod weights;
#[cfg(feature = "xgboost")]
mod xgboost;

use pgml_core::model::{Decision, Finish, Part, Probabilities, Scores};
use pgml_core::project::Task;
use serde_json::{Map, Value};

use crate::Interrupt;
use crate::data::{Data, classes, numbered};
use crate::error::{Error, Result};
use crate::model;
use crate::params::Params;

/// A model before it is written.
#[derive(Debug, Clone, Default)]
pub struct Fitted {
    pub parts: Vec<Part>,
    pub hyperparams: Map<String, Value>,
    pub importances: Option<Vec<f64>>,
    /// Scores that belong to the fit and not to test rows.
    pub metrics: Map<String, Value>,
    pub warnings: Vec<String>,
}

/// The part of a model that predicts one label, before it is written.
struct LabelFit {
    /// `None` if the numbers don't fit together.
    scores: Option<Scores>,
    finish: Finish,
    /// Not yet divided by their sum.
    importances: Option<Vec<f64>>,
    metrics: Map<String, Value>,
    warnings: Vec<String>,
}

impl LabelFit {
    fn new(scores: Option<Scores>, finish: Finish) -> LabelFit {
        LabelFit { scores, finish, importances: None, metrics: Map::new(), warnings: Vec::new() }
    }

    /// A linear model: a feature counts as much as its weight times its spread, so that its unit doesn't matter.
    fn linear(data: &Data, weights: Vec<f64>, intercepts: Vec<f64>, finish: Finish) -> LabelFit {
        let importances = Some(spread_weights(data, &weights));
        let scores = model::explained_linear(data.features, weights, intercepts, data.means());
        LabelFit { importances, ..LabelFit::new(scores, finish) }
    }
}

/// A label's values and what they are.
enum Label {
    Values(Vec<f64>),
    Classes { classes: Vec<f64>, numbers: Vec<usize> },
}

/// What a fit needs to know beside its hyperparameters.
struct Context<'a> {
    algorithm: &'a str,
    interrupt: Interrupt<'a>,
    /// How much each row counts, by its own weight and its class's; `None` if all count alike.
    weights: Vec<f64>,
}

impl Context<'_> {
    fn failed(&self, reason: impl Into<String>) -> Error {
        Error::Failed { algorithm: self.algorithm.to_string(), reason: reason.into() }
    }
}

type Fit = fn(&Context<'_>, &Data, &Label, &mut Params) -> Result<LabelFit>;

/// Each algorithm, its task, and what fits it.
const ALGORITHMS: &[(&str, Task, Fit)] = &[
    ("linear", Task::Regression, linear::ordinary),
    ("ridge", Task::Regression, linear::ridge),
    ("lasso", Task::Regression, linear::lasso),
    ("elastic_net", Task::Regression, linear::elastic_net),
    ("linear", Task::Classification, logistic::fit),
    ("ridge", Task::Classification, linear::ridge_classifier),
    ("svm", Task::Regression, svm::regression),
    ("svm", Task::Classification, svm::classification),
    ("linear_svm", Task::Regression, linear_svm::regression),
    ("linear_svm", Task::Classification, linear_svm::classification),
    ("random_forest", Task::Regression, forest::regression),
    ("random_forest", Task::Classification, forest::classification),
    ("knn", Task::Regression, neighbours::fit),
    ("knn", Task::Classification, neighbours::fit),
    #[cfg(feature = "lightgbm")]
    ("lightgbm", Task::Regression, lightgbm::fit),
    #[cfg(feature = "lightgbm")]
    ("lightgbm", Task::Classification, lightgbm::fit),
    #[cfg(feature = "xgboost")]
    ("xgboost", Task::Regression, xgboost::boosted),
    #[cfg(feature = "xgboost")]
    ("xgboost", Task::Classification, xgboost::boosted),
    #[cfg(feature = "xgboost")]
    ("xgboost_random_forest", Task::Regression, xgboost::forest),
    #[cfg(feature = "xgboost")]
    ("xgboost_random_forest", Task::Classification, xgboost::forest),
    ("kmeans", Task::Clustering, kmeans::fit),
    ("pca", Task::Decomposition, pca::fit),
];

/// Those that can let some rows count more than others.
const WEIGHING: &[&str] =
    &["linear", "ridge", "lasso", "elastic_net", "random_forest", "lightgbm", "xgboost", "xgboost_random_forest"];

/// The algorithms that the Rust runtime trains for a task.
pub fn algorithms(task: Task) -> Vec<&'static str> {
    ALGORITHMS.iter().filter(|entry| entry.1 == task).map(|entry| entry.0).collect()
}

/// Fails where nothing here trains the algorithm for the task, or lets some rows count more than others if it has to.
pub fn check(algorithm: &str, task: Task, weighs: bool) -> Result<()> {
    find(algorithm, task)?;
    if weighs && !WEIGHING.contains(&algorithm) { Err(Error::NoWeights(algorithm.to_string())) } else { Ok(()) }
}

fn find(algorithm: &str, task: Task) -> Result<Fit> {
    let found = ALGORITHMS.iter().find(|entry| entry.0 == algorithm && entry.1 == task).map(|entry| entry.2);
    found.ok_or_else(|| Error::Algorithm { algorithm: algorithm.to_string(), task: task.name().to_string() })
}

/// Fit a model to all rows. Several labels are fitted one by one, each to the same hyperparameters.
pub fn fit(
    algorithm: &str,
    task: Task,
    hyperparams: &Map<String, Value>,
    data: &Data,
    interrupt: Interrupt<'_>,
) -> Result<Fitted> {
    check(algorithm, task, !data.weights.is_empty())?;
    let fit = find(algorithm, task)?;
    let weighs = WEIGHING.contains(&algorithm);
    let mut fitted = Fitted::default();
    let mut importances: Vec<Vec<f64>> = Vec::new();
    for at in 0..data.labels.max(1) {
        let mut params = Params::new(algorithm, hyperparams);
        let label = match task {
            Task::Regression => Label::Values(data.label(at)),
            Task::Classification => {
                let values = data.label(at);
                let classes = classes(&values);
                match classes[..] {
                    [only] => return Err(Error::OneClass(only)),
                    _ => Label::Classes { numbers: numbered(&values, &classes), classes },
                }
            }
            Task::Clustering | Task::Decomposition => Label::Values(Vec::new()),
        };
        let mut weights = data.weights.clone();
        if let (true, Label::Classes { classes, numbers }) = (weighs, &label) {
            weights::of_classes(&mut params, data, at, classes, numbers, &mut weights)?;
        }
        let context = Context { algorithm, interrupt, weights };
        let one = fit(&context, data, &label, &mut params)?;
        fitted.hyperparams = params.finish()?;
        let part = one.scores.and_then(|scores| Part::new(scores, one.finish));
        fitted.parts.push(part.ok_or_else(|| Error::Failed {
            algorithm: algorithm.to_string(),
            reason: "its numbers don't fit together".into(),
        })?);
        fitted.metrics.extend(one.metrics);
        fitted.warnings.extend(one.warnings);
        importances.extend(one.importances.map(shares));
    }
    if let Some(first) = importances.first() {
        let mean = |place: usize| importances.iter().map(|one| one[place]).sum::<f64>() / importances.len() as f64;
        fitted.importances = Some((0..first.len()).map(mean).collect());
    }
    Ok(fitted)
}

/// Each divided by their sum, unless that is zero.
fn shares(mut values: Vec<f64>) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
    values
}

/// The size of each feature's weights (several rows of them are added up), times the feature's standard deviation.
fn spread_weights(data: &Data, weights: &[f64]) -> Vec<f64> {
    let means = data.means();
    let mut squares = vec![0.0; data.features];
    for row in data.each_row() {
        for ((square, value), mean) in squares.iter_mut().zip(row).zip(&means) {
            *square += (value - mean) * (value - mean);
        }
    }
    let size = |place: usize| weights.iter().skip(place).step_by(data.features).map(|weight| weight.abs()).sum::<f64>();
    squares.iter().enumerate().map(|(place, square)| size(place) * (square / data.rows as f64).sqrt()).collect()
}

/// Regression and nothing else: the label's values.
fn values_of(label: &Label) -> &[f64] {
    match label {
        Label::Values(values) => values,
        Label::Classes { .. } => &[],
    }
}

/// Classification and nothing else: the classes, and each row's place in them.
fn classes_of(label: &Label) -> (&[f64], &[usize]) {
    match label {
        Label::Values(_) => (&[], &[]),
        Label::Classes { classes, numbers } => (classes, numbers),
    }
}

/// One class against all others: 1 and -1. Of two classes, one such problem decides.
fn against_others(classes: usize, numbers: &[usize]) -> Vec<Vec<f64>> {
    let sign = |class: usize| numbers.iter().map(|number| if *number == class { 1.0 } else { -1.0 }).collect();
    if classes == 2 { vec![sign(1)] } else { (0..classes).map(sign).collect() }
}

/// The finish of a classification by one score for each class, or one for two classes.
fn by_scores(classes: &[f64], probabilities: Option<Probabilities>) -> Finish {
    model::classes(classes, if classes.len() == 2 { Decision::Positive } else { Decision::Largest }, probabilities)
}
