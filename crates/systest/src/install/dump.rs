//! `pg_dump` of a database with models, restored: the rows and the predictions are the same, and training works.

use base::exit::Failure;

use crate::cases::{Cases, ensure};
use crate::install::{InstallTest, PORT};
use crate::system::System;

/// The edition that is saved, and the one that a restore is to make. `pg_dump` writes `CREATE EXTENSION` without a
/// version (its manual, "Notes"), so that staying in an edition which is not the current one takes another text:
/// `docs/sql/edition-1.0.md`.
const WAYS: [(&str, Option<&str>); 4] = [
    ("1.0", Some("1.0")),
    ("2.10.0", Some("2.10.0")),
    ("2.10.0", None),
    ("3.0.0", None),
];

impl InstallTest<'_> {
    /// A case for each edition.
    pub(super) fn dumps(&self, system: &System, cases: &mut Cases<'_>) {
        for (edition, restored_as) in WAYS {
            let name = match restored_as {
                Some(_) => format!("a dump of edition {edition} is restored, in that edition"),
                None => format!("a dump of edition {edition} is restored"),
            };
            cases.run(&name, || self.dump(system, edition, restored_as));
        }
    }

    fn dump(
        &self,
        system: &System,
        edition: &str,
        restored_as: Option<&str>,
    ) -> Result<(), Failure> {
        self.bare_database(system, "dumped")?;
        self.bare_database(system, "restored")?;
        let create = format!("CREATE EXTENSION pgml VERSION '{edition}'");
        self.psql(system, "dumped", &create)?;
        self.run_file(system, "dumped", "dump/before.sql")?;
        let restore = match restored_as {
            // The page's, with a file between: this shell does not tell of a program that fails before a pipe's last.
            Some(version) => format!(
                "pg_dump dumped >dump; sed \"s/^CREATE EXTENSION IF NOT EXISTS pgml WITH SCHEMA pg_catalog;/\
                 CREATE EXTENSION pgml VERSION '{version}';/\" dump | psql -X -q -v ON_ERROR_STOP=1 restored"
            ),
            None => "pg_dump --format=custom --file=dump dumped; pg_restore --exit-on-error --dbname=restored dump".to_owned(),
        };
        let script = format!("cd /tmp; export PGPORT={PORT}; {restore} 2>&1");
        system.script("postgres", &script)?;
        let version = "SELECT extversion FROM pg_extension WHERE extname = 'pgml'";
        let found = self.psql(system, "restored", version)?;
        let current = self.psql(
            system,
            "restored",
            "SELECT default_version FROM pg_available_extensions WHERE name = 'pgml'",
        )?;
        let expected = restored_as.unwrap_or(current.trim());
        ensure(found.trim() == expected, || {
            format!("the restored database has edition {found}")
        })?;
        self.run_file(system, "restored", "dump/after.sql")
    }
}
