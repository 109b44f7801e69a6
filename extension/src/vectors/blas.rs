//! The few CBLAS routines that the vector functions use, behind safe names.
//!
//! The symbols come from the OpenBLAS that is linked into this library and stay hidden in it.

use std::ffi::{CStr, c_char};

// SAFETY: as OpenBLAS 0.3's cblas.h declares them, for its builds with 32-bit integers.
unsafe extern "C" {
    fn cblas_sdot(n: i32, x: *const f32, incx: i32, y: *const f32, incy: i32) -> f32;
    fn cblas_sasum(n: i32, x: *const f32, incx: i32) -> f32;
    fn cblas_snrm2(n: i32, x: *const f32, incx: i32) -> f32;
    fn cblas_isamax(n: i32, x: *const f32, incx: i32) -> usize;
    fn cblas_sscal(n: i32, alpha: f32, x: *mut f32, incx: i32);
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

/// The number of elements as CBLAS takes it. An array of Postgres has at most 2^27 elements, which fits.
fn count(values: &[f32]) -> i32 {
    values.len() as i32
}

/// The sum of the products. Both have the same length.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    debug_assert_eq!(x.len(), y.len());
    // SAFETY: both pointers are valid for reads of `count(x)` floats in steps of one.
    unsafe { cblas_sdot(count(x), x.as_ptr(), 1, y.as_ptr(), 1) }
}

pub fn sum_of_magnitudes(x: &[f32]) -> f32 {
    // SAFETY: the pointer is valid for reads of `count(x)` floats in steps of one.
    unsafe { cblas_sasum(count(x), x.as_ptr(), 1) }
}

/// The Euclidean length, computed without overflow in between.
pub fn length(x: &[f32]) -> f32 {
    // SAFETY: as in `sum_of_magnitudes`.
    unsafe { cblas_snrm2(count(x), x.as_ptr(), 1) }
}

/// The largest absolute value; zero for no elements.
pub fn largest_magnitude(x: &[f32]) -> f32 {
    // SAFETY: as in `sum_of_magnitudes`.
    let place = unsafe { cblas_isamax(count(x), x.as_ptr(), 1) };
    x.get(place).map_or(0.0, |value| value.abs())
}

/// `x = alpha * x`
pub fn scale(alpha: f32, x: &mut [f32]) {
    // SAFETY: the pointer is valid for reads and writes of `count(x)` floats in steps of one.
    unsafe { cblas_sscal(count(x), alpha, x.as_mut_ptr(), 1) }
}

/// `y = y + alpha * x`. Both have the same length.
pub fn add_multiple(alpha: f32, x: &[f32], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    // SAFETY: `x` is valid for reads and `y` for reads and writes of `count(x)` floats in steps of one; being borrowed
    // exclusively, `y` does not overlap `x`.
    unsafe { cblas_saxpy(count(x), alpha, x.as_ptr(), 1, y.as_mut_ptr(), 1) }
}
