//! Holds libraries against the rules of `symcheck`: the step of the pipeline, and files that a user names.

pub mod judge;
pub mod packages;
pub mod step;
pub mod system_libraries;
