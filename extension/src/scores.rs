//! scikit-learn's metrics over two arrays of a query.

use pgml_core::Error;
use pgml_core::project::Task;
use pgrx::prelude::*;
use serde_json::Value;

use crate::arguments::Numbers;
use crate::error::{Failure, Result, SqlResult};
use crate::json::JsonB;
use crate::python;

fn known(values: &Numbers<'_, f64>) -> Result<Vec<f64>> {
    Ok(values.values().map_err(Error::NullElement)?.to_vec())
}

fn scores(task: Task, truth: &Numbers<'_, f64>, predicted: &Numbers<'_, f64>) -> Result<Value> {
    let text = python::scores(task.name(), known(truth)?, known(predicted)?)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new("XX000", format!("the scores are no JSON: {error}")).into())
}

/// One of the scores; none when it isn't defined for these values.
fn key(task: Task, truth: &Numbers<'_, f64>, predicted: &Numbers<'_, f64>) -> Result<Option<f32>> {
    let scores = scores(task, truth, predicted)?;
    Ok(scores.get(task.key_metric()).and_then(Value::as_f64).map(|score| score as f32))
}

#[pg_extern(sql = false)]
fn pgml_sklearn_f1_score(ground_truth: Numbers<f64>, y_hat: Numbers<f64>) -> SqlResult<Option<f32>> {
    Ok(key(Task::Classification, &ground_truth, &y_hat)?)
}

#[pg_extern(sql = false)]
fn pgml_sklearn_r2_score(ground_truth: Numbers<f64>, y_hat: Numbers<f64>) -> SqlResult<Option<f32>> {
    Ok(key(Task::Regression, &ground_truth, &y_hat)?)
}

#[pg_extern(sql = false)]
fn pgml_sklearn_regression_metrics(ground_truth: Numbers<f64>, y_hat: Numbers<f64>) -> SqlResult<JsonB> {
    Ok(JsonB(scores(Task::Regression, &ground_truth, &y_hat)?))
}

/// The number of classes is counted: it is an argument only because PostgresML 2.x has it.
#[pg_extern(sql = false)]
fn pgml_sklearn_classification_metrics(
    ground_truth: Option<Numbers<f64>>,
    y_hat: Option<Numbers<f64>>,
    _num_classes: Option<i64>,
) -> SqlResult<Option<JsonB>> {
    let (Some(truth), Some(predicted)) = (ground_truth, y_hat) else { return Ok(None) };
    Ok(Some(JsonB(scores(Task::Classification, &truth, &predicted)?)))
}
