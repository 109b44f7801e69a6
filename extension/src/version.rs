//! What is installed, and whether it is sound.

use pgrx::prelude::*;

use crate::error::SqlResult;
use crate::strings::Str;
use crate::vectors::blas;
use crate::{python, symbols};

#[pg_extern(sql = false)]
fn pgml_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Which OpenBLAS is inside, and which processor's kernels it chose.
#[pg_extern(sql = false)]
fn pgml_blas_config() -> &'static str {
    blas::config()
}

/// The version of the interpreter, which is started for it.
#[pg_extern(sql = false)]
fn pgml_python_version() -> SqlResult<String> {
    Ok(python::version()?)
}

/// Whether this session has an interpreter; the question starts none.
#[pg_extern(sql = false)]
fn pgml_python_is_running() -> bool {
    python::is_running()
}

#[pg_extern(sql = false)]
fn pgml_python_package_version(name: Str) -> SqlResult<String> {
    Ok(python::package_version(&name.0)?)
}

#[pg_extern(sql = false)]
fn pgml_python_pip_freeze() -> SqlResult<TableIterator<'static, (name!(package, String),)>> {
    Ok(TableIterator::new(python::freeze()?.into_iter().map(|package| (package,))))
}

#[pg_extern(sql = false)]
fn pgml_validate_python_dependencies() -> SqlResult<bool> {
    python::check()?;
    Ok(true)
}

#[pg_extern(sql = false)]
fn pgml_validate_shared_library() -> SqlResult<bool> {
    symbols::check_global_scope()?;
    Ok(true)
}
