//! The oldest processor of the architecture, emulated: code for a newer processor ends there with an illegal instruction.

use std::path::Path;

use base::exit::Failure;
use base::files;

use crate::cases::{Cases, ensure};
use crate::install::{CLUSTER, InstallTest};
use crate::system::System;

/// The emulator in Debian's package qemu-user-static.
const EMULATOR: &str = "/usr/bin/qemu-x86_64-static";

/// What runs on it, each with what the server must print: the library alone, then the whole runtime.
const STATEMENTS: [(&str, &str, &str); 2] = [
    (
        "on plain x86-64 (qemu64) the vector functions run",
        "SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0]) AS answer",
        "answer = \"11\"",
    ),
    (
        "on plain x86-64 (qemu64) scikit-learn, XGBoost and LightGBM train",
        "SELECT count(*) AS answer \
         FROM unnest('{linear,svm,gaussian_process,xgboost,lightgbm}'::pgml.algorithm[]) AS algorithm, \
         pgml.train('floor ' || algorithm, 'regression', 'pgml.diabetes', 'target', algorithm) AS trained \
         WHERE deployed",
        "answer = \"5\"",
    ),
];

impl InstallTest<'_> {
    pub(super) fn oldest_processor(&self, system: &System, cases: &mut Cases<'_>) {
        for (name, sql, answer) in STATEMENTS {
            cases.run(name, || {
                let said = self.emulated(system, sql)?;
                ensure(said.contains(answer), || {
                    format!("the emulated server says: {}", said.trim())
                })
            });
        }
        cases.run("the cluster starts again on this machine", || {
            self.restart(system)
        });
    }

    /// Runs one statement in a single-process server under the emulator. The last line names the signal where one ended the
    /// server.
    fn emulated(&self, system: &System, sql: &str) -> Result<String, Failure> {
        let emulator = system.root().join("srv/emulator");
        files::copy(Path::new(EMULATOR), &emulator)?;
        files::set_mode(&emulator, 0o755)?;
        system.write("/srv/statement.sql", &format!("{sql}\n"))?;
        let major = self.major;
        let stop = format!("pg_ctlcluster {major} {CLUSTER} stop 2>&1 || true");
        system.script("root", &stop)?;
        let script = format!(
            "cd /tmp; OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 /srv/emulator -cpu qemu64 \
             /usr/lib/postgresql/{major}/bin/postgres --single -D /var/lib/postgresql/{major}/{CLUSTER} \
             -c config_file=/etc/postgresql/{major}/{CLUSTER}/postgresql.conf -c log_min_messages=error life \
             < /srv/statement.sql 2>&1 || echo \"ended with $?\""
        );
        system.script("postgres", &script)
    }
}
