//! XGBoost's models, in JSON and in the binary form of the same, UBJSON.

mod read;
mod ubj;
mod write;

#[cfg(test)]
mod tests;

pub use read::read;
pub use write::write;

/// The format, as errors call it.
const FORMAT: &str = "XGBoost model";
