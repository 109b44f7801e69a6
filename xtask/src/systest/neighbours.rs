//! The suite `neighbours`: pgml in one backend with extensions that bring a BLAS, C++ or an interpreter of their own, loaded
//! before it trains: PL/R (R's BLAS and OpenMP), PostGIS raster (GDAL, Armadillo, OpenBLAS), pgRouting, PL/Python.
//!
//! They are packages of the distribution that no lock of ours has; the system is made from the archive that this machine's
//! apt uses, and only for this machine's own distribution.

use std::path::Path;

use crate::exit::Failure;
use crate::files;
use crate::process::Program;
use crate::progress::Listener;
use crate::systest::cases::{Case, Cases, ensure};
use crate::systest::install::InstallTest;
use crate::systest::run::TestRun;
use crate::systest::system::System;

/// The extensions' packages; `{major}` stands for the server's.
const PACKAGES: [&str; 6] = [
    "postgresql-{major}",
    "postgresql-{major}-plr",
    "postgresql-{major}-postgis-3",
    "postgresql-{major}-pgrouting",
    "postgresql-plpython3-{major}",
    "libopenblas0-pthread",
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
        }
        drop(system);
        files::remove_file(&archive)?;
        Ok(cases.done)
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
            .args([self.codename.as_ref(), archive.as_os_str()])
            .args(sources)
            .run(self.log)?;
        Ok(())
    }
}
