//! Owns the interpreter of this backend: starts it, and lends it to the other modules.

use std::ffi::OsString;

use pyo3::prelude::*;

use super::error::from_python;
use super::{interrupts, plpython};
use crate::error::Result;
use crate::settings;

/// Run `work` with the interpreter, started if it isn't yet. A Python exception becomes an error, an interrupt of
/// Postgres its own.
pub fn attach<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    start()?;
    interrupts::allow(|| Python::attach(|py| work(py).map_err(|error| from_python(py, error))))?
}

/// The `X.Y` that names the directories of packages.
pub fn version(py: Python<'_>) -> String {
    let version = py.version_info();
    format!("{}.{}", version.major, version.minor)
}

/// Tell the libraries inside the packages how many threads to use; they read it when they are loaded. A pool of threads
/// in each backend would be more than the machine has cores.
pub fn limit_threads() {
    let threads = settings::omp_num_threads().to_string();
    // SAFETY: nobody reads the environment meanwhile: the backend's other thread, the watcher of interrupts, never does.
    unsafe {
        std::env::set_var("OMP_NUM_THREADS", &threads);
        std::env::set_var("OPENBLAS_NUM_THREADS", &threads);
    }
}

/// Start the interpreter, unless somebody (PL/Python) has already.
///
/// Afterwards this thread, the only one that runs Python, holds the interpreter's lock for good. PL/Python expects exactly
/// that, so both can live in one backend, in either order.
fn start() -> Result<()> {
    if is_started() {
        return Ok(());
    }
    let _environment = Environment::clean();
    plpython::start()?;
    if !is_started() {
        // SAFETY: a backend without Python has one thread, this one. Zero: Postgres keeps its own signal handlers.
        unsafe { pyo3::ffi::Py_InitializeEx(0) };
    }
    Ok(())
}

pub fn is_started() -> bool {
    // SAFETY: asks for a flag; valid before initialisation.
    unsafe { pyo3::ffi::Py_IsInitialized() != 0 }
}

/// The variables of the server's environment that would decide which code the interpreter runs.
///
/// Whoever starts the server by hand may have PYTHONPATH, PYTHONHOME or a virtual environment's `python3` first in PATH
/// (the interpreter looks there for its own libraries). Only pgml's settings may choose the packages.
struct Environment {
    path: Option<OsString>,
}

impl Environment {
    fn clean() -> Environment {
        let path = std::env::var_os("PATH");
        let names = std::env::vars_os().map(|(name, _)| name);
        let python: Vec<OsString> = names.filter(|name| name.as_encoded_bytes().starts_with(b"PYTHON")).collect();
        // SAFETY: a backend without Python has one thread, so nobody reads the environment meanwhile.
        unsafe {
            python.iter().for_each(|name| std::env::remove_var(name));
            std::env::remove_var("PATH");
            // Packages in ~postgres/.local would come before the system's.
            std::env::set_var("PYTHONNOUSERSITE", "1");
        }
        Environment { path }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // SAFETY: as above; the interpreter has started no thread.
            unsafe { std::env::set_var("PATH", path) };
        }
    }
}
