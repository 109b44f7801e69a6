//! Models in the forms of other programs, without Postgres and without Python: what leaves, and what is let in.
//!
//! Nothing that is read is executed, and nothing in it is believed: sizes, indexes and numbers are checked before they are
//! used, within the limits of [`limits`]. No input may make a reader panic, run forever, or take more memory than a small
//! multiple of its size.

pub mod error;
pub mod limits;
pub mod sql;

pub use error::{Error, Result};
