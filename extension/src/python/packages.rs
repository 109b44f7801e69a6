//! Where the Python packages are.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use super::error::INSTALL;
use super::{home, interpreter};
use crate::error::{Error, Failure, Result};
use crate::settings;

/// The directory of packages for this interpreter, by the settings.
pub fn directory(py: Python<'_>) -> Result<PathBuf> {
    let version = interpreter::version(py);
    match settings::venv() {
        Some(venv) => in_venv(&venv, &version),
        None => {
            let directory = settings::runtime_path().join(format!("python{version}/site-packages"));
            if directory.is_dir() {
                return Ok(directory);
            }
            home::packages(&version).ok_or_else(|| missing(&version, &directory))
        }
    }
}

fn in_venv(venv: &Path, version: &str) -> Result<PathBuf> {
    let directory = venv.join(format!("lib/python{version}/site-packages"));
    if directory.is_dir() {
        return Ok(directory);
    }
    let others = pythons_of(venv);
    let message = match others.first() {
        Some(_) => format!(
            "pgml.venv is of {}, and this server has Python {version}: {}",
            others.join(" and "),
            venv.display()
        ),
        None => format!("pgml.venv is not a virtual environment: {}", venv.display()),
    };
    Err(Failure::new("F0000", message)
        .with_detail(format!("There is no directory {}.", directory.display()))
        .with_hint(format!("Make it with python{version} -m venv, or reset pgml.venv to use pgml.runtime_path."))
        .into())
}

/// The Python versions that a virtual environment has packages for.
fn pythons_of(venv: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(venv.join("lib")) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_prefix("python").map(|version| format!("Python {version}")))
        .collect();
    found.sort();
    found
}

fn missing(version: &str, directory: &Path) -> Error {
    Failure::new("58P01", format!("the Python packages of pgml are not installed for Python {version}"))
        .with_detail(format!("There is no directory {}.", directory.display()))
        .with_hint(INSTALL)
        .into()
}
