//! What every room stands on: exit codes and failures, files, digests, processes, progress, the sandbox, the store, time.
//!
//! It uses no other room. It never prints (it calls a [`progress::Listener`]) and never changes the environment or the current
//! directory. It knows no Postgres, and of Debian only the form of control files, which two rooms read. Other file formats than
//! its own have their rooms above.

pub mod day;
pub mod deb822;
pub mod digest;
pub mod exit;
pub mod files;
pub mod json;
pub mod output;
pub mod plain_path;
pub mod process;
pub mod progress;
pub mod sandbox;
pub mod store;
pub mod time;
pub mod uri;
pub mod workspace;
