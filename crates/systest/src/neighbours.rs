//! The suite `neighbours`: pgml in one backend with extensions that bring a BLAS, C++ or an interpreter of their own, loaded
//! before it trains: PL/R (R's BLAS and OpenMP), PostGIS raster (GDAL, Armadillo, OpenBLAS), pgRouting, PL/Python.
//!
//! They are packages of the distribution that are in none of our locks. So the system is made from the archive that this
//! machine's apt uses, and only for this machine's own distribution.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{Program, copy_this_program};
use base::progress::Listener;

use crate::cases::{Case, Cases, ensure};
use crate::install::InstallTest;
use crate::run::TestRun;
use crate::system::System;

/// The extensions' packages; `{major}` stands for the server's.
const PACKAGES: [&str; 6] = [
    "postgresql-{major}",
    "postgresql-{major}-plr",
    "postgresql-{major}-postgis-3",
    "postgresql-{major}-pgrouting",
    "postgresql-plpython3-{major}",
    "libopenblas0-pthread",
];
/// The expected verdicts on their libraries, by the start of the file's name: the rules that fail, and a word of each
/// finding. docs/verify.md has the table.
const VERDICTS: [(&str, &[(&str, &str)]); 3] = [
    ("plr.so", &[("S3", "libblas"), ("S11", "libopenblas")]),
    (
        "postgis_raster-3.so",
        &[("S3", "libblas"), ("S11", "libopenblas")],
    ),
    ("libpgrouting-", &[("S11", "boost")]),
];
/// Where this machine says which archive it uses, in both spellings.
const SOURCES: [&str; 2] = ["/etc/apt/sources.list", "/etc/apt/sources.list.d"];

impl TestRun<'_> {
    /// The suite on each target of this machine's own distribution.
    pub fn neighbours(&self) -> Result<Vec<Case>, Failure> {
        let mut done = Vec::new();
        for target in self.chosen {
            let here = self.pipeline.host.os.codename == target.distribution.codename;
            let why = self
                .not_installable(target)
                .or((!here).then_some("this machine's archive is another distribution's"));
            match why {
                None => done.extend(
                    self.in_clean_system(target, "neighbours", |test, to| test.neighbours(to))?,
                ),
                Some(why) => {
                    let mut cases = Cases::new(format!("{target} neighbours:"), self.listener);
                    cases.not_run("extensions that bring a BLAS of their own", why);
                    done.extend(cases.done);
                }
            }
        }
        Ok(done)
    }
}

impl InstallTest<'_> {
    fn neighbours(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} neighbours:", self.target), listener);
        let archive = self.scratch.with_extension("tar");
        let made = cases.run("a system with them, from this machine's archive", || {
            self.system_with_neighbours(&archive)
        });
        if made.is_none() {
            return Ok(cases.done);
        }
        let test = InstallTest {
            base: &archive,
            target: self.target.clone(),
            python: self.python.clone(),
            ..*self
        };
        let system = test.start()?;
        let started = cases.run("apt installs pgml beside them and a cluster starts", || {
            test.install(&system)?;
            test.create_cluster(&system)
        });
        if started.is_some() {
            let files = files::files_below(&self.source.join("packaging/tests/neighbours"))?;
            for file in files {
                let file = format!("neighbours/{}", file.display());
                cases.run(&file, || {
                    test.new_database(&system, "suite")?;
                    test.run_file(&system, "suite", &file)
                });
            }
            cases.run("a backend that has them maps more than one BLAS", || {
                test.shared_blas(&system)
            });
            // Catches a verdict that loses what a dependency brings, and a scan that does not end at a real extension.
            for (library, rules) in VERDICTS {
                cases.run(&format!("verify --root: {library}"), || {
                    test.judged(&system, library, rules)
                });
            }
        }
        drop(system);
        files::remove_file(&archive)?;
        Ok(cases.done)
    }

    /// Checks an extension of the system against the system's own libraries. The rules in `expected` have to fail with the
    /// expected findings, and every rule has to be checked.
    fn judged(
        &self,
        system: &System,
        library: &str,
        expected: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let report = self.verdict(system, library)?;
        let rules = report["libraries"][0]["rules"].as_array();
        let rules = rules.map_or(&[][..], Vec::as_slice);
        let of = |name: &str| rules.iter().find(|rule| rule["rule"] == name);
        for name in ["S1", "S2", "S3", "S11"] {
            let unchecked = of(name).map(|rule| &rule["unchecked"]);
            let complete =
                unchecked.is_some_and(|parts| parts.as_array().is_none_or(Vec::is_empty));
            ensure(complete, || {
                format!("{name} was not checked whole: {unchecked:?}")
            })?;
        }
        for (name, word) in expected {
            let findings = of(name).map_or_else(String::new, |rule| rule["findings"].to_string());
            ensure(findings.contains(word), || {
                format!("{name} does not name {word}: {findings}")
            })?;
        }
        Ok(())
    }

    /// What `verify --root` prints about a library of the server in the system.
    fn verdict(&self, system: &System, library: &str) -> Result<serde_json::Value, Failure> {
        let dir = system
            .root()
            .join(format!("usr/lib/postgresql/{}/lib", self.major));
        let names = files::files_below(&dir)?;
        let found = names
            .iter()
            .find(|name| name.to_string_lossy().starts_with(library));
        let file = dir.join(found.map_or_else(|| PathBuf::from(library), Clone::clone));
        let program = self.scratch.with_extension("program");
        copy_this_program(&program)?;
        // A verdict of `failed` is exit 1, which is what is expected here.
        let printed = ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME"]
            .iter()
            .fold(Program::new("sh"), |program, name| {
                program.inherit_env(name)
            })
            .args(["-euc", "\"$@\" || test $? = 1", "sh"])
            .arg(&program)
            .args(["verify", "--json", "--target", &self.target, "--root"])
            .arg(system.root())
            .arg("--source")
            .arg(self.source)
            .arg(&file)
            .output(self.log)?;
        files::remove_file(&program)?;
        let at = file.display().to_string();
        serde_json::from_slice(&printed)
            .map_err(|error| FileError::at("judge", at)(error.into()).into())
    }

    /// Without a shared BLAS in the backend the suite would prove nothing.
    fn shared_blas(&self, system: &System) -> Result<(), Failure> {
        let maps = self.psql(
            system,
            "suite",
            "CREATE EXTENSION IF NOT EXISTS plr; \
             SELECT plr_version() IS NOT NULL; \
             SELECT pg_read_file('/proc/self/maps')",
        )?;
        ensure(
            maps.contains("libblas.so.3") || maps.contains("libopenblas"),
            || "PL/R brought no BLAS into the backend".to_owned(),
        )
    }

    /// Makes the archive of a root file system.
    fn system_with_neighbours(&self, archive: &Path) -> Result<(), Failure> {
        let major = self.major.to_string();
        let names = PACKAGES.map(|name| name.replace("{major}", &major));
        let mut sources = Vec::new();
        for path in SOURCES.map(Path::new) {
            match path.is_dir() {
                true => {
                    sources.extend(files::files_below(path)?.iter().map(|file| path.join(file)))
                }
                false => sources.push(path.to_owned()),
            }
        }
        let counts = |file: &Path| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("list" | "sources")) && file.exists()
        };
        sources.retain(|file| counts(file));
        Program::new("mmdebstrap")
            .args(["--variant=apt", "--format=tar"])
            .arg(format!("--include={}", names.join(",")))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            // The system has no network: apt would warn of an archive that it can't reach.
            .arg("--customize-hook=rm -rf \"$1\"/etc/apt/sources.list*")
            // Users' apt installs what a package recommends.
            .arg("--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap")
            .args([self.codename.as_ref(), archive.as_os_str()])
            .args(sources)
            .run(self.log)?;
        Ok(())
    }
}
