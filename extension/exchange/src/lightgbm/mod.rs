//! The text in which LightGBM writes its models.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::read;
pub use write::write;

/// The format, as errors call it.
const FORMAT: &str = "LightGBM model";

/// Bits of a split's `decision_type`: a category; missing values go to the left; zero is missing; NaN is missing.
const CATEGORY: u8 = 1;
const LEFT: u8 = 2;
const ZERO: u8 = 4;
const NAN: u8 = 8;
