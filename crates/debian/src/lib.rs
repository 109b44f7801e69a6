//! Debian's formats: packages read and written, apt repositories and their signatures, root file systems.
//!
//! It may use `base` alone. It reads no lock, no target and no plan, and it never decides what goes into a package: it is
//! handed the files and the texts.

pub mod apt;
pub mod deb;
pub mod emulated;
pub mod rootfs;
