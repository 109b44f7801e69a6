//! Tests of the product on real systems: packages installed by apt, real servers, a real registry, a real container engine;
//! and the benches.
//!
//! It may use every crate except `xtask`. A suite starts and ends the processes that it needs. A check that this machine
//! can't make is a case that was not run, with the reason.

pub mod bench;
pub mod cases;
mod clean;
pub mod crash;
pub mod docs;
pub mod emulated;
pub mod extras;
pub mod faults;
mod follow;
pub mod fuzz;
pub mod image;
pub mod install;
mod lanes;
pub mod lint;
mod lintian;
pub mod load;
pub mod machines;
mod neighbours;
pub mod nix;
pub mod packages;
pub mod pairs;
pub mod protections;
pub mod record;
pub mod registry;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod scan;
pub mod scratch_cluster;
pub mod server;
pub mod suites;
pub mod system;
pub mod tools;
pub mod workers;
