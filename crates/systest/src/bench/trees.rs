//! The bench `trees`: what evaluates trees elsewhere, beside pgml, on the same models and rows.
//!
//! `packaging/bench/trees/prepare.py` trains in the server and hands the models to the others' libraries, the builder's
//! compiler makes libraries of the C that one of them writes, and `measure.py` lets all sides take turns.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use base::sandbox::Sandbox;

use crate::bench::{BenchError, Case, TREES, Version, cases};
use crate::install::{InstallTest, PORT};
use crate::system::System;

/// Where the wheels of the others are shown.
pub(super) const WHEELS: &str = "/srv/others";
/// Where the models lie.
const MADE: &str = "/srv/made";
/// What measure.py writes before the list of versions.
const VERSIONS: &str = "versions ";

/// As tl2cgen's own build of it, one file after the other on each processor.
const COMPILE: &str = r#"
for c in /build/*/c; do
    cd "$c"
    ls tu*.c main.c 2>/dev/null | xargs -P "$(nproc)" -I{} gcc -c -O3 -fPIC -std=c99 {}
    gcc -shared -o model.so *.o -lm
done
gcc -dumpfullversion
"#;

/// What pgml is compared with.
pub struct Others {
    /// The tree of the installed wheels.
    pub wheels: PathBuf,
    /// The root file system with a compiler.
    pub compiler: PathBuf,
}

impl Others {
    /// Makes the models, and measures all sides on each. Returns the cases and what was compared with.
    pub(super) fn measure(
        &self,
        install: &InstallTest<'_>,
        system: &System,
        rounds: u32,
        listener: &dyn Listener,
    ) -> Result<(Vec<Case>, Vec<Version>), Failure> {
        install.new_database(system, TREES)?;
        let python = &install.python;
        let run = |program: &str, more: &str| {
            let script = format!(
                "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={WHEELS}/python{python}/site-packages OMP_NUM_THREADS=1 \
                 python{python} /srv/bench/trees/{program} {PORT} {TREES} {MADE} {more}"
            );
            system.script("postgres", &script)
        };
        system.script("root", &format!("install -d -o postgres {MADE}"))?;
        listener.progress(TREES, "training the models");
        run("prepare.py", "")?;
        listener.progress(TREES, "compiling what tl2cgen wrote");
        let made = system.root().join(MADE.trim_start_matches('/'));
        let gcc = Sandbox::new(&self.compiler)
            .writable(&made, "/build")
            .script(COMPILE)
            .output(install.log)?;
        listener.progress(TREES, "measuring");
        let printed = run("measure.py", &rounds.to_string())?;
        files::write(&install.log.with_extension("trees"), &printed)?;
        read(&printed, String::from_utf8_lossy(&gcc).trim())
    }
}

/// The cases and versions that measure.py printed.
fn read(printed: &str, gcc: &str) -> Result<(Vec<Case>, Vec<Version>), Failure> {
    let wrong = |source| BenchError::Trees { source };
    let found = cases(printed, &[TREES]).map_err(|error| wrong(Some(error)))?;
    let line = printed.lines().find_map(|line| line.strip_prefix(VERSIONS));
    let line = line.filter(|_| !found.is_empty()).ok_or(wrong(None))?;
    let mut versions: Vec<Version> =
        serde_json::from_str(line).map_err(|error| wrong(Some(error)))?;
    versions.push(Version {
        name: "gcc".into(),
        version: gcc.into(),
    });
    Ok((found, versions))
}
