//! Tests of the promise: the packages, installed by apt into a clean system, with a real server.

pub mod cases;
mod clean;
pub mod crash;
pub mod docs;
pub mod emulated;
pub mod faults;
pub mod fuzz;
pub mod image;
pub mod install;
pub mod lint;
mod lintian;
pub mod load;
pub(crate) mod loopback;
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
pub mod server;
pub mod system;
pub mod tools;
pub mod workers;
