//! Models that predict, kept as Python objects.

use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::runtime;
use crate::error::Result;

/// A trained model in memory.
pub struct Model {
    object: Py<PyAny>,
    /// Features of a row; unknown for some models of older editions.
    pub features: Option<usize>,
    pub labels: usize,
    /// The sorted classes; none for a regression and for several labels.
    pub classes: Option<Vec<f64>>,
    pub has_probabilities: bool,
}

pub fn load_model(bytes: &[u8]) -> Result<Model> {
    runtime::call(|py| {
        let load = runtime::function(py, "pgml_runtime.prediction", "load")?;
        let object = load.call1((PyBytes::new(py, bytes),))?;
        let features = object.getattr("n_features")?.extract()?;
        let labels = object.getattr("n_labels")?.extract()?;
        let classes = object.getattr("classes")?.extract()?;
        let has_probabilities = object.getattr("has_probabilities")?.extract()?;
        Ok(Model { object: object.unbind(), features, labels, classes, has_probabilities })
    })
}

impl Model {
    /// Predict for `rows` rows of features; the result has as many rows, one after the other.
    pub fn predict(&self, features: Vec<f64>, rows: usize) -> Result<Vec<f64>> {
        self.ask("predict", features, rows)
    }

    pub fn predict_proba(&self, features: Vec<f64>, rows: usize) -> Result<Vec<f64>> {
        self.ask("predict_proba", features, rows)
    }

    fn ask(&self, method: &str, features: Vec<f64>, rows: usize) -> Result<Vec<f64>> {
        runtime::call(|py| {
            let width = features.len().checked_div(rows).unwrap_or(0);
            let x = features.into_pyarray(py).reshape([rows, width])?;
            let result = self.object.bind(py).call_method1(method, (x,))?;
            let result: PyReadonlyArray2<'_, f64> = result.extract()?;
            match result.as_slice() {
                Ok(values) => Ok(values.to_vec()),
                Err(_) => Ok(result.as_array().iter().copied().collect()),
            }
        })
    }
}
