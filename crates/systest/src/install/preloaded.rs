//! The library in `shared_preload_libraries`: a session knows the settings before the first call.

use base::exit::Failure;

use super::{CLUSTER, InstallTest, ensure};
use crate::system::System;

impl InstallTest<'_> {
    /// `ALTER SYSTEM SET pgml.…` in a session that has called nothing; training and prediction afterwards; and everything as
    /// it was.
    pub(super) fn preloaded(&self, system: &System) -> Result<(), Failure> {
        let set = |value: &str| {
            let script = format!(
                "pg_conftool {} {CLUSTER} set shared_preload_libraries '{value}' 2>&1",
                self.major
            );
            system.script("root", &script).map(drop)
        };
        set("pgml")?;
        self.restart(system)?;
        self.psql(
            system,
            "postgres",
            "ALTER SYSTEM SET pgml.memory_limit = '900MB'",
        )?;
        self.psql(system, "postgres", "SELECT pg_reload_conf(), pg_sleep(0.5)")?;
        let shown = self.psql(system, "postgres", "SHOW pgml.memory_limit")?;
        ensure(shown.trim() == "900MB", || {
            format!("pgml.memory_limit is {shown}")
        })?;
        self.new_database(system, "preloaded")?;
        // Each by itself: psql of PostgreSQL 14 and before prints what the last of several statements says.
        for statement in [
            "SELECT deployed FROM pgml.train('d', 'regression', \
             (SELECT table_name FROM pgml.load_dataset('diabetes')), 'target')",
            "SELECT pgml.predict('d', array_fill(0, '{10}')) IS NOT NULL",
        ] {
            let found = self.psql(system, "preloaded", statement)?;
            ensure(found.trim() == "t", || format!("{statement}: {found}"))?;
        }
        self.psql(system, "postgres", "ALTER SYSTEM RESET pgml.memory_limit")?;
        set("")?;
        self.restart(system)
    }
}
