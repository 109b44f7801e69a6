//! The ways to move a cluster from one Postgres major to the next.

use base::exit::Failure;

use crate::cases::{Cases, failure_line};
use crate::install::{CLUSTER, InstallTest, PORT, create_cluster};
use crate::packages::DATABASE;
use crate::system::System;

/// The port of a cluster beside the one under test.
pub(super) const PORT_BESIDE: &str = "5498";
/// A cluster that never had our extension.
const CONTROL: &str = "control";

/// A way from one major to the next.
enum Way {
    /// `pg_upgradecluster --method=`: postgresql-common's, with the newer major's programs.
    UpgradeCluster(&'static str),
    /// The older major's own `pg_dump`, and `psql` of the newer.
    OwnDump,
}

/// The system continues with the last way, so it must be one in which Postgres itself does not fail.
const WAYS: [Way; 3] = [
    Way::UpgradeCluster("dump"),
    Way::UpgradeCluster("upgrade"),
    Way::OwnDump,
];

/// From where to where.
#[derive(Clone, Copy)]
pub(super) struct Majors {
    pub old: u16,
    pub new: u16,
}

impl InstallTest<'_> {
    /// Moves the cluster in each way, each time from the state of the old cluster, and checks the result with `same`. A way
    /// that also fails for a cluster without the extension is reported as not run, with the reason. Returns false where a
    /// way failed.
    pub(super) fn move_cluster(
        &self,
        system: &System,
        majors: Majors,
        codename: &str,
        same: &dyn Fn() -> Result<(), Failure>,
        cases: &mut Cases<'_>,
    ) -> bool {
        let Majors { old, new } = majors;
        let (mut moved, mut failed) = (false, false);
        for way in WAYS {
            let name = match way {
                Way::UpgradeCluster(method) => {
                    format!("pg_upgradecluster --method={method} {old} → {new} on {codename}")
                }
                Way::OwnDump => {
                    format!("pg_dump of {old}, restored by psql of {new} on {codename}")
                }
            };
            let name = format!("{name}: every model predicts the same");
            let without_us = match way {
                Way::UpgradeCluster(method) => self.fails_without_us(system, majors, method),
                Way::OwnDump => Ok(None),
            };
            if let Ok(Some(reason)) = &without_us {
                let why = format!("it fails with a cluster that has no pgml too: {reason}");
                cases.not_run(&name, why);
                continue;
            }
            let done = cases.run(&name, || {
                without_us?;
                if moved {
                    put_back(system, majors)?;
                }
                moved = true;
                match way {
                    Way::UpgradeCluster(method) => {
                        upgrade_cluster(system, majors, method, CLUSTER)?
                    }
                    Way::OwnDump => own_dump(system, majors)?,
                }
                self.require_major(system, new)?;
                same()
            });
            failed |= done.is_none();
        }
        !failed
    }

    /// Moves a cluster with one table and no extension. Returns the error where that fails too.
    fn fails_without_us(
        &self,
        system: &System,
        majors: Majors,
        method: &str,
    ) -> Result<Option<String>, Failure> {
        let Majors { old, new } = majors;
        create_cluster(system, old, CONTROL, PORT_BESIDE)?;
        let table =
            format!("psql -Xq -p {PORT_BESIDE} -c 'CREATE TABLE control AS SELECT 1 AS one' 2>&1");
        system.script("postgres", &table)?;
        let moved = upgrade_cluster(system, majors, method, CONTROL);
        let drop = format!(
            "for major in {old} {new}; do
               [ ! -e /etc/postgresql/$major/{CONTROL} ] || pg_dropcluster --stop $major {CONTROL} 2>&1
             done"
        );
        system.script("root", &drop)?;
        Ok(moved.err().map(|failure| failure_line(&failure)))
    }
}

/// Runs pg_upgradecluster. Its error has the lines with errors, those of pg_upgrade's own logs included, without the
/// statements of the dump between them.
fn upgrade_cluster(
    system: &System,
    Majors { old, new }: Majors,
    method: &str,
    cluster: &str,
) -> Result<(), Failure> {
    let upgrade = format!(
        "pg_upgradecluster --method={method} -v {new} {old} {cluster} > /tmp/moving.log 2>&1 || {{
           logs=$(find /var/log/postgresql/pg_upgradecluster-{old}-{new}-{cluster}.* -name '*.log' 2>/dev/null || true)
           grep -h -i -E 'error|fatal|failure' /tmp/moving.log $logs | sort -u | head -n 8 || true
           tail -n 3 /tmp/moving.log
           exit 1
         }}"
    );
    system.script("root", &upgrade).map(drop)
}

/// The newer cluster is made beside the older one, filled, and takes its port.
fn own_dump(system: &System, Majors { old, new }: Majors) -> Result<(), Failure> {
    create_cluster(system, new, CLUSTER, PORT_BESIDE)?;
    let restore = format!(
        "cd /tmp
         /usr/lib/postgresql/{old}/bin/pg_dump -p {PORT} --create {DATABASE} > {DATABASE}.sql
         psql -Xq -v ON_ERROR_STOP=1 -p {PORT_BESIDE} -d postgres -f {DATABASE}.sql 2>&1 >/dev/null"
    );
    system.script("postgres", &restore)?;
    let exchange = format!(
        "pg_ctlcluster {old} {CLUSTER} stop 2>&1
         pg_conftool {old} {CLUSTER} set port {PORT_BESIDE} 2>&1
         pg_conftool {new} {CLUSTER} set port {PORT} 2>&1
         pg_ctlcluster {new} {CLUSTER} restart 2>&1"
    );
    system.script("root", &exchange).map(drop)
}

/// Starts the old cluster again and removes the new one, in whatever state the last way left them.
fn put_back(system: &System, Majors { old, new }: Majors) -> Result<(), Failure> {
    let script = format!(
        "[ ! -e /etc/postgresql/{new}/{CLUSTER} ] || pg_dropcluster --stop {new} {CLUSTER} 2>&1
         pg_conftool {old} {CLUSTER} set port {PORT} 2>&1
         pg_ctlcluster {old} {CLUSTER} restart 2>&1"
    );
    system.script("root", &script).map(drop)
}
