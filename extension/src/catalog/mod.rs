//! The tables of schema `pgml`: one module for each, and no SQL about them anywhere else.

pub mod deployments;
mod edition;
pub mod importances;
pub mod models;
pub mod projects;
pub mod seal_keys;
pub mod snapshots;

use crate::error::{Failure, Result};

pub use edition::Edition;

/// A column that is declared NOT NULL, or an expression that is never NULL.
pub fn required<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Failure::new("XX001", "the tables of schema pgml hold a NULL where none can be").into())
}
