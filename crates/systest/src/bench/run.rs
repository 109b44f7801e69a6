//! Runs the scripts in a clean system that has the packages.

use std::path::Path;

use base::exit::{Exit, ExitKind, Failure};
use base::progress::Listener;

use crate::bench::trees::{self, Others};
use crate::bench::{BENCHES, Case, Document, Machine, TREES, VERSION, Version, cases};
use crate::install::InstallTest;
use crate::system::System;

/// What is measured, and how thoroughly.
pub struct Benches<'a> {
    /// The names of the benches; all when there is none.
    pub names: &'a [String],
    /// Rounds of each comparison.
    pub rounds: u32,
    /// Seconds of each run of pgbench.
    pub seconds: u32,
    /// What `trees` compares with; it runs only with them.
    pub others: Option<&'a Others>,
}

/// Why a bench has no result.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BenchError {
    /// The script did not print what it should.
    #[error("`packaging/bench/{script}.sql` printed something else than its cases")]
    #[diagnostic(help(
        "run it with `psql -f` in a database with the extension to see what it says"
    ))]
    Printed {
        /// The name of the SQL script, without `.sql`.
        script: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It printed nothing for a bench.
    #[error("`packaging/bench/{script}.sql` measured nothing for `{name}`")]
    Nothing {
        /// The name of the SQL script, without `.sql`.
        script: &'static str,
        /// The name of the bench that got no value.
        name: &'static str,
    },
    /// The programs of `trees` did not print what they should.
    #[error(
        "`packaging/bench/trees/measure.py` printed something else than its cases and versions"
    )]
    #[diagnostic(help("what it printed is in the log of the bench"))]
    Trees {
        /// What is wrong with it, where it is JSON at all.
        source: Option<serde_json::Error>,
    },
    /// There are no wheels for the Python of the target.
    #[error("`bench trees` has no wheels for Python {python} on this architecture")]
    #[diagnostic(help(
        "add a `[[wheels.fixture]]` of the name `bench` with that Python to `packaging/targets.toml`, then `cargo xtask lock --update bench-python{python}`"
    ))]
    NoWheels {
        /// The version of the target's Python.
        python: String,
    },
}

impl ExitKind for BenchError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoWheels { .. } => Exit::CannotHere,
            Self::Printed { .. } | Self::Nothing { .. } | Self::Trees { .. } => Exit::CheckFailed,
        }
    }
}

impl Benches<'_> {
    /// Installs the packages and runs the scripts of the benches.
    pub fn run(
        &self,
        install: &InstallTest<'_>,
        listener: &dyn Listener,
    ) -> Result<Document, Failure> {
        let shown = self
            .others
            .map(|others| (others.wheels.as_path(), trees::WHEELS));
        let system = install.prepared(shown.as_slice())?;
        let load_before = load();
        let mut found = Vec::new();
        let mut versions: Vec<Version> = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for bench in BENCHES.iter().filter(|bench| self.wants(bench.name)) {
            if done.contains(&bench.script) {
                continue;
            }
            done.push(bench.script);
            listener.started(bench.script, "measuring");
            let measured = match self.others {
                Some(others) if bench.name == TREES => {
                    let (measured, of) = others.measure(install, &system, self.rounds, listener)?;
                    versions = of;
                    measured
                }
                _ => self.script(install, &system, bench.script)?,
            };
            listener.finished(bench.script, &format!("{} cases", measured.len()));
            found.extend(measured);
        }
        Ok(Document {
            version: VERSION,
            target: install.target.clone(),
            machine: Machine {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                load_before,
                load_after: load(),
            },
            versions,
            cases: found,
        })
    }

    fn wants(&self, name: &str) -> bool {
        match self.names.is_empty() {
            true => name != TREES,
            false => self.names.iter().any(|wanted| wanted == name),
        }
    }

    /// The cases of one script, those that are wanted.
    fn script(
        &self,
        install: &InstallTest<'_>,
        system: &System,
        script: &'static str,
    ) -> Result<Vec<Case>, Failure> {
        let wanted: Vec<&'static str> = BENCHES
            .iter()
            .filter(|bench| bench.script == script && self.wants(bench.name))
            .map(|bench| bench.name)
            .collect();
        let path = format!("/srv/bench/{script}.sql");
        let variables = [("rounds", self.rounds), ("seconds", self.seconds)];
        let printed = install.script(system, &path, &variables)?;
        let found =
            cases(&printed, &wanted).map_err(|source| BenchError::Printed { script, source })?;
        match wanted
            .iter()
            .find(|name| found.iter().all(|case| case.bench != **name))
        {
            Some(name) => Err(BenchError::Nothing { script, name }.into()),
            None => Ok(found),
        }
    }
}

/// The load of the last minute; 0 where Linux doesn't tell it.
pub(super) fn load() -> f64 {
    let text = base::files::read_text(Path::new("/proc/loadavg")).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}
