//! Training in Rust without any Python package, so that there is no fallback.

use base::exit::Failure;

use super::{InstallTest, ensure};
use crate::system::System;

impl InstallTest<'_> {
    /// The suite in a server without `pgml-python`, and what it trained after a restart.
    pub(super) fn rust_alone(&self, system: &System) -> Result<(), Failure> {
        self.new_database(system, "rust")?;
        self.run_file(system, "rust", "rust-runtime.sql")?;
        self.restart(system)?;
        let predicted = self.psql(
            system,
            "rust",
            "SELECT round(pgml.predict('linear regression', ARRAY[3, 4, 5]::float8[])::numeric, 6), \
             pgml.predict('lightgbm classification', ARRAY[6, 10, 1]::float8[]), pgml.python_is_running()",
        )?;
        ensure(predicted.trim() == "10.000000|2|f", || {
            format!("after the restart, without Python: {predicted}")
        })
    }
}
