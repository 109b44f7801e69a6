//! The contents of our packages: their relations, documents and files, derived from what the packages contain.

pub mod copyright;
pub mod depends;
pub mod documents;
pub mod manual;
pub mod packages;
pub mod shared_runtime;
