//! Debian packages: reading them, deriving their relations from what is inside, and building them.

#[allow(
    clippy::type_complexity,
    reason = "headers and contents of an archive's members"
)]
pub mod blocks;
pub mod build;
pub mod copyright;
pub mod depends;
pub mod documents;
pub mod manual;
pub mod packages;
pub mod reader;
