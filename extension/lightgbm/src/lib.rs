//! LightGBM's training: rows and parameters in, the model as LightGBM writes it out.
//!
//! One call into the library is one boosting step, so that the caller can give up between two; whatever unwinds there frees
//! the library's memory. It runs in the calling thread alone (it was compiled without OpenMP).

mod ffi;

use std::ffi::{CStr, CString};
use std::ptr::null_mut;

/// What the library says was wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

type Result<T> = std::result::Result<T, Error>;

/// Rows with one label each, as the library has sorted them into bins.
struct Dataset(ffi::Handle);

/// A model in training. The rows have to stay as long as it does: the order of the fields frees it first.
pub struct Booster {
    handle: ffi::Handle,
    _rows: Dataset,
}

/// Take LightGBM's words off the server's standard output.
extern "C" fn be_quiet(_: *const std::ffi::c_char) {}

fn check(code: std::ffi::c_int) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the library returns a string of its own that ends with NUL; it stays until the thread's next error.
    let words = unsafe { CStr::from_ptr(ffi::LGBM_GetLastError()) };
    Err(Error(words.to_string_lossy().into_owned()))
}

fn text(parameters: &str) -> Result<CString> {
    CString::new(parameters).map_err(|_| Error("a parameter has a NUL character".into()))
}

fn size(count: usize) -> Result<i32> {
    i32::try_from(count).map_err(|_| Error(format!("{count} rows or features are more than LightGBM can count")))
}

impl Dataset {
    fn new(x: &[f64], features: usize, y: &[f32], weights: &[f32], parameters: &CStr) -> Result<Dataset> {
        if features == 0 || x.len() != y.len() * features || !(weights.is_empty() || weights.len() == y.len()) {
            return Err(Error(format!("{} values are not {} rows of {features}", x.len(), y.len())));
        }
        let (rows, columns) = (size(y.len())?, size(features)?);
        let mut handle = null_mut();
        // SAFETY: `x` has rows × columns values, row by row, and is copied; the strings end with NUL.
        check(unsafe {
            ffi::LGBM_DatasetCreateFromMat(
                x.as_ptr().cast(),
                ffi::FLOAT64,
                rows,
                columns,
                1,
                parameters.as_ptr(),
                null_mut(),
                &mut handle,
            )
        })?;
        let dataset = Dataset(handle);
        // SAFETY: the handle is the library's, and `y` has a value for each of its rows, which is copied.
        check(unsafe {
            ffi::LGBM_DatasetSetField(dataset.0, c"label".as_ptr(), y.as_ptr().cast(), rows, ffi::FLOAT32)
        })?;
        if !weights.is_empty() {
            // SAFETY: as above, with a weight for each row.
            check(unsafe {
                ffi::LGBM_DatasetSetField(dataset.0, c"weight".as_ptr(), weights.as_ptr().cast(), rows, ffi::FLOAT32)
            })?;
        }
        Ok(dataset)
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle is the library's and freed once.
        unsafe { ffi::LGBM_DatasetFree(self.0) };
    }
}

impl Booster {
    /// `parameters` as LightGBM reads them: `name=value`, separated by spaces. `weights` says how much each row counts; none where
    /// all count alike.
    pub fn new(x: &[f64], features: usize, y: &[f32], weights: &[f32], parameters: &str) -> Result<Booster> {
        let parameters = text(parameters)?;
        // SAFETY: the callback is a function that stays.
        check(unsafe { ffi::LGBM_RegisterLogCallback(be_quiet) })?;
        let rows = Dataset::new(x, features, y, weights, &parameters)?;
        let mut handle = null_mut();
        // SAFETY: the data set is the library's, and outlives the booster.
        check(unsafe { ffi::LGBM_BoosterCreate(rows.0, parameters.as_ptr(), &mut handle) })?;
        Ok(Booster { handle, _rows: rows })
    }

    /// Grow a tree for each class; false when there was nothing left to split.
    pub fn step(&mut self) -> Result<bool> {
        let mut finished = 0;
        // SAFETY: the handle is the library's.
        check(unsafe { ffi::LGBM_BoosterUpdateOneIter(self.handle, &mut finished) })?;
        Ok(finished == 0)
    }

    /// The model in the library's own text.
    pub fn text(&self) -> Result<String> {
        let mut buffer: Vec<u8> = vec![0; 1 << 16];
        loop {
            let mut needed = 0i64;
            // SAFETY: the library writes at most as many bytes as the buffer has, and says how many it has to say.
            check(unsafe {
                ffi::LGBM_BoosterSaveModelToString(
                    self.handle,
                    0,
                    -1,
                    0,
                    buffer.len() as i64,
                    &mut needed,
                    buffer.as_mut_ptr().cast(),
                )
            })?;
            let needed = usize::try_from(needed).unwrap_or(0);
            if needed <= buffer.len() {
                // The last byte is a NUL.
                buffer.truncate(needed.saturating_sub(1));
                return String::from_utf8(buffer).map_err(|_| Error("the model's text is not UTF-8".into()));
            }
            buffer.resize(needed, 0);
        }
    }

    /// The sums of the trees' leaves for some rows, `scores` for each.
    pub fn scores(&self, x: &[f64], features: usize, scores: usize) -> Result<Vec<f64>> {
        let rows = x.len().checked_div(features).unwrap_or(0);
        let mut out = vec![0.0; rows * scores];
        let mut written = 0i64;
        // SAFETY: `x` has rows × features values, row by row, and `out` has room for `scores` values for each row, which is
        // what a model with so many trees in a step gives.
        check(unsafe {
            ffi::LGBM_BoosterPredictForMat(
                self.handle,
                x.as_ptr().cast(),
                ffi::FLOAT64,
                size(rows)?,
                size(features)?,
                1,
                ffi::RAW_SCORE,
                0,
                -1,
                c"num_threads=1".as_ptr(),
                &mut written,
                out.as_mut_ptr(),
            )
        })?;
        if usize::try_from(written).ok() == Some(out.len()) { Ok(out) } else { Err(Error("scores are missing".into())) }
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle is the library's and freed once.
        unsafe { ffi::LGBM_BoosterFree(self.handle) };
    }
}
