//! Debian packages: reading them, compressing them in blocks, building them.

mod ar;
pub mod blocks;
pub mod build;
pub mod reader;
