//! The apt repository that users install from: a suite per distribution, signed, in a tree that any file or web server
//! can serve.

pub mod kept;
pub mod mirror;
pub mod options;
pub mod place;
mod reading;
pub mod repository;
pub mod signing;
