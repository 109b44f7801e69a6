//! What the vector functions use of CBLAS, behind safe names: routines that treat each element by itself, whose result no
//! processor's kernels can change. Sums are not taken by BLAS (`sums` says why).
//!
//! The symbols come from the OpenBLAS that is linked into this library and stay hidden in it.

use std::ffi::{CStr, c_char};

// SAFETY: as OpenBLAS 0.3's cblas.h declares them, for its builds with 32-bit integers.
unsafe extern "C" {
    fn cblas_saxpy(n: i32, alpha: f32, x: *const f32, incx: i32, y: *mut f32, incy: i32);
    fn openblas_get_config() -> *const c_char;
}

/// Which OpenBLAS is linked in, how it was built and which processor's kernels it chose: `OpenBLAS 0.3.21 NO_AFFINITY
/// Haswell SINGLE_THREADED`. Naming it here also keeps it in the library, where the symbol checker looks for it.
pub fn config() -> &'static str {
    // SAFETY: OpenBLAS returns a pointer to a static buffer that ends with NUL, written by this very call with the same
    // text each time; a backend has one thread that calls it.
    let text = unsafe { CStr::from_ptr(openblas_get_config()) };
    text.to_str().unwrap_or("unknown")
}

/// `y = y + alpha * x`, where `alpha` is 1 or -1, so that it makes no difference whether a kernel fuses the two operations. Both
/// have the same length, at most the 2^27 elements of an array of Postgres.
pub fn add_multiple(alpha: f32, x: &[f32], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    // SAFETY: `x` is valid for reads and `y` for reads and writes of that many floats in steps of one; being borrowed
    // exclusively, `y` does not overlap `x`.
    unsafe { cblas_saxpy(x.len() as i32, alpha, x.as_ptr(), 1, y.as_mut_ptr(), 1) }
}
