//! Training: numbers in, a model's bytes and scores out.

use std::os::fd::RawFd;

use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray2};
use pgml_core::matrix::Matrix;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{IntoPyDict, PyBytes};

use super::child::{self, Answer, Message};
use super::runtime;
use crate::error::Result;
use crate::fit::{Export, FittedModel, Request, Store};
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

/// Train on the first `train` rows of the matrix and score on the rest, where `pgml.isolation` says. `store` gets the pickle of
/// the model: from a process of its own while that one goes on.
pub fn fit(request: &Request<'_>, matrix: Matrix, train: usize, store: Store<'_>) -> Result<FittedModel> {
    if !in_process_of_its_own() {
        let (pickle, fitted) = runtime::call(|py| fit_here(py, request, matrix, train, None))?;
        store(&pickle)?;
        return Ok(fitted);
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
    let work = |py: Python<'_>, pipe| Ok(fit_here(py, request, matrix, train, Some(pipe))?.1);
    child::run(&what, work, write, read, store)
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

/// The pickle of the model, and what else there is of it. With a pipe the pickle goes there in frames, and is empty here.
///
/// The matrix's memory becomes NumPy's: nothing is copied.
fn fit_here(
    py: Python<'_>,
    request: &Request<'_>,
    matrix: Matrix,
    train: usize,
    pipe: Option<RawFd>,
) -> PyResult<(PyBackedBytes, FittedModel)> {
    let x = matrix.x.into_pyarray(py).reshape([matrix.rows, matrix.features])?;
    let y = matrix.y.into_pyarray(py).reshape([matrix.rows, matrix.labels])?;
    let weights = (!matrix.weights.is_empty()).then(|| matrix.weights.into_pyarray(py));
    let fit = runtime::function(py, "pgml_runtime.training", "fit_and_export")?;
    let pipe = [("pipe", pipe)].into_py_dict(py)?;
    let arguments = (
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
    );
    let result = fit.call(arguments, Some(&pipe))?;
    type Answer<'py> = (PyBackedBytes, String, String, Bound<'py, PyAny>);
    let (pickle, metrics, hyperparams, exported): Answer<'_> = result.extract()?;
    let export = match exported.extract::<String>() {
        Ok(reason) => Err(reason),
        Err(_) => Ok(export(&exported)?),
    };
    Ok((pickle, FittedModel { metrics, hyperparams, export }))
}

/// As [`read`] reads it.
fn write(fitted: &FittedModel, message: &mut Message) {
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
    let (metrics, hyperparams) = (answer.text()?, answer.text()?);
    let export = match answer.optional()? {
        Some(reason) => Err(reason),
        None => {
            let (file, rows) = (answer.bytes()?.to_vec(), answer.number()?);
            let (features, predictions) = (answer.floats()?, answer.floats()?);
            let probabilities = (answer.number()? != 0).then_some(answer.floats()?);
            Ok(Export { file, rows, features, predictions, probabilities })
        }
    };
    Some(FittedModel { metrics, hyperparams, export })
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
