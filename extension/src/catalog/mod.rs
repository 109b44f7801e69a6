//! The tables of schema `pgml`: one module for each, and no SQL about them anywhere else.

/// A query as SPI takes it, put together when the library is compiled.
macro_rules! query {
    ($($part:expr),+) => {
        // INVARIANT: this is evaluated when the library is compiled, so that it can't panic later.
        match std::ffi::CStr::from_bytes_with_nul(concat!($($part),+, "\0").as_bytes()) {
            Ok(query) => query,
            Err(_) => panic!("a query has a NUL inside"),
        }
    };
}

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
