//! Training without Python: the rows and hyperparameters to `pgml-learn`, what comes of them back.

use std::time::Instant;

use pgml_core::matrix::Matrix;
use pgml_core::project::Task;
use pgml_learn::{Data, Trained};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::fit::{Export, FittedModel, Request};
use crate::progress::Progress;
use crate::text;

/// Whether the algorithm is trained here.
pub fn trains(algorithm: &str, task: Task) -> bool {
    pgml_learn::algorithms(task).contains(&algorithm)
}

/// Fails for what can be refused before there are rows.
pub fn check(request: &Request<'_>, task: Task, weighs: bool) -> Result<()> {
    Ok(pgml_learn::check(Objects::of(request).request(request, task), weighs)?)
}

/// The objects of a request, parsed.
struct Objects {
    hyperparams: Map<String, Value>,
    search_params: Map<String, Value>,
    search_args: Map<String, Value>,
}

impl Objects {
    fn of(request: &Request<'_>) -> Objects {
        Objects {
            hyperparams: object(request.hyperparams),
            search_params: object(request.search_params),
            search_args: object(request.search_args),
        }
    }

    /// What `pgml-learn` is asked, the same when it is checked and when it is trained.
    fn request<'a>(&'a self, request: &Request<'a>, task: Task) -> pgml_learn::Request<'a> {
        pgml_learn::Request {
            algorithm: request.algorithm,
            task,
            hyperparams: &self.hyperparams,
            search: request.search,
            search_params: &self.search_params,
            search_args: &self.search_args,
        }
    }
}

/// Train on the first `train` rows of the matrix and score on the rest.
pub fn fit(request: &Request<'_>, task: Task, mut matrix: Matrix, train: usize) -> Result<FittedModel> {
    let test_x = matrix.x.split_off(train * matrix.features);
    let test_y = matrix.y.split_off(train * matrix.labels);
    let (features, labels) = (matrix.features, matrix.labels);
    let classes = request.names.classes.clone();
    let mut weights = matrix.weights;
    weights.truncate(train);
    let rows = matrix.rows - train;
    let test = Data { rows, features, labels, x: test_x, y: test_y, classes: classes.clone(), ..Data::default() };
    let data = Data { rows: train, features, labels, x: matrix.x, y: matrix.y, weights, classes };
    let objects = Objects::of(request);
    let asked = objects.request(request, task);
    let started = Instant::now();
    let clock = || started.elapsed().as_secs_f64();
    // A cancel unwinds from here through the training, whose memory and C++ objects are freed on the way.
    let progress = Progress::start();
    let interrupt = || {
        pgrx::check_for_interrupts!();
        progress.tell(|seconds| format!("training {}: {seconds} s", request.algorithm));
    };
    let Trained { model, mut metrics, hyperparams, importances, warnings } =
        pgml_learn::train(asked, &data, &test, &pgml_learn::Host { interrupt: &interrupt, clock: &clock })?;
    for warning in warnings {
        text::warning(&warning);
    }
    if let Some(importances) = importances {
        metrics.insert("feature_importances".into(), importances.into());
    }
    // There is no other form whose predictions these could be compared with: no rows.
    let export = Export { file: model, rows: 0, features: Vec::new(), predictions: Vec::new(), probabilities: None };
    Ok(FittedModel {
        metrics: Value::Object(metrics).to_string(),
        hyperparams: Value::Object(hyperparams).to_string(),
        export: Ok(export),
    })
}

/// The object that a text of `train` was checked to be.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}
