//! Makes locks and updates them: resolves what the roles of a release need from its signed archive, and wheels from the
//! Python registry.

pub mod apt;
mod error;
pub mod outdated;
mod release;
pub mod solve;
pub mod wheels;

pub use self::error::LockingError;
pub use self::solve::{Extent, Index, Resolver};
