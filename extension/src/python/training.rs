//! Training: numbers in, a model's bytes and scores out.

use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray2};
use pgml_core::matrix::Matrix;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::child::{self, Answer, Message};
use super::runtime;
use crate::error::Result;
use crate::fit::{Export, FittedModel, Request};
use crate::settings::{self, Isolation};
use crate::text;

/// Fails for what can be refused before there are rows: an algorithm, a package, a name of a hyperparameter or of a search.
pub fn check_request(request: &Request<'_>) -> Result<()> {
    runtime::call(|py| {
        runtime::function(py, "pgml_runtime.training", "check")?.call1((
            request.algorithm,
            request.task,
            request.hyperparams,
            request.search,
            request.search_params,
            request.search_args,
        ))?;
        Ok(())
    })
}

/// Train on the first `train` rows of the matrix and score on the rest, where `pgml.isolation` says.
pub fn fit(request: &Request<'_>, matrix: Matrix, train: usize) -> Result<FittedModel> {
    if !in_process_of_its_own() {
        return runtime::call(|py| fit_here(py, request, matrix, train));
    }
    // What is imported here is in every child; else each would import it again.
    runtime::call(|py| {
        runtime::function(py, "pgml_runtime.training", "prepare")?.call1((
            request.algorithm,
            request.task,
            request.search,
        ))?;
        Ok(())
    })?;
    let what = format!("training {}", request.algorithm);
    child::run(&what, |py| fit_here(py, request, matrix, train), write, read)
}

/// Whether a training gets a process of its own: as `pgml.isolation` says, where a fork has all that the training needs.
fn in_process_of_its_own() -> bool {
    if settings::isolation() == Isolation::Backend {
        return false;
    }
    let threads = child::other_threads();
    if threads > 0 {
        text::warning(&format!(
            "training in the session's own process, not in one of its own: this session has {threads} other threads"
        ));
    }
    threads == 0
}

/// The matrix's memory becomes NumPy's: nothing is copied.
fn fit_here(py: Python<'_>, request: &Request<'_>, matrix: Matrix, train: usize) -> PyResult<FittedModel> {
    let x = matrix.x.into_pyarray(py).reshape([matrix.rows, matrix.features])?;
    let y = matrix.y.into_pyarray(py).reshape([matrix.rows, matrix.labels])?;
    let weights = (!matrix.weights.is_empty()).then(|| matrix.weights.into_pyarray(py));
    let fit = runtime::function(py, "pgml_runtime.training", "fit_and_export")?;
    let result = fit.call1((
        request.algorithm,
        request.task,
        x,
        y,
        train,
        request.hyperparams,
        request.search,
        request.search_params,
        request.search_args,
        weights,
        request.names.json(),
    ))?;
    type Answer<'py> = (Bound<'py, PyBytes>, String, String, Bound<'py, PyAny>);
    let (bytes, metrics, hyperparams, exported): Answer<'_> = result.extract()?;
    let export = match exported.extract::<String>() {
        Ok(reason) => Err(reason),
        Err(_) => Ok(export(&exported)?),
    };
    Ok(FittedModel { bytes: bytes.as_bytes().to_vec(), metrics, hyperparams, export })
}

/// As [`read`] reads it.
fn write(fitted: &FittedModel, message: &mut Message) {
    message.bytes(&fitted.bytes);
    message.bytes(fitted.metrics.as_bytes());
    message.bytes(fitted.hyperparams.as_bytes());
    message.optional(fitted.export.as_ref().err().map(String::as_str));
    if let Ok(export) = &fitted.export {
        message.bytes(&export.file);
        message.number(export.rows);
        message.floats(&export.features);
        message.floats(&export.predictions);
        message.number(usize::from(export.probabilities.is_some()));
        message.floats(export.probabilities.as_deref().unwrap_or_default());
    }
}

fn read(answer: &mut Answer<'_>) -> Option<FittedModel> {
    let (bytes, metrics, hyperparams) = (answer.bytes()?.to_vec(), answer.text()?, answer.text()?);
    let export = match answer.optional()? {
        Some(reason) => Err(reason),
        None => {
            let (file, rows) = (answer.bytes()?.to_vec(), answer.number()?);
            let (features, predictions) = (answer.floats()?, answer.floats()?);
            let probabilities = (answer.number()? != 0).then_some(answer.floats()?);
            Ok(Export { file, rows, features, predictions, probabilities })
        }
    };
    Some(FittedModel { bytes, metrics, hyperparams, export })
}

fn export(exported: &Bound<'_, PyAny>) -> PyResult<Export> {
    type Numbers<'py> = PyReadonlyArray2<'py, f64>;
    type Answer<'py> = (Bound<'py, PyBytes>, Numbers<'py>, Numbers<'py>, Option<Numbers<'py>>);
    let (file, rows, predictions, probabilities): Answer<'_> = exported.extract()?;
    let numbers = |array: &Numbers<'_>| array.as_array().iter().copied().collect::<Vec<f64>>();
    Ok(Export {
        file: file.as_bytes().to_vec(),
        rows: rows.as_array().nrows(),
        features: numbers(&rows),
        predictions: numbers(&predictions),
        probabilities: probabilities.as_ref().map(numbers),
    })
}
