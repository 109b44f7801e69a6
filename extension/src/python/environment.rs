//! What Python and its packages are.

use pyo3::prelude::*;

use super::{interpreter, packages, runtime};
use crate::error::Result;

const MODULE: &str = "pgml_runtime.environment";

/// The interpreter's version, `3.11.2`; starts it.
pub fn version() -> Result<String> {
    interpreter::attach(|_| Ok(Python::version_str().split_whitespace().next().unwrap_or_default().to_string()))
}

/// The version of an installed package.
pub fn package_version(name: &str) -> Result<String> {
    runtime::call(|py| runtime::function(py, MODULE, "version")?.call1((name,))?.extract())
}

/// `name==version` for each package that pgml uses or could use.
pub fn freeze() -> Result<Vec<String>> {
    let directory = interpreter::attach(|py| Ok(packages::directory(py)))??;
    runtime::call(|py| runtime::function(py, MODULE, "freeze")?.call1((directory.as_os_str(),))?.extract())
}

/// Load every library that pgml uses; an error names the first that is missing.
pub fn check() -> Result<()> {
    runtime::call(|py| runtime::function(py, MODULE, "check")?.call0().map(|_| ()))
}
