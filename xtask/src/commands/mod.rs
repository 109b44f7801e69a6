//! One file per command. A command turns arguments into calls of the library and results into output; logic that two
//! commands need is the library's.

pub mod doctor;
pub mod lock;
mod mirrors;
pub mod verify;
