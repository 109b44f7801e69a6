//! Stands for OpenBLAS: what links it is the build script, and nothing of it is called by name.
//!
//! The archive is bundled into this crate's library, which is why the test of the BLAS clash can put another build in its place.
//! The crate openblas-src links in the same way, but has its build script compile a downloader with TLS, 41 crates in all,
//! which never runs here.
