//! Python exceptions as errors: what the user did, without a traceback; what went wrong, with one.

use pyo3::exceptions::{PyImportError, PyKeyboardInterrupt, PyMemoryError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Error, Failure};
use crate::memory;

/// What to do about a missing package.
pub const INSTALL: &str =
    "Install the package pgml-python (apt install pgml-python), or set pgml.venv to a virtual environment that has it.";

/// The error that a Python exception becomes.
pub fn from_python(py: Python<'_>, error: PyErr) -> Error {
    Error::Python(Box::new(failure(py, &error)))
}

fn failure(py: Python<'_>, error: &PyErr) -> Failure {
    let value = error.value(py);
    if is_instance(py, value, "UserError") {
        let text = |name: &str| value.getattr(name).ok().and_then(|text| text.extract::<String>().ok());
        let missing = is_instance(py, value, "MissingPackage");
        return Failure {
            sqlstate: text("sqlstate").unwrap_or_else(|| "22023".into()),
            message: text("message").unwrap_or_else(|| error.to_string()),
            detail: None,
            hint: if missing { Some(INSTALL.into()) } else { text("hint") },
        };
    }
    let (sqlstate, hint) = if error.is_instance_of::<PyImportError>(py) {
        ("58P01", Some(INSTALL.to_string()))
    } else if error.is_instance_of::<PyMemoryError>(py) {
        ("53200", memory::advice())
    } else if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        ("57014", None)
    } else {
        ("38000", None)
    };
    Failure { sqlstate: sqlstate.into(), message: error.to_string(), detail: traceback(py, error), hint }
}

/// The traceback as Python prints it, with the exceptions that led to this one.
fn traceback(py: Python<'_>, error: &PyErr) -> Option<String> {
    let format = || -> PyResult<String> {
        let module = py.import("traceback")?;
        let lines: Vec<String> = module
            .call_method1("format_exception", (error.get_type(py), error.value(py), error.traceback(py)))?
            .extract()?;
        Ok(lines.concat().trim_end().to_string())
    };
    format().ok()
}

/// Whether a value is one of pgml's own exception classes, when the modules are there.
fn is_instance(py: Python<'_>, value: &Bound<'_, PyAny>, class: &str) -> bool {
    let modules = py.import("sys").and_then(|sys| sys.getattr("modules"));
    let errors = modules.and_then(|modules| modules.cast_into::<PyDict>()?.get_item("pgml_runtime.errors"));
    match errors {
        Ok(Some(errors)) => errors.getattr(class).and_then(|class| value.is_instance(&class)).unwrap_or(false),
        _ => false,
    }
}
