//! Signatures that cosign verifies: of images, of statements about them, and of files; with a key of the user's.

pub mod files;
pub mod image;
pub mod key;
