//! What trains a model: Python's libraries, or Rust in this library.

use pgml_core::Error;
use pgml_core::algorithm;
use pgml_core::matrix::Matrix;
use pgml_core::project::Task;

use crate::error::Result;
use crate::fit::{FittedModel, Request};
use crate::python;
use crate::rust_runtime;

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
            Some("rust") => Err(Error::NotInRust { algorithm: name.to_string(), task: task.name() }.into()),
            None if algorithm::only_rust(name) => Ok(Runtime::Rust),
            _ => Ok(Runtime::Python),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Runtime::Python => "python",
            Runtime::Rust => "rust",
        }
    }

    /// Train on the first `train` rows and score on the rest.
    pub fn fit(self, request: &Request<'_>, task: Task, matrix: Matrix, train: usize) -> Result<FittedModel> {
        match self {
            Runtime::Python => python::fit(request, matrix, train),
            Runtime::Rust => rust_runtime::fit(request, task, matrix, train),
        }
    }
}
