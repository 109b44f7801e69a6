//! Models of PostgresML 1.0, tried on the rows that they were trained and tested on.

use numpy::{IntoPyArray, PyArrayMethods};
use pgml_core::matrix::Matrix;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::runtime;
use crate::error::{Failure, Result};

/// The scores of a model for each way in which its rows can have been split; none without rows.
pub fn check_model(bytes: &[u8], matrix: Option<Matrix>, test_size: f32) -> Result<serde_json::Value> {
    let text: String = runtime::call(|py| {
        let check = runtime::function(py, "pgml_runtime.adoption", "check")?;
        let (x, y) = match matrix {
            Some(matrix) => {
                let x = matrix.x.into_pyarray(py).reshape([matrix.rows, matrix.features])?;
                let y = matrix.y.into_pyarray(py).reshape([matrix.rows, matrix.labels])?;
                (Some(x), Some(y))
            }
            None => (None, None),
        };
        // As it is written: 0.1 as a 4-byte float is 0.10000000149.
        check.call1((PyBytes::new(py, bytes), x, y, test_size.to_string()))?.extract()
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new("XX000", format!("pgml's Python modules gave no JSON: {error}")).into())
}
