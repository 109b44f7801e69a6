//! A release as a whole: the pipeline that carries a plan out, the manifest, provenance, the report, and the rebuild that
//! proves it.
//!
//! It may use `build` and everything below. It never decides what a package contains: it runs the plan and reports the
//! results.

pub mod buildinfo;
pub mod first_lock;
pub mod input_archive;
pub mod outdated;
pub mod pipeline;
pub mod provenance;
pub mod publish;
pub mod published;
pub mod relock;
pub mod report;
pub mod reproduce;
