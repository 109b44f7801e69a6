//! Scores of predictions that a query has, by scikit-learn's own functions.

use numpy::IntoPyArray;
use pyo3::prelude::*;

use super::runtime;
use crate::error::Result;

/// The scores of a task as the text of a JSON object.
pub fn scores(task: &str, truth: Vec<f64>, predicted: Vec<f64>) -> Result<String> {
    runtime::call(|py| {
        let score = runtime::function(py, "pgml_runtime.metrics", "of_lists")?;
        score.call1((task, truth.into_pyarray(py), predicted.into_pyarray(py)))?.extract()
    })
}
