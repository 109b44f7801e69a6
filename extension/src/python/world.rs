//! The interpreter as pgml's packages see it: its runtime and the standard library, whatever the host has.
//!
//! An interpreter has one table of modules and one search path, and pgml shares it with PL/Python. pgml's packages look for
//! optional ones: scikit-learn imports pandas when it finds one, and a pandas that was built for the host's NumPy fails on
//! pgml's. So each call of pgml is a visit to a world of its own. At its beginning everything that somebody else loaded is
//! taken out of `sys.modules`, and the path and the import hooks are replaced; at its end pgml's own modules are taken out and
//! everything else is put back. Neither side ever sees a module of the other, and each may have a NumPy of its own. Modules of
//! the standard library are common to both.
//!
//! There is one exception. Who has pgml's directory on PL/Python's own path may have loaded its NumPy from there, and a process
//! can't load one file of NumPy's twice. Such packages are pgml's as well; both sides share them from then on.
//!
//! Only C functions of Python run here, so that no interrupt comes between two steps.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyString, PyTuple};

use super::error;
use crate::error::Result;

/// The directories below that of the standard library which hold other packages.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];

/// Where pgml's modules are, as `sys.modules` names them.
const OURS: &str = "pgml_runtime";

/// What belongs to pgml while it is away.
struct World {
    /// Its modules by their names.
    modules: Py<PyDict>,
    /// What `sys` has for it: the search path, the finders and what they remember.
    settings: Vec<(&'static str, Py<PyAny>)>,
    /// The modules that are common to both sides.
    common: HashSet<String>,
    /// The packages that somebody else loaded from pgml's directory, and all that belongs to them.
    shared: HashSet<String>,
    packages: PathBuf,
    library: Vec<PathBuf>,
}

/// What belongs to everybody else while pgml is there.
struct Away {
    modules: Py<PyDict>,
    settings: Vec<(&'static str, Py<PyAny>)>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Make pgml's world, with this directory of packages. An earlier one, of another directory, is given up.
pub fn open(py: Python<'_>, packages: &Path) -> PyResult<()> {
    WORLD.set(Some(World::new(py, packages)?));
    Ok(())
}

/// Run `work` in pgml's world; where it was not made yet, in the interpreter as it is.
pub fn visit<T>(py: Python<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // A visit within a visit is the same one.
    let Some(mut world) = WORLD.take() else { return work() };
    let visit = Visit { py, away: world.enter(py), world: Some(world) };
    if let Err(failure) = &visit.away {
        return Err(error::from_python(py, failure.clone_ref(py)));
    }
    work()
}

/// A visit that ends when it is dropped, also by a panic.
struct Visit<'py> {
    py: Python<'py>,
    away: PyResult<Away>,
    world: Option<World>,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Some(mut world) = self.world.take() {
            if let Ok(away) = &self.away {
                // Nothing but a lack of memory fails here. The server's log has it, and the next visit begins with what is there.
                if let Err(failure) = world.leave(self.py, away) {
                    failure.write_unraisable(self.py, None);
                }
            }
            WORLD.set(Some(world));
        }
    }
}

impl World {
    fn new(py: Python<'_>, packages: &Path) -> PyResult<World> {
        let library = standard_library(py)?;
        let importers = py.import("_frozen_importlib")?;
        let external = py.import("_frozen_importlib_external")?;
        let finders = [
            importers.getattr("BuiltinImporter")?,
            importers.getattr("FrozenImporter")?,
            external.getattr("PathFinder")?,
        ];
        Ok(World {
            modules: PyDict::new(py).unbind(),
            settings: vec![
                ("path", search_path(py, packages, &library)?),
                ("meta_path", PyList::new(py, finders)?.into_any().unbind()),
                ("path_hooks", hooks(py, &external)?),
                ("path_importer_cache", PyDict::new(py).into_any().unbind()),
            ],
            common: HashSet::new(),
            shared: HashSet::new(),
            packages: packages.to_owned(),
            library,
        })
    }

    /// Put everybody else's things aside and pgml's in their place.
    fn enter(&mut self, py: Python<'_>) -> PyResult<Away> {
        let sys = py.import("sys")?;
        let modules = modules(&sys)?;
        let foreign = PyDict::new(py);
        for name in self.unshared(&modules)? {
            if let Some(module) = modules.get_item(&name)?
                && root(&name) != OURS
                && !self.is_common(&name, &module, [&modules, &foreign])?
            {
                foreign.set_item(&name, &module)?;
            }
        }
        self.share(py, &foreign)?;
        for name in foreign.keys() {
            modules.del_item(name)?;
        }
        modules.update(self.modules.bind(py).as_mapping())?;
        let mut settings = Vec::with_capacity(self.settings.len());
        for (name, setting) in &self.settings {
            settings.push((*name, sys.getattr(*name)?.unbind()));
            sys.setattr(*name, setting)?;
        }
        Ok(Away { modules: foreign.unbind(), settings })
    }

    /// Takes those packages out of `foreign` that were loaded from pgml's directory. Not where pgml has loaded its own before,
    /// and not where they may have been bound to another installation of what pgml has, such as the host's NumPy.
    fn share(&mut self, py: Python<'_>, foreign: &Bound<'_, PyDict>) -> PyResult<()> {
        let (mut from_ours, mut others) = (Vec::new(), Vec::new());
        for (name, module) in foreign.iter() {
            let Ok(name) = name.extract::<String>() else { continue };
            if root(&name) != name {
                continue;
            }
            match self.is_in_packages(&module)? {
                true => from_ours.push(name),
                false => others.push(name),
            }
        }
        let own = self.modules.bind(py);
        for name in &from_ours {
            if own.contains(name)? {
                return Ok(());
            }
        }
        if from_ours.is_empty() || others.iter().any(|name| self.has_package(name)) {
            return Ok(());
        }
        self.shared.extend(from_ours);
        for name in foreign.keys() {
            if name.extract::<String>().is_ok_and(|name| self.shared.contains(root(&name))) {
                foreign.del_item(name)?;
            }
        }
        Ok(())
    }

    fn is_in_packages(&self, module: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(module) = module.cast::<PyModule>() else { return Ok(false) };
        let file = module.dict().get_item("__file__")?;
        let file = file.and_then(|file| file.extract::<PathBuf>().ok());
        Ok(file.is_some_and(|file| file.starts_with(&self.packages)))
    }

    /// Whether pgml's directory has a package or module of this name.
    fn has_package(&self, name: &str) -> bool {
        let package = self.packages.join(name);
        package.is_dir() || package.with_extension("py").is_file()
    }

    fn leave(&mut self, py: Python<'_>, away: &Away) -> PyResult<()> {
        let sys = py.import("sys")?;
        for (name, setting) in &away.settings {
            sys.setattr(*name, setting)?;
        }
        let modules = modules(&sys)?;
        let own = self.modules.bind(py).clone();
        for name in self.unshared(&modules)? {
            let Some(module) = modules.get_item(&name)? else { continue };
            if self.is_common(&name, &module, [&modules, &own])? {
                self.common.insert(name);
            } else {
                own.set_item(&name, &module)?;
                modules.del_item(&name)?;
            }
        }
        modules.update(away.modules.bind(py).as_mapping())
    }

    /// The names of modules that are not known to be common.
    fn unshared(&self, modules: &Bound<'_, PyDict>) -> PyResult<Vec<String>> {
        let mut names = Vec::new();
        for name in modules.keys() {
            // Whatever is no text is left alone.
            if let Ok(name) = name.cast::<PyString>() {
                let name = name.to_cow()?;
                if !self.common.contains(name.as_ref()) {
                    names.push(name.into_owned());
                }
            }
        }
        Ok(names)
    }

    /// Whether a module is the interpreter's own or of its standard library. One without a file is what its package is, which
    /// `tables` have.
    fn is_common(&self, name: &str, module: &Bound<'_, PyAny>, tables: [&Bound<'_, PyDict>; 2]) -> PyResult<bool> {
        let root = root(name);
        if root == OURS {
            return Ok(false);
        }
        if self.shared.contains(root) {
            return Ok(true);
        }
        let Ok(module) = module.cast::<PyModule>() else { return Ok(true) };
        let described = module.dict();
        if let Some(file) = described.get_item("__file__")?
            && let Ok(file) = file.extract::<PathBuf>()
        {
            return Ok(self.is_in_library(&file));
        }
        if described.get_item("__path__")?.is_some_and(|path| !path.is_none()) && !is_frozen(&described)? {
            // A package without a file is one in several directories: the standard library has none.
            return Ok(false);
        }
        if root != name {
            for table in tables {
                if let Some(package) = table.get_item(root)? {
                    return self.is_common(root, &package, tables);
                }
            }
        }
        Ok(true)
    }

    fn is_in_library(&self, file: &Path) -> bool {
        self.library.iter().any(|directory| match file.strip_prefix(directory) {
            Ok(below) => !below.iter().any(|part| PACKAGES.iter().any(|name| part == *name)),
            Err(_) => false,
        })
    }
}

/// The outermost package of a module.
fn root(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn modules<'py>(sys: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyDict>> {
    Ok(sys.getattr("modules")?.cast_into()?)
}

fn is_frozen(described: &Bound<'_, PyDict>) -> PyResult<bool> {
    let Some(spec) = described.get_item("__spec__")?.filter(|spec| !spec.is_none()) else { return Ok(false) };
    let origin = spec.getattr("origin")?;
    Ok(origin.extract::<String>().is_ok_and(|origin| origin == "frozen" || origin == "built-in"))
}

/// The packages, then the standard library.
fn search_path(py: Python<'_>, packages: &Path, library: &[PathBuf]) -> PyResult<Py<PyAny>> {
    // As strings: the import system ignores other types, such as pathlib's.
    let mut directories = vec![packages.as_os_str()];
    directories.extend(library.iter().map(|directory| directory.as_os_str()));
    Ok(PyList::new(py, directories)?.into_any().unbind())
}

/// What makes finders for directories and archives; without those that somebody has put before them.
fn hooks(py: Python<'_>, external: &Bound<'_, PyModule>) -> PyResult<Py<PyAny>> {
    let loaders = external.call_method0("_get_supported_file_loaders")?;
    let loaders: Vec<Bound<'_, PyAny>> = loaders.extract()?;
    let finder = external.getattr("FileFinder")?.getattr("path_hook")?;
    let directories = finder.call1(PyTuple::new(py, loaders)?)?;
    Ok(PyList::new(py, [py.import("zipimport")?.getattr("zipimporter")?, directories])?.into_any().unbind())
}

/// The directories of the standard library. From where the interpreter lives and not from `sys.path`, where anything may be.
fn standard_library(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let sys = py.import("sys")?;
    let version = py.version_info();
    let name = format!("python{}.{}", version.major, version.minor);
    // Python 3.8 has no such name.
    let library = sys.getattr("platlibdir").ok().and_then(|name| name.extract::<OsString>().ok());
    let library = library.unwrap_or_else(|| "lib".into());
    let mut found: Vec<PathBuf> = Vec::new();
    for prefix in ["base_prefix", "base_exec_prefix"] {
        let prefix: PathBuf = sys.getattr(prefix)?.extract()?;
        for library in [Path::new(&library), Path::new("lib")] {
            let directory = prefix.join(library).join(&name);
            for directory in [directory.clone(), directory.join("lib-dynload")] {
                if directory.is_dir() && !found.contains(&directory) {
                    found.push(directory);
                }
            }
        }
    }
    Ok(found)
}
