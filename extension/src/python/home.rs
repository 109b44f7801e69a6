//! A Python that is mounted and not installed, as in a Kubernetes volume: its standard library is beside its shared library,
//! and the packages of pgml are one directory up. The image `pgml-python` has them so; docs/images.md describes it.

use std::path::{Path, PathBuf};

use crate::symbols;

/// The directory with `lib/libpython3.X.so.1.0` and `lib/python3.X/`, if the interpreter's library was loaded from such a place.
/// A distribution has the two in different directories, and the interpreter knows the second.
pub fn mounted() -> Option<PathBuf> {
    let library = symbols::library_of(pyo3::ffi::Py_IsInitialized as *const () as *mut _)?;
    of_library(&library)
}

fn of_library(library: &Path) -> Option<PathBuf> {
    let directory = library.parent()?;
    let name = library.file_name()?.to_str()?;
    let version = name.strip_prefix("lib")?.split(".so").next()?;
    let is_home = directory.ends_with("lib") && directory.join(version).join("os.py").is_file();
    is_home.then(|| directory.parent().map(Path::to_owned)).flatten()
}

/// The packages of pgml beside a mounted interpreter of this version.
pub fn packages(version: &str) -> Option<PathBuf> {
    let packages = mounted()?.join(format!("pgml/python{version}/site-packages"));
    packages.is_dir().then_some(packages)
}
