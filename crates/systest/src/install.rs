//! Installs the packages of one target into a clean system with apt, makes a cluster, runs the SQL suites, the
//! documentation's examples and the comparisons with scikit-learn, restarts the server, and removes the packages again.

mod cluster;
mod documentation;
mod dump;
mod hostile;
mod preloaded;
mod prepared;
mod readme;
mod rust;
mod scripts;

pub(super) use cluster::create_cluster;

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use build::layout;
use debian::apt::mirror::signed_mirror;
use debian::apt::repository::KEYRING;
use debian::apt::signing::SigningKey;
use inputs::host::emulation::Emulation;

use crate::cases::{Case, Cases, ensure};
use crate::system::System;

/// The inputs of an install test.
pub struct InstallTest<'a> {
    /// The name of the target: `debian12-pg15`.
    pub target: String,
    /// The major version of the PostgreSQL server.
    pub major: u16,
    /// The distribution's code name.
    pub codename: &'a str,
    /// The version of the distribution's Python.
    pub python: String,
    /// The archive of a clean root file system.
    pub base: &'a Path,
    /// What runs its programs where they are of another architecture.
    pub emulation: Option<&'a Emulation>,
    /// Directories of the locked `.deb`s that apt may need.
    pub mirror: &'a [&'a Path],
    /// The repository under test.
    pub repository: &'a Path,
    /// The SBOMs of the release under test.
    pub sboms: &'a Path,
    /// Where the scanner is.
    pub scanner: &'a Path,
    /// The source tree: `packaging/tests` and `docs` of it are run, with the tables of `python/tests`.
    pub source: &'a Path,
    /// The key that signs the private mirror.
    pub key: &'a SigningKey,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// The cluster that the test makes; another than the one that Debian's postinst makes by itself.
pub(super) const CLUSTER: &str = "pgml";
pub(super) const PORT: &str = "5499";

/// The SQL suite in whose sessions PL/Python runs beside the extension.
const WITH_PLPYTHON: &str = "plpython.sql";

/// Where the Python tests are shown, with the contract's table of algorithms.
const CONTRACT: &str = "/srv/contract";

/// Programs about dumps: a name, the program, and its environment.
const RESTORED: [(&str, &str, &str); 1] = [(
    "a dump is restored into databases that have the extension, and over itself",
    "restored_twice.py",
    "",
)];
/// Programs about databases of the closed project, in the same form.
const ADOPTED: [(&str, &str, &str); 6] = [
    ("a database of PostgresML 1.0 is adopted", "adoption.py", ""),
    (
        "a database of PostgresML 1.0 is adopted with the life around its tables",
        "adoption/life.py",
        "",
    ),
    (
        "models of 2022 predict what they predicted",
        "adoption/old_models.py",
        "",
    ),
    (
        "a database of PostgresML 2.10.0 is updated",
        "update_2_10.py",
        CONTRACT,
    ),
    (
        "a database of PostgresML 2.10.0 is updated with the life around its tables",
        "adoption/life_2_10.py",
        "",
    ),
    (
        "databases of PostgresML 2.0 to 2.9 are adopted",
        "adoption/releases_2.py",
        "",
    ),
];

impl InstallTest<'_> {
    /// Runs every case. The results name each check; it returns an error only if the test could not run at all.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} install:", self.target), listener);
        let system = self.start_showing(&[(self.repository, readme::RELEASE)])?;
        let installed = cases.run(
            "apt update accepts the repository and apt installs the packages",
            || self.install_as_documented(&system),
        );
        if installed.is_none() {
            return Ok(cases.done);
        }
        cases.run("every file of the packages passes dpkg --verify", || {
            self.verify_files(&system)
        });
        self.scan_library(&system, &mut cases);
        cases.run("pg_createcluster makes a cluster that starts", || {
            self.create_cluster(&system)
        });
        cases.run("what the suites need beside the packages", || {
            self.install_tools(&system)
        });
        self.sql_suites(&system, &mut cases)?;
        cases.run(
            "preloaded, every session knows the settings, and ALTER SYSTEM sets them",
            || self.preloaded(&system),
        );
        self.compare_with_sklearn(&system, &mut cases);
        self.hostile_packages(&system, &mut cases);
        self.documentation(&system, &mut cases)?;
        // Those packages are for distributions that not every machine can reach, so their scripts are tested here.
        cases.run(
            "the scripts of a runtime without byte code make it and remove it",
            || self.maintainer_scripts(&system),
        );
        cases.run(
            "a missing runtime is an error that names the package, and Rust trains and predicts without it",
            || self.without_runtime(&system),
        );
        cases.run("purging the packages leaves nothing behind", || {
            self.purge(&system)
        });
        Ok(cases.done)
    }

    /// The name of the extension's package.
    pub(super) fn extension(&self) -> String {
        build::package::packages::extension_name(self.major)
    }

    /// A clean system with the repository under test and a mirror of the other packages that apt may need.
    pub(super) fn start(&self) -> Result<System, Failure> {
        self.start_showing(&[])
    }

    /// The same, with further directories of the host at places inside.
    pub(super) fn start_showing(&self, further: &[(&Path, &str)]) -> Result<System, Failure> {
        files::remove_dir(self.scratch)?;
        let mirror = self.scratch.join("mirror");
        signed_mirror(&mirror, self.mirror, self.codename, self.key, self.log)?;
        let tests = self.source.join("packaging/tests");
        let contract = self.source.join("python/tests");
        let bench = self.source.join("packaging/bench");
        let mut shown = vec![
            (mirror.as_path(), "/srv/mirror"),
            (self.repository, "/srv/pgml"),
            (tests.as_path(), "/srv/tests"),
            (contract.as_path(), CONTRACT),
            (bench.as_path(), "/srv/bench"),
        ];
        shown.extend(further);
        let system = System::start_by(self.emulation, self.base, self.scratch, &shown, self.log)?;
        // dpkg need not wait for the disk after each file: the system does not outlive the test.
        system.write("/etc/dpkg/dpkg.cfg.d/unsafe-io", "force-unsafe-io\n")?;
        Ok(system)
    }

    pub(super) fn install(&self, system: &System) -> Result<(), Failure> {
        self.add_sources(system)?;
        system.script(
            "root",
            &format!("apt-get install --yes {} 2>&1", self.extension()),
        )?;
        self.require_installed(system)
    }

    /// Both archives, and an update that has nothing to warn of.
    pub(super) fn add_sources(&self, system: &System) -> Result<(), Failure> {
        self.add_mirror(system)?;
        system.write(
            "/etc/apt/sources.list.d/pgml.sources",
            &format!(
                "Types: deb\nURIs: file:/srv/pgml\nSuites: {}\nComponents: main\nSigned-By: /srv/pgml/{KEYRING}\n",
                self.codename
            ),
        )?;
        let update = system.script("root", "apt-get update 2>&1")?;
        ensure(!update.contains("W:") && !update.contains("E:"), || {
            format!("apt update warns: {update}")
        })
    }

    /// The extension and its runtime are there, whole.
    pub(super) fn require_installed(&self, system: &System) -> Result<(), Failure> {
        let status = system.script(
            "root",
            "dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n' '*pgml*'",
        )?;
        for package in [self.extension(), "pgml-python".into()] {
            ensure(status.contains(&format!("{package} ii")), || {
                format!("`{package}` is not installed; dpkg says: {status}")
            })?;
        }
        Ok(())
    }

    /// Python for tests that call scikit-learn themselves, and PL/Python, which shares a backend: our packages depend on
    /// neither.
    pub(super) fn install_tools(&self, system: &System) -> Result<(), Failure> {
        let script = format!(
            "apt-get install --yes --no-install-recommends python3 postgresql-plpython3-{} 2>&1",
            self.major
        );
        system.script("root", &script)?;
        Ok(())
    }

    pub(super) fn verify_files(&self, system: &System) -> Result<(), Failure> {
        let wrong = system.script(
            "root",
            &format!("dpkg --verify {} pgml-python 2>&1", self.extension()),
        )?;
        ensure(wrong.trim().is_empty(), || {
            format!("dpkg --verify says: {wrong}")
        })
    }

    /// Runs one statement and returns its values, unaligned.
    pub(super) fn psql(
        &self,
        system: &System,
        database: &str,
        sql: &str,
    ) -> Result<String, Failure> {
        let psql = [
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-p",
            PORT,
            "-d",
            database,
            "-c",
            sql,
        ];
        system.run("postgres", &psql)
    }

    pub(super) fn bare_database(&self, system: &System, name: &str) -> Result<(), Failure> {
        self.psql(
            system,
            "postgres",
            &format!("DROP DATABASE IF EXISTS {name}"),
        )?;
        self.psql(system, "postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(())
    }

    pub(super) fn new_database(&self, system: &System, name: &str) -> Result<(), Failure> {
        self.bare_database(system, name)?;
        self.psql(system, name, "CREATE EXTENSION pgml")?;
        Ok(())
    }

    pub(super) fn run_file(
        &self,
        system: &System,
        database: &str,
        file: &str,
    ) -> Result<(), Failure> {
        let path = format!("/srv/tests/{file}");
        let script = format!(
            "cd /tmp; psql -Xq -v ON_ERROR_STOP=1 -p {PORT} -d {database} -f {path} >/tmp/sql.out 2>&1 || \
             {{ tail -n 20 /tmp/sql.out; exit 1; }}; cat /tmp/sql.out"
        );
        let output = system.script("postgres", &script)?;
        // A suite says so when it can't check something; here everything is installed, so that it must not.
        ensure(!output.contains("not checked"), || {
            format!("{file} left something out: {}", output.trim())
        })
    }

    /// Each `packaging/tests/<capability>.sql` in a new database; the pair around a restart in one of its own.
    fn sql_suites(&self, system: &System, cases: &mut Cases<'_>) -> Result<(), Failure> {
        let (around_restart, plain): (Vec<_>, Vec<_>) = sql_files(self.source)?
            .into_iter()
            .partition(|name| name.contains("-restart"));
        let other_python = self.other_python(system)?;
        for file in plain {
            match &other_python {
                Some(why) if file == WITH_PLPYTHON => cases.not_run(&file, why),
                _ => self.suite(system, &file, cases),
            }
        }
        self.around_a_restart(system, around_restart, cases);
        self.dumps(system, cases);
        for (name, program, with) in RESTORED {
            self.program(system, cases, name, program, with);
        }
        cases.run("an index on vectors holds on other processors", || {
            let bin = format!("/usr/lib/postgresql/{}/bin", self.major);
            let script = format!("cd /tmp; python3 -B /srv/tests/processors.py {bin} 2>&1");
            system.script("postgres", &script)
        });
        for (name, program, with) in ADOPTED {
            self.program(system, cases, name, program, with);
        }
        Ok(())
    }

    /// A suite in a new database.
    pub(super) fn suite(&self, system: &System, file: &str, cases: &mut Cases<'_>) {
        cases.run(file, || {
            self.new_database(system, "suite")?;
            self.run_file(system, "suite", file)
        });
    }

    /// The suites that a restart of the server lies between.
    pub(super) fn around_a_restart(
        &self,
        system: &System,
        files: Vec<String>,
        cases: &mut Cases<'_>,
    ) {
        let (after, before): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|name| name.contains("after"));
        let train = "edition 1.0 trains every algorithm";
        self.program(system, cases, train, "edition_1_0.py train", CONTRACT);
        let restarts = format!("{} and the server restarts", before.join(", "));
        cases.run(&restarts, || {
            self.new_database(system, "restarted")?;
            before
                .iter()
                .try_for_each(|file| self.run_file(system, "restarted", file))?;
            self.restart(system)
        });
        for file in after {
            cases.run(&file, || self.run_file(system, "restarted", &file));
        }
        let check = "edition 1.0 after the restart: predictions, scores, searches, deployments equal scikit-learn's";
        self.program(system, cases, check, "edition_1_0.py check", CONTRACT);
    }

    fn compare_with_sklearn(&self, system: &System, cases: &mut Cases<'_>) {
        self.program(
            system,
            cases,
            "scores and predictions equal scikit-learn called directly",
            "compare_sklearn.py",
            "",
        );
        self.program(
            system,
            cases,
            "models of LightGBM and XGBoost enter, and what leaves predicts the same there",
            "exchange.py",
            "",
        );
    }

    /// A Python program of `packaging/tests`, with its first words: it calls scikit-learn itself, in a database of its own.
    /// The one that goes on after a restart finds there what it left.
    fn program(
        &self,
        system: &System,
        cases: &mut Cases<'_>,
        name: &str,
        command: &str,
        arguments: &str,
    ) {
        cases.run(name, || {
            match command {
                "compare_sklearn.py" | "exchange.py" => self.new_database(system, "programs")?,
                "edition_1_0.py check" => {}
                _ => self.bare_database(system, "programs")?,
            }
            let site = format!("{}/python{}/site-packages", layout::PYTHON_PREFIX, self.python);
            let script = format!(
                "cd /tmp; PGPORT={PORT} PGDATABASE=programs python3 -B /srv/tests/{command} {site} {arguments} 2>&1"
            );
            system.script("postgres", &script)
        });
    }

    /// The extension without `pgml-python`: it can be created, the vector functions work, and the error of a training names
    /// the missing package.
    pub(super) fn without_runtime(&self, system: &System) -> Result<(), Failure> {
        system.script("root", "apt-get remove --yes pgml-python 2>&1")?;
        self.new_database(system, "without")?;
        let dot = self.psql(
            system,
            "without",
            "SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0])",
        )?;
        ensure(dot.trim() == "11", || format!("dot_product gives {dot}"))?;
        let script = format!(
            "psql -X -p {PORT} -d without -c \"SELECT pgml.load_dataset('iris')\" 2>&1 || true"
        );
        let error = system.script("postgres", &script)?;
        ensure(
            error.contains("ERROR") && error.contains("HINT") && error.contains("pgml-python"),
            || format!("without the runtime: {error}"),
        )?;
        self.rust_alone(system)
    }

    /// No file of ours, no directory of ours, no entry of dpkg is left once the packages are purged.
    pub(super) fn purge(&self, system: &System) -> Result<(), Failure> {
        system.script(
            "root",
            &format!(
                "pg_dropcluster --stop {major} {CLUSTER} 2>&1; apt-get purge --yes postgresql-{major}-pgml pgml-python 2>&1",
                major = self.major
            ),
        )?;
        // apt's copies of package lists and dpkg's and apt's logs name what was installed once, as for any package. The
        // source and its key are the user's.
        let left = system.script(
            "root",
            "find / -xdev \\( -path /srv -o -path /proc -o -path /var/lib/apt/lists -o -path /tmp \\) -prune -o -iname '*pgml*' -print \
             | grep -v -e '^/etc/apt/sources.list.d/pgml.sources$' -e '^/usr/share/keyrings/pgml-archive-keyring.gpg$' \
             || true; dpkg-query -W '*pgml*' 2>/dev/null || true",
        )?;
        ensure(left.trim().is_empty(), || format!("left behind:\n{left}"))
    }
}

/// The names of the SQL suites in a source tree.
pub(super) fn sql_files(source: &Path) -> Result<Vec<String>, files::FileError> {
    let files = files::files_below(&source.join("packaging/tests"))?;
    let names = files.iter().map(|path| path.to_string_lossy().into_owned());
    Ok(names
        .filter(|name| name.ends_with(".sql") && !name.contains('/'))
        .collect())
}
