//! Warnings of the Python side: collected while it runs, raised afterwards.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::text;

thread_local! {
    static COLLECTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The callable that takes the place of `pgml_runtime.emit_warning`.
pub fn collector(py: Python<'_>) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, Some(c"emit_warning"), None, |arguments, _| -> PyResult<()> {
        let message: String = arguments.get_item(0)?.str()?.extract()?;
        collect(message);
        Ok(())
    })
}

/// Keep a warning until [`raise`].
pub fn collect(message: String) {
    COLLECTED.with(|collected| collected.borrow_mut().push(message));
}

/// Take the warnings that were collected, without raising them.
pub fn take() -> Vec<String> {
    COLLECTED.with(RefCell::take)
}

/// Raise what was collected as WARNINGs of Postgres. Never call this while Python code runs.
pub fn raise() {
    for message in take() {
        text::warning(&message);
    }
}

/// Forget what was collected: the call ended in an ERROR of Postgres.
pub fn discard() {
    COLLECTED.with(RefCell::take);
}
