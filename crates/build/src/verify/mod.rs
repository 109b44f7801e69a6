//! Holds libraries against the rules of `symcheck`: the step of the pipeline, and files that a user names.

pub mod input_files;
pub mod judge;
pub mod step;
pub mod system_libraries;
