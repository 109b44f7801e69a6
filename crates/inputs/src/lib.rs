//! What comes from elsewhere: this machine and its tools, the Rust toolchain, transfers, and locks as they are made and updated.
//!
//! It may use `targets` and `base`. Nothing is fetched without a hash or a signature, and nothing is contacted that the machine's
//! own configuration, a lock or the user did not name.

pub mod fetch;
pub mod host;
pub mod lock;
mod step;
pub mod toolchain;
