//! What every room stands on: exit codes and failures, files, digests, processes, progress, the sandbox, the store, time.
//!
//! It uses no other room. It never prints (a [`progress::Listener`] is told), never changes the environment or the current
//! directory, and knows no Postgres, no Debian but the form of its
//! control files, which two rooms read, and no other file format but its own.

pub mod day;
pub mod deb822;
pub mod digest;
pub mod exit;
pub mod files;
pub mod json;
pub mod process;
pub mod progress;
pub mod sandbox;
pub mod store;
pub mod time;
pub mod uri;
pub mod workspace;
