//! Debian packages: reading them, compressing them in blocks, building them.

#[allow(
    clippy::type_complexity,
    reason = "headers and contents of an archive's members"
)]
pub mod blocks;
pub mod build;
pub mod reader;
