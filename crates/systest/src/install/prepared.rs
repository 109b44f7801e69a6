//! The installed system without the suites, for benches.

use std::path::Path;

use base::exit::Failure;

use crate::install::{InstallTest, PORT};
use crate::system::System;

impl InstallTest<'_> {
    /// A system as `run` has it before its first suite, with further directories of the host at places inside.
    pub fn prepared(&self, further: &[(&Path, &str)]) -> Result<System, Failure> {
        let system = self.start_showing(further)?;
        self.install(&system)?;
        self.create_cluster(&system)?;
        self.install_tools(&system)?;
        Ok(system)
    }

    /// Runs a script in a new database with the extension and returns what it prints.
    pub fn script(
        &self,
        system: &System,
        path: &str,
        variables: &[(&str, u32)],
    ) -> Result<String, Failure> {
        self.new_database(system, "script")?;
        let set: String = variables
            .iter()
            .map(|(name, value)| format!(" -v {name}={value}"))
            .collect();
        let script = format!("psql -Xq -v ON_ERROR_STOP=1{set} -p {PORT} -d script -f {path}");
        system.script("postgres", &script)
    }
}
