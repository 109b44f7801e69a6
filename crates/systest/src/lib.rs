//! Tests of the promise on real systems: the packages installed by apt, a real server, a real registry, a real container
//! engine; and the benches.
//!
//! It may use every room but the command line. A suite starts and ends what it needs itself, and what it could not check is
//! a case that was not run, with its reason.

pub mod bench;

pub mod cases;
mod clean;
pub mod crash;
pub mod docs;
pub mod emulated;
pub mod emulation;
pub mod faults;
pub mod fuzz;
pub mod image;
pub mod install;
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
