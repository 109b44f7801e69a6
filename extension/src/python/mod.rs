//! Everything that touches Python; no other module of the library may.
//!
//! The interpreter starts when the first call needs it, not when the library is loaded: `CREATE EXTENSION`, the vector
//! functions and the version work on a machine that has no Python packages at all.
//!
//! No Postgres function is called while Python code runs: an ERROR would jump over the interpreter's frames. Warnings
//! are collected and raised when the call has come back; what a cancel raises is kept aside likewise (`interrupts`).

mod adoption;
mod child;
mod datasets;
mod environment;
mod error;
mod home;
mod interpreter;
mod interrupts;
mod packages;
mod plpython;
mod prediction;
mod progress;
mod runtime;
mod scores;
mod training;
mod warnings;
mod world;

pub use adoption::check_model;
pub use datasets::{Column, load_dataset};
pub use environment::{check, freeze, package_version, version};
pub use prediction::{Model, load_model};
pub use scores::scores;
pub use training::{check_request, fit};

/// Whether this backend has an interpreter by now, of ours or of PL/Python.
pub fn is_running() -> bool {
    interpreter::is_started()
}
