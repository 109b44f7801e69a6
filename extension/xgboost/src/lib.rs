//! XGBoost's training: rows and parameters in, the model as XGBoost writes it out.
//!
//! It runs in the calling thread alone, and opens no file (the archive has no code for either). While it works it asks the
//! caller, several times in each level of a tree, whether to go on; what unwinds there is kept until the library's own frames
//! are gone, and its memory is free.

mod ffi;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{null, null_mut};

/// What the library says was wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

type Result<T> = std::result::Result<T, Error>;

/// What is called while the library works; it unwinds to give up.
pub type Interrupt<'a> = &'a dyn Fn();

/// Rows with one label each. No weights: all count alike. NaN is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rows<'a> {
    /// Row by row.
    pub x: &'a [f32],
    pub y: &'a [f32],
    pub weights: &'a [f32],
}

/// What to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Learned<'a> {
    pub rows: Rows<'a>,
    /// Rows that are not learned from: the metrics are theirs. There may be none.
    pub held: Rows<'a>,
    pub features: usize,
    /// How likely a feature is drawn where a tree sees some of them; none: all alike.
    pub feature_weights: &'a [f32],
    /// As the library names them.
    pub parameters: &'a [(String, String)],
}

/// A model in training.
pub struct Training {
    handle: ffi::Handle,
    rounds: i32,
}

/// What `Interrupt` unwound with.
type Payload = Box<dyn Any + Send>;

thread_local! {
    static ASKED: Cell<Option<*const dyn Fn()>> = const { Cell::new(None) };
    static UNWOUND: Cell<Option<Payload>> = const { Cell::new(None) };
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Take the library's words off the server's standard output.
extern "C" fn note(words: *const c_char) {
    // SAFETY: the library gives a string that ends with NUL and stays for the call.
    let words = unsafe { CStr::from_ptr(words) }.to_string_lossy().trim().to_string();
    SAID.with_borrow_mut(|said| said.push(words));
}

/// Whether the library is to give up.
extern "C" fn gives_up() -> bool {
    let Some(interrupt) = ASKED.get() else { return false };
    // SAFETY: `with_interrupt` put it there, borrows it, and takes it away before it returns. Nothing unwinds from here into
    // the library: it is caught.
    let asked = catch_unwind(AssertUnwindSafe(|| unsafe { (*interrupt)() }));
    asked.is_err_and(|payload| {
        UNWOUND.set(Some(payload));
        true
    })
}

/// Call into the library, which asks `interrupt` meanwhile; goes on with its unwinding.
fn with_interrupt(interrupt: Interrupt<'_>, call: impl FnOnce() -> c_int) -> Result<()> {
    // SAFETY: only the lifetime is other: the pointer is gone before this returns, since `call` doesn't unwind.
    let asked = unsafe { std::mem::transmute::<*const (dyn Fn() + '_), *const (dyn Fn() + 'static)>(interrupt) };
    ASKED.set(Some(asked));
    let code = call();
    ASKED.set(None);
    if code == ffi::GIVEN_UP
        && let Some(payload) = UNWOUND.take()
    {
        resume_unwind(payload);
    }
    check(code)
}

fn check(code: c_int) -> Result<()> {
    if code == ffi::DONE {
        return Ok(());
    }
    // SAFETY: the library returns a string of its own that ends with NUL; it stays until the next error.
    let words = unsafe { CStr::from_ptr(ffi::pgml_xgboost_error()) };
    Err(Error(without_place(&words.to_string_lossy())))
}

/// The message without the source file and the time that the library puts before it: `[12:00:00] file.cc:1: message`.
fn without_place(words: &str) -> String {
    let words = words.trim();
    let rest = match words.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, rest)) => rest,
        None => words,
    };
    let places = [".cc:", ".h:"];
    let place = places.iter().filter_map(|place| Some(rest.find(place)? + place.len())).min();
    let behind = place.and_then(|at| rest[at..].split_once(": "));
    match behind {
        Some((line, message)) if line.bytes().all(|byte| byte.is_ascii_digit()) => message.trim().to_string(),
        _ => rest.to_string(),
    }
}

/// What the library has said since this was called last, each message once: warnings.
pub fn said() -> Vec<String> {
    let mut said: Vec<String> = SAID.take().iter().map(|words| without_place(words)).collect();
    said.dedup();
    said
}

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error("a parameter has a NUL character".into()))
}

/// Fails unless the sizes fit together.
fn given(rows: &Rows<'_>, features: usize) -> Result<ffi::Rows> {
    let count = rows.y.len();
    let weighs = !rows.weights.is_empty();
    if features == 0 || rows.x.len() != count * features || (weighs && rows.weights.len() != count) {
        return Err(Error(format!("{} values are not {count} rows of {features}", rows.x.len())));
    }
    let weights = if weighs { rows.weights.as_ptr() } else { null() };
    Ok(ffi::Rows { x: rows.x.as_ptr(), y: rows.y.as_ptr(), weights, rows: count as u64 })
}

impl Training {
    /// Copy the rows. What was said before is forgotten.
    pub fn new(learned: Learned<'_>, interrupt: Interrupt<'_>) -> Result<Training> {
        let Learned { rows, held, features, feature_weights, parameters } = learned;
        let (rows, held) = (given(&rows, features)?, given(&held, features)?);
        if !feature_weights.is_empty() && feature_weights.len() != features {
            return Err(Error(format!(
                "{} weights are not one for each of {features} features",
                feature_weights.len()
            )));
        }
        let texts: Vec<(CString, CString)> =
            parameters.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect::<Result<_>>()?;
        let names: Vec<*const c_char> = texts.iter().map(|(name, _)| name.as_ptr()).collect();
        let values: Vec<*const c_char> = texts.iter().map(|(_, value)| value.as_ptr()).collect();
        let weights = if feature_weights.is_empty() { null() } else { feature_weights.as_ptr() };
        SAID.take();
        // SAFETY: both callbacks are functions that stay.
        check(unsafe {
            ffi::pgml_xgboost_interrupt(Some(gives_up));
            ffi::pgml_xgboost_log(note)
        })?;
        let mut handle = null_mut();
        // SAFETY: the sizes were checked, all is copied before the call returns, and the strings end with NUL.
        with_interrupt(interrupt, || unsafe {
            let count = names.len() as u64;
            let (names, values) = (names.as_ptr(), values.as_ptr());
            ffi::pgml_xgboost_new(&rows, &held, features as u64, weights, names, values, count, &mut handle)
        })?;
        Ok(Training { handle, rounds: 0 })
    }

    /// Grow the trees of one more round.
    pub fn step(&mut self, interrupt: Interrupt<'_>) -> Result<()> {
        // SAFETY: the handle is the library's.
        with_interrupt(interrupt, || unsafe { ffi::pgml_xgboost_step(self.handle, self.rounds) })?;
        self.rounds += 1;
        Ok(())
    }

    /// The metrics of the rows that were held back, by their names, after the last round.
    pub fn evaluate(&mut self, interrupt: Interrupt<'_>) -> Result<Vec<(String, f64)>> {
        let mut out = null();
        // SAFETY: the handle is the library's; the text ends with NUL and stays until the next call.
        let words = unsafe {
            with_interrupt(interrupt, || ffi::pgml_xgboost_evaluate(self.handle, self.rounds - 1, &mut out))?;
            CStr::from_ptr(out).to_string_lossy()
        };
        let one = |word: &str| {
            let (name, value) = word.strip_prefix("held-")?.rsplit_once(':')?;
            Some((name.to_string(), value.parse().ok()?))
        };
        let found: Option<Vec<(String, f64)>> = words.split('\t').skip(1).map(one).collect();
        found.ok_or_else(|| Error(format!("metrics that can't be read: {words}")))
    }

    /// The model in the library's JSON.
    pub fn model(&mut self) -> Result<&[u8]> {
        let (mut out, mut length) = (null(), 0);
        // SAFETY: the handle is the library's; the bytes stay until the next call, which needs `self` again.
        unsafe {
            check(ffi::pgml_xgboost_model(self.handle, &mut out, &mut length))?;
            Ok(std::slice::from_raw_parts(out.cast(), length as usize))
        }
    }

    /// What the first `rounds` rounds predict for the rows that were learned from, or for those that were held back: a value for
    /// each, or for each class of each.
    pub fn predict(&mut self, rounds: usize, held: bool, interrupt: Interrupt<'_>) -> Result<&[f32]> {
        let rounds = i32::try_from(rounds).map_err(|_| Error(format!("{rounds} rounds are too many")))?;
        let (mut out, mut length) = (null(), 0);
        // SAFETY: as above.
        unsafe {
            with_interrupt(interrupt, || ffi::pgml_xgboost_predict(self.handle, rounds, held, &mut out, &mut length))?;
            if length == 0 { Ok(&[]) } else { Ok(std::slice::from_raw_parts(out, length as usize)) }
        }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        // SAFETY: the handle is the library's and freed once.
        unsafe { ffi::pgml_xgboost_free(self.handle) };
    }
}

#[cfg(test)]
mod tests;
