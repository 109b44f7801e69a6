//! Pushes a release to where its users get it: images to a registry, the apt repository to a server; and signs both.
//!
//! A program of its own (the binary `publisher`), which `cargo xtask publish` starts: its HTTP and TLS are compiled when
//! somebody publishes, and not by everybody who builds.
//!
//! Never changes a release: it reads `dist/` and writes elsewhere. Never writes a credential or a key anywhere.

pub mod apt;
pub mod archive;
pub mod client;
pub mod images;
pub mod publish;
pub mod push;
pub mod referrers;
pub mod sign;
pub mod verify;
