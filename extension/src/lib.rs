//! The library of the `pgml` extension.
//!
//! The SQL that declares these functions is written by hand in `sql/`: editions of the extension differ in SQL only, and
//! this one library serves them all. Each `#[pg_extern]` here therefore generates no SQL, and gives the C symbol
//! `<name>_wrapper` that the SQL names.
//!
//! Loading the library starts no interpreter: only training and prediction do, in `python/`.

use pgrx::prelude::*;

mod arguments;
mod arrays;
mod catalog;
mod classes;
mod deploy;
mod edition_1_0;
mod edition_2_10;
mod error;
mod evaluate;
mod exchange;
mod explain;
mod fit;
mod importances;
mod json;
mod life;
mod load_dataset;
mod membership;
mod memory;
mod native;
#[cfg(not(feature = "no-schema"))]
mod pgrx_schema;
mod planning;
mod predict;
mod preparation;
mod progress;
mod python;
mod relation;
mod resolution;
mod rights;
mod row;
mod rows;
mod runtime;
mod rust_runtime;
mod scan;
mod scores;
mod seal;
mod sets;
mod settings;
mod shared;
mod snapshot;
mod spi;
mod strings;
mod symbols;
mod text;
mod train;
mod trust;
mod vectors;
mod version;

pgrx::pg_module_magic!();

// OpenBLAS is linked through this crate; nothing of it is called by name.
extern crate pgml_openblas;

#[pg_guard]
extern "C-unwind" fn _PG_init() {
    // pgrx adds a backtrace of this library to every ERROR when the server happens to have RUST_BACKTRACE set; users
    // want the error. A developer sets RUST_LIB_BACKTRACE.
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
        // SAFETY: a server process has one thread.
        unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    }
    settings::define();
    resolution::watch_transactions();
}
