//! The C interface of `packaging/boosting/xgboost/border.cc`, which is compiled into the archive.

use std::ffi::{c_char, c_int, c_void};

pub type Handle = *mut c_void;

/// What a call returns.
pub const DONE: c_int = 0;
pub const GIVEN_UP: c_int = -2;

/// `x` row by row.
#[repr(C)]
pub struct Rows {
    pub x: *const f32,
    pub y: *const f32,
    /// May be null.
    pub weights: *const f32,
    pub rows: u64,
}

// SAFETY: names and types are those of border.cc; what each call asks of its arguments is said where it is made.
unsafe extern "C" {
    pub fn pgml_xgboost_error() -> *const c_char;
    pub fn pgml_xgboost_log(callback: extern "C" fn(*const c_char)) -> c_int;
    pub fn pgml_xgboost_interrupt(asks: Option<extern "C" fn() -> bool>);
    pub fn pgml_xgboost_new(
        rows: *const Rows,
        held: *const Rows,
        columns: u64,
        feature_weights: *const f32,
        names: *const *const c_char,
        values: *const *const c_char,
        count: u64,
        out: *mut Handle,
    ) -> c_int;
    pub fn pgml_xgboost_free(training: Handle);
    pub fn pgml_xgboost_step(training: Handle, round: i32) -> c_int;
    pub fn pgml_xgboost_evaluate(training: Handle, round: i32, out: *mut *const c_char) -> c_int;
    pub fn pgml_xgboost_model(training: Handle, out: *mut *const c_char, length: *mut u64) -> c_int;
    pub fn pgml_xgboost_predict(
        training: Handle,
        rounds: i32,
        held: bool,
        out: *mut *const f32,
        length: *mut u64,
    ) -> c_int;
}
