//! The suites `ubuntu` and `hosts`: the README's commands on machines with other releases than the developers'.
//!
//! `ubuntu` is a machine whose archives can't be reached from here; servers on loopback stand in for them. `hosts` are the
//! smallest systems of each Debian release that this machine's archive has.

mod hosts;
mod machine;
mod services;
mod stand_in;
mod ubuntu;

pub use self::hosts::run as hosts;
pub use self::ubuntu::run as ubuntu;
