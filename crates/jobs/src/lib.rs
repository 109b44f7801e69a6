//! Jobs: units of work with keys by content, the plan that they form, their cache, and the schedule that runs them.
//!
//! It may use `base` alone. It knows no Postgres, no Debian and no file format of others: what a step does is a type of the
//! caller's. Two jobs with equal keys have equal results; a result is renamed into its place when it is whole, or is not there.

pub mod execute;
pub mod inputs;
pub mod job;
pub mod plan;
pub mod source_files;
pub mod source_tree;
#[cfg(test)]
mod testing;
