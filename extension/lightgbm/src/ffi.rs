//! What is used of LightGBM's C interface, as its `c_api.h` declares it (4.7.0).

use std::ffi::{c_char, c_int, c_void};

pub type Handle = *mut c_void;

pub const FLOAT32: c_int = 0;
pub const FLOAT64: c_int = 1;
pub const RAW_SCORE: c_int = 1;

// SAFETY: names and types are those of the header; what each call asks of its arguments is said where it is made.
unsafe extern "C" {
    pub fn LGBM_GetLastError() -> *const c_char;
    pub fn LGBM_RegisterLogCallback(callback: extern "C" fn(*const c_char)) -> c_int;
    pub fn LGBM_DatasetCreateFromMat(
        data: *const c_void,
        data_type: c_int,
        rows: i32,
        columns: i32,
        row_major: c_int,
        parameters: *const c_char,
        reference: Handle,
        out: *mut Handle,
    ) -> c_int;
    pub fn LGBM_DatasetSetField(
        dataset: Handle,
        name: *const c_char,
        data: *const c_void,
        count: c_int,
        data_type: c_int,
    ) -> c_int;
    pub fn LGBM_DatasetFree(dataset: Handle) -> c_int;
    pub fn LGBM_BoosterCreate(dataset: Handle, parameters: *const c_char, out: *mut Handle) -> c_int;
    pub fn LGBM_BoosterFree(booster: Handle) -> c_int;
    pub fn LGBM_BoosterUpdateOneIter(booster: Handle, finished: *mut c_int) -> c_int;
    pub fn LGBM_BoosterSaveModelToString(
        booster: Handle,
        start: c_int,
        iterations: c_int,
        importance: c_int,
        length: i64,
        needed: *mut i64,
        out: *mut c_char,
    ) -> c_int;
    pub fn LGBM_BoosterPredictForMat(
        booster: Handle,
        data: *const c_void,
        data_type: c_int,
        rows: i32,
        columns: i32,
        row_major: c_int,
        kind: c_int,
        start: c_int,
        iterations: c_int,
        parameters: *const c_char,
        written: *mut i64,
        out: *mut f64,
    ) -> c_int;
}
