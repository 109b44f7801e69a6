//! What goes into our packages: their relations, documents and files, derived from what is inside.

pub mod copyright;
pub mod depends;
pub mod documents;
pub mod manual;
pub mod packages;
pub mod shared_runtime;
