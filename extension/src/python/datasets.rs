//! The toy data sets, as columns of numbers.

use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::runtime;
use crate::error::Result;

/// A column of a table to make, with all of its values.
pub struct Column {
    pub name: String,
    pub sql_type: String,
    /// All values, row after row.
    pub values: Vec<f64>,
    /// The sizes of one row's array; empty for a plain number.
    pub shape: Vec<usize>,
}

/// `as_in_1_0`: with the columns of PostgresML 1.0; else those of 2.x.
pub fn load_dataset(name: &str, as_in_1_0: bool) -> Result<Vec<Column>> {
    runtime::call(|py| {
        let load = runtime::function(py, "pgml_runtime.datasets", "load")?;
        let (columns, arrays): (Vec<(String, String)>, Vec<Bound<'_, PyAny>>) =
            load.call1((name, as_in_1_0))?.extract()?;
        let columns = columns.into_iter().zip(arrays).map(|((name, sql_type), array)| {
            let array = array.call_method1("astype", ("float64",))?.cast_into::<PyArrayDyn<f64>>()?;
            let shape = array.shape().get(1..).unwrap_or_default().to_vec();
            let values = array.readonly().as_slice()?.to_vec();
            Ok(Column { name, sql_type, values, shape })
        });
        columns.collect()
    })
}
