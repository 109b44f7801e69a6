//! The cluster that a test makes, and others beside it, by postgresql-common's commands.

use base::exit::Failure;

use super::{CLUSTER, InstallTest, PORT};
use crate::cases::ensure;
use crate::system::System;

impl InstallTest<'_> {
    /// The one that the test is about, running.
    pub(crate) fn create_cluster(&self, system: &System) -> Result<(), Failure> {
        create_cluster(system, self.major, CLUSTER, PORT)?;
        self.require_major(system, self.major)
    }

    /// The server at the test's port is of this major.
    pub(crate) fn require_major(&self, system: &System, major: u16) -> Result<(), Failure> {
        let version = self.psql(system, "postgres", "SHOW server_version_num")?;
        ensure(version.trim().starts_with(&major.to_string()), || {
            format!("the server says it is version {version}")
        })
    }

    pub(crate) fn restart(&self, system: &System) -> Result<(), Failure> {
        system.script(
            "root",
            &format!("pg_ctlcluster {} {CLUSTER} restart 2>&1", self.major),
        )?;
        Ok(())
    }
}

/// Makes a cluster that starts at once and trusts every local user.
pub(crate) fn create_cluster(
    system: &System,
    major: u16,
    name: &str,
    port: &str,
) -> Result<(), Failure> {
    let script = format!(
        "pg_createcluster {major} {name} --port={port} --locale=C.UTF-8 --start -- --auth=trust 2>&1"
    );
    system.script("root", &script).map(drop)
}
