//! Compiles: the libraries in C++, the extension for each major, and the extension linked in the ways that it must not be.

pub mod blas_clash;
pub mod cpp_library;
pub mod extension;
pub mod packaged_toolchain;
pub mod shared_objects;
