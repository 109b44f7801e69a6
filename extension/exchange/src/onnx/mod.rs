//! ONNX-ML: linear models, tree ensembles and support vector machines with the preprocessing before them, as skl2onnx writes
//! them.

mod attributes;
mod ensemble;
mod lanes;
mod linear;
mod machine;
mod proto;
mod read;
mod trees;
mod trees_write;
mod write;

#[cfg(test)]
mod tests;

pub use read::read;
pub use write::write;

use crate::error::Error;

/// The format, as errors call it.
const FORMAT: &str = "ONNX model";

fn broken(place: impl Into<String>, cause: impl Into<String>) -> Error {
    Error::Broken { format: FORMAT, place: place.into(), cause: cause.into() }
}

fn unknown(place: impl Into<String>, what: impl Into<String>) -> Error {
    Error::Unknown { format: FORMAT, place: place.into(), what: what.into() }
}
