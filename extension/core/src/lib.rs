//! The logic of pgml that needs neither Postgres nor Python, so that it can be tested without either.
//!
//! Nothing here may touch a server, an interpreter, a clock or a random source: the same rows give the same split, on
//! every machine, for ever.

pub mod algorithm;
pub mod ascii;
pub mod cgroup;
pub mod columns;
pub mod cost;
#[cfg(any(test, feature = "damage"))]
pub mod damage;
pub mod error;
pub mod frames;
pub mod labels;
pub mod literal;
pub mod matrix;
pub mod meaning;
pub mod metric;
pub mod model;
pub mod numbering;
pub mod preprocess;
pub mod project;
pub mod relation_name;
pub mod seal;
pub mod slab;
pub mod split;
pub mod time;

pub use error::Error;

/// What every function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;
