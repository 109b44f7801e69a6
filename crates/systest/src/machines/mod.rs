//! The suites `ubuntu` and `hosts`: the README's commands on other machines than those that they are developed on.
//!
//! `ubuntu` is a machine whose archives can't be reached from here; stand-ins on loopback play them. `hosts` are the
//! smallest systems of each Debian release that this machine's archive has.

mod hosts;
mod machine;
mod services;
mod stand_in;
mod ubuntu;

pub use self::hosts::run as hosts;
pub use self::ubuntu::run as ubuntu;
