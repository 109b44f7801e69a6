//! The suite `packages`: what apt refuses, the takeover of older packages, upgrades, downgrades, removal, and the oldest
//! processor, in a clean system. It does not repeat the suite `install` (the SQL suites, the documentation). A check that
//! can't run is a case that was not run, with the reason.

pub mod autopkgtest;
mod moving;
mod piuparts;
mod processor;
mod refused;
pub mod releases;
mod served;
pub mod table;
mod taken_over;

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use base::process::Program;
use base::progress::Listener;
use debian::apt::repository::KEYRING;

use crate::cases::{Case, Cases, ensure};
use crate::install::{InstallTest, PORT};
use crate::system::System;

/// The database that all steps of the suite keep.
const DATABASE: &str = "life";
/// Trains the model whose predictions must stay the same.
const TRAIN: &str = "SELECT pgml.load_dataset('diabetes'); \
     SELECT pgml.train('life', 'regression', 'pgml.diabetes', 'target', algorithm => 'linear')";
/// The prediction with that model whose value must stay the same.
const PREDICT: &str =
    "SELECT pgml.predict('life', '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}')";

impl InstallTest<'_> {
    /// Runs everything. `versions` are the package's versions on the releases of each family, oldest first.
    pub fn life_cycle(
        &self,
        versions: &[Vec<String>],
        listener: &dyn Listener,
    ) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} packages:", self.target), listener);
        let system = self.start()?;
        cases.run("a newer release's version is higher, says dpkg", || {
            versions
                .iter()
                .try_for_each(|family| ascending(&system, family))
        });
        let updated = cases.run(
            "apt update accepts the repository without a warning",
            || self.add_sources(&system),
        );
        if updated.is_none() {
            return Ok(cases.done);
        }
        self.refused(&system, &mut cases)?;
        let cluster = cases.run(
            "without recommends: vectors work, training names what is missing",
            || {
                self.apt(
                    &system,
                    &format!("install --no-install-recommends {}", self.extension()),
                )?;
                self.create_cluster(&system)?;
                self.without_runtime(&system)
            },
        );
        if cluster.is_none() {
            return Ok(cases.done);
        }
        cases.run("downloaded first, then installed offline", || {
            self.offline(&system)
        });
        cases.run("aptitude installs and removes the packages", || {
            self.aptitude(&system)
        });
        cases.run(
            "takes over from postgresql-pgml-N and postgresml-python; another major's stay",
            || self.take_over(&system),
        );
        self.versions_of_one_system(&system, &mut cases);
        cases.run("debuggers find the symbols by build-id", || {
            self.debug_symbols(&system)
        });
        cases.run("the system's own Python does not see the runtime", || {
            self.own_python(&system)
        });
        cases.run(
            "published by rsync in two steps, and read from a web server by hash",
            || self.served(&system),
        );
        cases.run(
            "pgml.venv of another Python is an error that names both",
            || self.other_venv(&system),
        );
        self.oldest_processor(&system, &mut cases);
        cases.run("purge leaves nothing behind", || self.purge(&system));
        cases.run(
            "piuparts: installation and removal leave the system as it was",
            || self.piuparts(),
        );
        cases.run("autopkgtest: installed by apt, it trains", || {
            self.autopkgtest()
        });
        Ok(cases.done)
    }

    /// The runtime is out of the way of the system's own Python.
    fn own_python(&self, system: &System) -> Result<(), Failure> {
        self.install_tools(system)?;
        let seen = system.script(
            "root",
            "for module in sklearn numpy scipy xgboost lightgbm; do \
             python3 -c \"import $module\" 2>/dev/null && echo $module; done; \
             python3 -c 'import sys; print([p for p in sys.path if \"pgml\" in p])'",
        )?;
        ensure(seen.trim() == "[]", || format!("it sees {seen}"))
    }

    /// A root file system for a tool that starts a system by itself: clean, with copies of the repository and of the locked
    /// packages, and apt's sources for both.
    fn other_root(&self, name: &str) -> Result<PathBuf, Failure> {
        let root = self.scratch.join(name);
        files::remove_dir(&root)?;
        files::create_dir(&root)?;
        Program::new("tar")
            .args(["--extract", "--numeric-owner", "--same-permissions"])
            .args(["--file".as_ref(), self.base.as_os_str()])
            .args(["--directory".as_ref(), root.as_os_str()])
            .run(self.log)?;
        // apt's own log directory, which a system that people use has and ours, without logs, has not.
        files::create_dir(&root.join("var/log/apt"))?;
        let srv = root.join("srv");
        let copies = [
            (self.scratch.join("mirror"), srv.join("mirror")),
            (self.repository.to_owned(), srv.join("pgml")),
        ];
        for (from, to) in copies {
            Program::new("cp")
                .arg("--archive")
                .args([from, to])
                .run(self.log)?;
        }
        files::write(
            &root.join("etc/apt/sources.list"),
            format!(
                "deb [signed-by=/srv/mirror/{KEYRING}] file:/srv/mirror ./\n\
                 deb [signed-by=/srv/pgml/{KEYRING}] file:/srv/pgml {} main\n",
                self.codename
            ),
        )?;
        Ok(root)
    }

    fn apt(&self, system: &System, what: &str) -> Result<String, Failure> {
        system.script("root", &format!("apt-get --yes {what} 2>&1"))
    }

    /// `file:` archives are read where they lie; `copy:` ones are fetched as from a server.
    fn offline(&self, system: &System) -> Result<(), Failure> {
        let extension = self.extension();
        system.script(
            "root",
            &format!(
                "apt-get purge --yes {extension} pgml-python 2>&1
                 mkdir /srv/sources; cp /etc/apt/sources.list.d/* /srv/sources/
                 sed -i s,file:,copy:, /etc/apt/sources.list.d/*; apt-get update 2>&1
                 apt-get install --yes --download-only {extension} 2>&1
                 rm -r /etc/apt/sources.list.d/* /var/lib/apt/lists/*
                 apt-get install --yes /var/cache/apt/archives/*.deb 2>&1
                 cp /srv/sources/* /etc/apt/sources.list.d/; apt-get clean; apt-get update 2>&1"
            ),
        )?;
        self.require_installed(system)
    }

    /// With its own resolver, and its own lock below /run, which systemd-tmpfiles makes in a system that boots.
    fn aptitude(&self, system: &System) -> Result<(), Failure> {
        let extension = self.extension();
        self.apt(system, "install --no-install-recommends aptitude")?;
        let remove =
            format!("mkdir -p /run/lock; aptitude --assume-yes purge {extension} pgml-python 2>&1");
        system.script("root", &remove)?;
        let gone = system.script("root", "dpkg-query -W '*pgml*' 2>/dev/null || true")?;
        ensure(gone.trim().is_empty(), || {
            format!("aptitude purged, and there is {gone}")
        })?;
        let install = format!("aptitude --assume-yes install {extension} 2>&1");
        let said = system.script("root", &install)?;
        self.require_installed(system)?;
        ensure(!said.contains("untrusted") && !said.contains("E:"), || {
            format!("aptitude says: {said}")
        })?;
        self.apt(system, "purge --auto-remove aptitude").map(drop)
    }

    /// Upgrade, downgrade, remove and reinstall, with a model whose predictions must stay the same.
    fn versions_of_one_system(&self, system: &System, cases: &mut Cases<'_>) {
        let upgraded = cases.run(
            "upgrade from an earlier revision: models predict the same",
            || {
                self.install_earlier(system)?;
                self.new_database(system, DATABASE)?;
                self.psql(system, DATABASE, TRAIN)?;
                let before = self.psql(system, DATABASE, PREDICT)?;
                self.apt(system, &format!("install {} pgml-python", self.extension()))?;
                let version = self.installed_version(system)?;
                ensure(!version.contains("-0~"), || {
                    format!("{version} is installed after the upgrade")
                })?;
                self.restart(system)?;
                self.require_prediction(system, &before)?;
                Ok(before)
            },
        );
        let Some(before) = upgraded else { return };
        cases.run("a downgrade is refused with a clear word", || {
            let script = format!(
                "apt-get install --yes /srv/earlier/{}.deb 2>&1 && echo DONE || true",
                self.extension()
            );
            let said = system.script("root", &script)?;
            ensure(
                said.contains("without --allow-downgrades") && !said.contains("DONE"),
                || format!("apt says: {said}"),
            )
        });
        cases.run(
            "removed and installed again: models predict the same",
            || {
                self.apt(system, &format!("remove {} pgml-python", self.extension()))?;
                self.restart(system)?;
                let gone = self.psql(system, DATABASE, PREDICT);
                ensure(gone.is_err(), || "predicts without the library".into())?;
                self.apt(system, &format!("install {}", self.extension()))?;
                self.require_prediction(system, &before)
            },
        );
    }

    /// Our packages with the revision 0, which sorts before every real one; only the version differs.
    fn install_earlier(&self, system: &System) -> Result<(), Failure> {
        system.script(
            "root",
            &format!(
                "mkdir /srv/earlier; cd /srv/earlier
                 for package in {extension} pgml-python; do
                   file=$(find /srv/pgml/pool/{codename} -name \"${{package}}_*.deb\")
                   dpkg-deb --raw-extract $file /srv/earlier/$package
                   sed -i 's/^\\(Version: .*\\)-[0-9]*~/\\1-0~/' /srv/earlier/$package/DEBIAN/control
                   dpkg-deb -Znone --build /srv/earlier/$package /srv/earlier/$package.deb 2>&1
                   rm -r /srv/earlier/$package
                 done
                 apt-get purge --yes {extension} pgml-python 2>&1
                 apt-get install --yes /srv/earlier/*.deb 2>&1",
                extension = self.extension(),
                codename = self.codename
            ),
        )?;
        let version = self.installed_version(system)?;
        ensure(version.contains("-0~"), || {
            format!("{version} is no earlier revision")
        })
    }

    fn installed_version(&self, system: &System) -> Result<String, Failure> {
        let query = format!("dpkg-query -W -f '${{Version}}' {}", self.extension());
        system.script("root", &query)
    }

    fn require_prediction(&self, system: &System, before: &str) -> Result<(), Failure> {
        let now = self.psql(system, DATABASE, PREDICT)?;
        ensure(now == before && !now.trim().is_empty(), || {
            format!("the model predicted {before} and now {now}")
        })
    }

    /// gdb, given the library alone, finds the symbols by its build-id, and with them lines of our sources.
    fn debug_symbols(&self, system: &System) -> Result<(), Failure> {
        self.apt(system, &format!("install {}-dbgsym", self.extension()))?;
        let root = system.root();
        let library = root.join(format!("usr/lib/postgresql/{}/lib/pgml.so", self.major));
        let debug = root.join("usr/lib/debug");
        let gdb = Program::new("gdb")
            .args([
                "--nx",
                "--batch",
                "-iex",
                "set debuginfod enabled off",
                "-iex",
            ])
            .arg(format!("set debug-file-directory {}", debug.display()))
            .args([
                "-ex",
                "info line pgml_version_wrapper",
                "-ex",
                "info sources version.rs",
            ])
            .arg(library);
        let said = String::from_utf8_lossy(&gdb.output(self.log)?).into_owned();
        ensure(
            said.contains("/usr/lib/debug/.build-id/")
                && said.contains("src/version.rs")
                && said.contains("starts at address"),
            || format!("gdb says: {said}"),
        )
    }

    fn other_venv(&self, system: &System) -> Result<(), Failure> {
        system.script("root", "mkdir -p /srv/venv/lib/python3.0/site-packages")?;
        let script = format!(
            "cd /tmp; psql -X -p {PORT} -d {DATABASE} -c \"SET pgml.venv = '/srv/venv'\" \
             -c \"SELECT pgml.load_dataset('iris')\" 2>&1 || true"
        );
        let said = system.script("postgres", &script)?;
        ensure(
            said.contains("ERROR") && said.contains("3.0") && said.contains(&self.python),
            || format!("with a venv of Python 3.0: {said}"),
        )
    }
}

/// Each version is lower than the next, and the last lower than the same without a distribution.
fn ascending(system: &System, versions: &[String]) -> Result<(), Failure> {
    let plain = versions.last().and_then(|last| last.split('~').next());
    let mut all: Vec<&str> = versions.iter().map(String::as_str).collect();
    all.extend(plain);
    for pair in all.windows(2) {
        system.run(
            "root",
            &["dpkg", "--compare-versions", pair[0], "lt", pair[1]],
        )?;
    }
    ensure(all.len() > 2, || "no versions to compare".into())
}
