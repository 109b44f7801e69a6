//! Owns the interpreter of this backend: starts it, and lends it to the other modules.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use pyo3::prelude::*;

use super::error::from_python;
use super::{home, interrupts, plpython};
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
///
/// Python has a copy of the environment, which scikit-learn reads: without a number there it has programs started that count
/// the processor's cores. What is put into the copy is put into the process's environment as well.
pub fn limit_threads(py: Python<'_>) -> PyResult<()> {
    let threads = settings::omp_num_threads().to_string();
    let environment = py.import("os")?.getattr("environ")?;
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
        environment.set_item(name, &threads)?;
    }
    Ok(())
}

/// Start the interpreter, unless somebody (PL/Python) has already.
///
/// Afterwards this thread, the only one that runs Python, holds the interpreter's lock for good. PL/Python expects exactly
/// that, so both can live in one backend, in either order.
fn start() -> Result<()> {
    if is_started() {
        return Ok(());
    }
    let environment = Environment::without_home();
    plpython::start()?;
    if !is_started() {
        let _nothing = environment.without_python();
        let _home = home::mounted().map(|home| Variable::set("PYTHONHOME", &home));
        without_site();
        // SAFETY: a backend without Python has one thread, this one. Zero: Postgres keeps its own signal handlers.
        unsafe { pyo3::ffi::Py_InitializeEx(0) };
    }
    Ok(())
}

/// Let the interpreter leave out `site`: it reads the `.pth` files of the host's packages, and runs `sitecustomize` and what
/// else these name. Nobody but pgml uses the interpreter that it starts itself, and its world has nothing of them.
///
/// The flag is no part of the limited API, and Python is to take it away one day; then `site` runs, and what it loads is kept
/// aside as other foreign modules are.
fn without_site() {
    // SAFETY: looks a name up among those of the loaded libraries. Where it is found it is an `int`, which the interpreter
    // reads when it starts, in this thread.
    unsafe {
        let flag = libc::dlsym(libc::RTLD_DEFAULT, c"Py_NoSiteFlag".as_ptr()).cast::<std::ffi::c_int>();
        if !flag.is_null() {
            *flag = 1;
        }
    }
}

pub fn is_started() -> bool {
    // SAFETY: asks for a flag; valid before initialisation.
    unsafe { pyo3::ffi::Py_IsInitialized() != 0 }
}

/// Variables of the server's environment that are gone while the interpreter starts, and come back afterwards.
///
/// Whoever starts the server by hand may have PYTHONHOME, or a virtual environment's `python3` first in PATH: the interpreter
/// looks there for its own library. The other variables of Python say what PL/Python finds, which is for its users to decide.
struct Environment {
    gone: Vec<(OsString, OsString)>,
}

impl Environment {
    fn without_home() -> Environment {
        Environment::without(|name| name == "PYTHONHOME" || name == "PATH")
    }

    /// The same, and no variable that the interpreter reads.
    fn without_python(mut self) -> Environment {
        let mut python = Environment::without(|name| name.as_encoded_bytes().starts_with(b"PYTHON"));
        self.gone.append(&mut python.gone);
        self
    }

    fn without(goes: impl Fn(&OsStr) -> bool) -> Environment {
        let gone: Vec<_> = std::env::vars_os().filter(|(name, _)| goes(name)).collect();
        // SAFETY: a backend without Python has one thread, so nobody reads the environment meanwhile.
        unsafe { gone.iter().for_each(|(name, _)| std::env::remove_var(name)) };
        Environment { gone }
    }
}

/// A variable of the server's environment that is there while the interpreter starts.
struct Variable(&'static str);

impl Variable {
    fn set(name: &'static str, value: &Path) -> Variable {
        // SAFETY: a backend without Python has one thread, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(name, value) };
        Variable(name)
    }
}

impl Drop for Variable {
    fn drop(&mut self) {
        // SAFETY: as above; the interpreter has started no thread.
        unsafe { std::env::remove_var(self.0) };
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        for (name, value) in self.gone.drain(..) {
            // SAFETY: as above; the interpreter has started no thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}
