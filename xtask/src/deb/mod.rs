//! Debian packages: reading them, deriving their relations from what is inside, and building them.

pub mod blocks;
pub mod build;
pub mod depends;
pub mod packages;
pub mod reader;
