//! pgml's own Python modules, which are part of this library, and the calls into them.

use std::cell::Cell;
use std::ffi::{CString, OsString};

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use super::{error, interpreter, interrupts, packages, progress, warnings, world};
use crate::error::{Failure, Result};

/// The version of the interface between this library and its Python modules.
const PROTOCOL: u32 = 1;

macro_rules! module {
    ($name:literal, $file:literal) => {
        ($name, concat!("pgml_runtime/", $file), include_str!(concat!("../../../python/pgml_runtime/", $file)))
    };
}

/// Each module's name, the file that tracebacks show, and its source; in the order of their imports.
const MODULES: [(&str, &str, &str); 28] = [
    module!("pgml_runtime", "__init__.py"),
    module!("pgml_runtime.errors", "errors.py"),
    module!("pgml_runtime.spellings", "spellings.py"),
    module!("pgml_runtime.names", "names.py"),
    module!("pgml_runtime.libraries", "libraries.py"),
    module!("pgml_runtime.algorithms", "algorithms.py"),
    module!("pgml_runtime.metrics", "metrics.py"),
    module!("pgml_runtime.categories", "categories.py"),
    module!("pgml_runtime.importances", "importances.py"),
    module!("pgml_runtime.searches", "searches.py"),
    module!("pgml_runtime.progress", "progress.py"),
    module!("pgml_runtime.pickling", "pickling.py"),
    module!("pgml_runtime.training", "training.py"),
    module!("pgml_runtime.unpickling", "unpickling.py"),
    module!("pgml_runtime.messagepack", "messagepack.py"),
    module!("pgml_runtime.foreign", "foreign.py"),
    module!("pgml_runtime.legacy", "legacy.py"),
    module!("pgml_runtime.prediction", "prediction.py"),
    module!("pgml_runtime.export_parts", "export_parts.py"),
    module!("pgml_runtime.export_linear", "export_linear.py"),
    module!("pgml_runtime.export_trees", "export_trees.py"),
    module!("pgml_runtime.export_xgboost", "export_xgboost.py"),
    module!("pgml_runtime.export_lightgbm", "export_lightgbm.py"),
    module!("pgml_runtime.export_catboost", "export_catboost.py"),
    module!("pgml_runtime.export", "export.py"),
    module!("pgml_runtime.datasets", "datasets.py"),
    module!("pgml_runtime.adoption", "adoption.py"),
    module!("pgml_runtime.environment", "environment.py"),
];

thread_local! {
    static READY: Cell<bool> = const { Cell::new(false) };
}

/// Run `work` with the runtime loaded, and raise the warnings that it gave.
///
/// The first call of a session pays for it; when it fails, the next one tries again, so a package can be installed and
/// used without a new session.
pub fn call<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    let result = interpreter::attach(|py| {
        let loaded = READY.get();
        if !loaded {
            if let Err(failure) = load(py) {
                return Ok(Err(failure));
            }
            READY.set(true);
        }
        Ok(bound(py, || work(py)))
    })?;
    warnings::raise();
    // A cancel that came while Python ran takes effect here, before its result is written.
    pgrx::check_for_interrupts!();
    result
}

/// Run `work` with what every call of Python has: pgml's own packages and no others, imports that look in themselves first,
/// the server's PATH, and errors of Postgres.
pub fn bound<T>(py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> Result<T> {
    let path = std::env::var_os("PATH");
    let result = world::visit(py, || with_deep_binding(py, work).map_err(|failure| error::from_python(py, failure)));
    keep_path(path);
    result
}

/// Put PATH back as it was. XGBoost sets it while it is imported, and what it leaves is what Python began with: nothing.
/// The programs that the session starts afterwards (`COPY … FROM PROGRAM`) would find no other.
fn keep_path(path: Option<OsString>) {
    if std::env::var_os("PATH") == path {
        return;
    }
    // SAFETY: nobody reads the environment meanwhile: the backend's other thread, the watcher of interrupts, never does.
    unsafe {
        match path {
            Some(path) => std::env::set_var("PATH", path),
            None => std::env::remove_var("PATH"),
        }
    }
}

fn load(py: Python<'_>) -> Result<()> {
    let directory = packages::directory(py)?;
    world::open(py, &directory)
        .and_then(|()| interpreter::limit_threads(py))
        .map_err(|failure| error::from_python(py, failure))?;
    let protocol: u32 = bound(py, || define_modules(py)?.getattr("PROTOCOL")?.extract())?;
    if protocol != PROTOCOL {
        let message = format!("pgml's Python modules speak protocol {protocol}, and its library {PROTOCOL}");
        return Err(Failure::new("XX000", message).into());
    }
    bound(py, || {
        // Everything else is built on NumPy.
        function(py, "pgml_runtime.errors", "require")?.call1(("numpy",))?;
        // The crate numpy looks for NumPy's functions when it first needs one, runs Python for it, and panics on an exception.
        interrupts::postpone(|| PyArray1::<f64>::zeros(py, 1, false).readonly());
        Ok(())
    })
}

/// Make the modules from their sources; Python keeps them in `sys.modules`, where pickles find their classes.
fn define_modules(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let mut root: Option<Bound<'_, PyModule>> = None;
    for (name, file, source) in MODULES {
        let module = PyModule::from_code(py, &CString::new(source)?, &CString::new(file)?, &CString::new(name)?)?;
        match (&root, name.rsplit_once('.')) {
            (Some(root), Some((_, child))) => root.setattr(child, &module)?,
            _ => {
                // A package, so that `import pgml_runtime.errors` looks below it.
                module.setattr("__path__", Vec::<String>::new())?;
                module.setattr("emit_warning", warnings::collector(py)?)?;
                module.setattr("tell_progress", progress::teller(py)?)?;
                root = Some(module);
            }
        }
    }
    root.ok_or_else(|| pyo3::exceptions::PyImportError::new_err("pgml has no Python modules"))
}

/// A function of one of the modules.
pub fn function<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(module)?.getattr(name)
}

/// Import with RTLD_DEEPBIND: a package's libraries then look for symbols in themselves first, and only then in the
/// backend's global scope. Ours exports no BLAS, but another extension in the same backend may have brought one along,
/// and SciPy's OpenBLAS would bind to it: wrong numbers or a crash. The runtime imports lazily, so this holds around
/// every call.
fn with_deep_binding<T>(py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let sys = py.import("sys")?;
    let before = sys.call_method0("getdlopenflags")?;
    let flags = libc::RTLD_NOW | libc::RTLD_DEEPBIND;
    sys.call_method1("setdlopenflags", (flags,))?;
    let result = work();
    sys.call_method1("setdlopenflags", (before,))?;
    result
}
