//! Training: numbers in, a model's bytes and scores out.

use numpy::{IntoPyArray, PyArrayMethods};
use pgml_core::matrix::Matrix;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::runtime;
use crate::error::Result;

/// What to train; the JSON texts are objects.
pub struct Request<'a> {
    pub algorithm: &'a str,
    pub task: &'a str,
    pub hyperparams: &'a str,
    pub search: Option<&'a str>,
    pub search_params: &'a str,
    pub search_args: &'a str,
}

/// What came of it.
pub struct Fitted {
    pub bytes: Vec<u8>,
    pub metrics: String,
    /// The ones used: after a search, the best.
    pub hyperparams: String,
}

/// Train on the first `train` rows of the matrix and score on the rest. The matrix's memory becomes NumPy's: nothing
/// is copied.
pub fn fit(request: &Request<'_>, matrix: Matrix, train: usize) -> Result<Fitted> {
    runtime::call(|py| {
        let x = matrix.x.into_pyarray(py).reshape([matrix.rows, matrix.features])?;
        let y = matrix.y.into_pyarray(py).reshape([matrix.rows, matrix.labels])?;
        let fit = runtime::function(py, "pgml_runtime.training", "fit")?;
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
        ))?;
        let (bytes, metrics, hyperparams): (Bound<'_, PyBytes>, String, String) = result.extract()?;
        Ok(Fitted { bytes: bytes.as_bytes().to_vec(), metrics, hyperparams })
    })
}
