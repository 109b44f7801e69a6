//! From a source tree and a lock file to verified, reproducible packages of the `pgml` Postgres extension.
//!
//! The library follows the flow of the design: [`targets`] and [`lock`] say what there is to build and from which
//! inputs, the plan is computed as data, and each step of it is a module of its own. Nothing here prints: whoever calls
//! passes a [`progress::Listener`]. Nothing here reads the clock, the environment or the current directory either; what
//! of those matters is a field of [`workspace::Workspace`].

pub mod deb;
pub mod digest;
pub mod exit;
pub mod process;
pub mod progress;
pub mod symbols;
pub mod workspace;
