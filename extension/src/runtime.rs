//! What trains a model: Python's libraries, or Rust in this library.

use pgml_core::algorithm;
use pgml_core::matrix::Matrix;
use pgml_core::project::Task;

use crate::error::{Error, Result};
use crate::fit::{FittedModel, Request, Store};
use crate::python;
use crate::rust_runtime;

/// The SQLSTATE of a package that is not there.
const MISSING_FILE: &str = "58P01";

/// A value of `pgml.runtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    Python,
    Rust,
}

impl Runtime {
    /// The runtime that was asked for, or the one that is there; an error for an algorithm that nothing trains.
    pub fn choose(asked: Option<&str>, name: &str, task: Task) -> Result<Runtime> {
        algorithm::check(name)?;
        match asked {
            Some("rust") if rust_runtime::trains(name, task) => Ok(Runtime::Rust),
            Some("rust") => Err(pgml_core::Error::NotInRust { algorithm: name.to_string(), task: task.name() }.into()),
            None if algorithm::only_rust(name) => Ok(Runtime::Rust),
            Some(_) if algorithm::only_rust(name) => Err(pgml_core::Error::NotInPython(name.to_string()).into()),
            _ => Ok(Runtime::Python),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Runtime::Python => "python",
            Runtime::Rust => "rust",
        }
    }

    /// Fails for what can be refused before a row is read: what this runtime can't do, or lacks a package for.
    pub fn check(self, request: &Request<'_>, task: Task, weighs: bool) -> Result<()> {
        match self {
            Runtime::Python => python::check_request(request).map_err(|error| offering_rust(error, request, task)),
            Runtime::Rust => rust_runtime::check(request, task, weighs),
        }
    }

    /// Train on the first `train` rows and score on the rest; `store` gets what only Python reads.
    pub fn fit(
        self,
        request: &Request<'_>,
        task: Task,
        matrix: Matrix,
        train: usize,
        store: Store<'_>,
    ) -> Result<FittedModel> {
        match self {
            Runtime::Python => python::fit(request, matrix, train, store),
            Runtime::Rust => rust_runtime::fit(request, task, matrix, train),
        }
    }
}

/// Where a package of Python's is missing, tell of the runtime that needs none, if it trains the algorithm.
fn offering_rust(error: Error, request: &Request<'_>, task: Task) -> Error {
    match error {
        Error::Python(mut failure)
            if failure.sqlstate == MISSING_FILE && rust_runtime::trains(request.algorithm, task) =>
        {
            let hint = failure.hint.unwrap_or_default();
            failure.hint = Some(format!("{hint} Or train with runtime => 'rust', which needs no Python."));
            Error::Python(failure)
        }
        error => error,
    }
}
