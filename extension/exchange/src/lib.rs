//! Models in the forms of other programs, without Postgres and without Python: what leaves, and what is let in.
//!
//! Nothing that is read is executed, and nothing in it is believed: sizes, indexes and numbers are checked before they are
//! used, within the limits of [`limits`]. No input may make a reader panic, run forever, or take more memory than a small
//! multiple of its size.

mod bundle;
pub mod error;
mod imported;
pub mod lightgbm;
pub mod limits;
pub mod onnx;
pub mod sql;
mod sums;
mod trees;
pub mod xgboost;

use pgml_core::model::Model;
use pgml_core::preprocess::Preprocess;

pub use error::{Error, Result};
pub use imported::Imported;

/// A file format of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own, with the preprocessing.
    Pgml,
    /// LightGBM's text.
    LightGbm,
    /// ONNX-ML.
    Onnx,
    /// XGBoost's JSON; also its UBJSON when it is read.
    Xgboost,
}

impl Format {
    /// What they are called in SQL.
    pub const NAMES: [&str; 4] = ["'pgml'", "'onnx'", "'lightgbm'", "'xgboost'"];

    pub fn parse(name: &str) -> Result<Format> {
        match name {
            "pgml" => Ok(Format::Pgml),
            "onnx" => Ok(Format::Onnx),
            "lightgbm" => Ok(Format::LightGbm),
            "xgboost" => Ok(Format::Xgboost),
            _ => Err(Error::Format(imported::words(name))),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Pgml => "pgml",
            Format::Onnx => "onnx",
            Format::LightGbm => "lightgbm",
            Format::Xgboost => "xgboost",
        }
    }

    /// Read a model.
    pub fn read(self, bytes: &[u8]) -> Result<Imported> {
        if bytes.len() > limits::FILE_BYTES {
            return Err(Error::FileSize(bytes.len()));
        }
        match self {
            Format::Pgml => bundle::read(bytes),
            Format::Onnx => onnx::read(bytes),
            Format::LightGbm => lightgbm::read(bytes),
            Format::Xgboost => xgboost::read(bytes),
        }
    }

    /// Write a model.
    pub fn write(self, leaving: &Leaving<'_>) -> Result<Vec<u8>> {
        let Leaving { model, preprocess, names, .. } = leaving;
        match self {
            Format::Pgml => bundle::write(leaving),
            Format::Onnx => onnx::write(model, preprocess),
            Format::LightGbm => Ok(lightgbm::write(model, preprocess, names)?.into_bytes()),
            Format::Xgboost => Ok(xgboost::write(model, preprocess, names)?.into_bytes()),
        }
    }
}

/// A model that leaves.
pub struct Leaving<'a> {
    pub model: &'a Model,
    pub preprocess: &'a Preprocess,
    /// What the numbers that the model takes are called.
    pub names: Vec<String>,
    /// What trained it.
    pub algorithm: &'a str,
}
