//! Debian packages.

pub mod reader;
