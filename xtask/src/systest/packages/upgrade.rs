//! A system that lives through several releases of its distribution: the packages move along, two Postgres majors lie side by
//! side, and `pg_upgradecluster` takes the models from one to the next.

use std::path::{Path, PathBuf};

use crate::apt::mirror::signed_mirror;
use crate::apt::repository::KEYRING;
use crate::apt::signing::SigningKey;
use crate::exit::Failure;
use crate::files;
use crate::progress::Listener;
use crate::systest::cases::{Case, Cases, ensure};
use crate::systest::system::System;

/// One release of the distribution.
pub struct Stage {
    /// `debian12`
    pub id: String,
    /// `bookworm`
    pub codename: String,
    /// Its own Postgres major.
    pub major: u16,
    /// The archive of a clean root file system.
    pub base: PathBuf,
    /// Directories of its locked `.deb`s.
    pub debs: Vec<PathBuf>,
    /// The version that the package of the extension must have here.
    pub version: String,
}

/// What the test is given. The repository has, for each stage but the first, the package for the major before it too.
pub struct UpgradeTest<'a> {
    /// Oldest first.
    pub stages: &'a [Stage],
    /// The repository under test.
    pub repository: &'a Path,
    /// The key that signs the private mirrors.
    pub key: &'a SigningKey,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

const CLUSTER: &str = "life";
const PORT: u16 = 5600;

/// What is trained. scikit-learn's models are of one release of it, which changes with the distribution's Python;
/// the others load in newer releases.
const LASTING: [&str; 2] = ["xgboost", "lightgbm"];
const OF_ONE_RELEASE: &str = "ridge";

impl UpgradeTest<'_> {
    /// Runs everything. The results name each check; an error is only what kept the test from running at all.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let names: Vec<&str> = self.stages.iter().map(|stage| stage.id.as_str()).collect();
        let mut cases = Cases::new(format!("{} packages:", names.join(" → ")), listener);
        let Some((first, later)) = self.stages.split_first() else {
            return Ok(cases.done);
        };
        files::remove_dir(self.scratch)?;
        let mut shown = Vec::new();
        for stage in self.stages {
            let mirror = self.scratch.join(&stage.id);
            let debs: Vec<&Path> = stage.debs.iter().map(PathBuf::as_path).collect();
            signed_mirror(&mirror, &debs, &stage.codename, self.key, self.log)?;
            shown.push((mirror, format!("/srv/{}", stage.id)));
        }
        let mut seen: Vec<(&Path, &str)> = shown
            .iter()
            .map(|(dir, inside)| (dir.as_path(), inside.as_str()))
            .collect();
        seen.push((self.repository, "/srv/pgml"));
        let system = System::start(&first.base, self.scratch, &seen, self.log)?;
        let begun = cases.run(&format!("{} begins with models", first.id), || {
            self.begin(&system, first)
        });
        if begun.is_none() {
            return Ok(cases.done);
        }
        let mut before = first;
        for stage in later {
            if !self.move_on(&system, before, stage, &mut cases) {
                break;
            }
            before = stage;
        }
        Ok(cases.done)
    }

    fn begin(&self, system: &System, stage: &Stage) -> Result<(), Failure> {
        sources(system, stage)?;
        let major = stage.major;
        root(
            system,
            &format!(
                "apt-get update; apt-get install --yes postgresql-{major}-pgml
                 pg_createcluster {major} {CLUSTER} --port={PORT} --locale=C.UTF-8 --start -- --auth=trust"
            ),
        )?;
        psql(
            system,
            PORT,
            "CREATE EXTENSION pgml; SELECT pgml.load_dataset('diabetes')",
        )?;
        train(system)
    }

    /// From one release to the next; whether the system is whole enough to go on.
    fn move_on(
        &self,
        system: &System,
        before: &Stage,
        stage: &Stage,
        cases: &mut Cases<'_>,
    ) -> bool {
        let (old, new) = (before.major, stage.major);
        let (from, to) = (&before.id, &stage.id);
        let moved = cases.run(
            &format!("dist-upgrade to {to}: the packages move along, and XGBoost's and LightGBM's models predict the same"),
            || {
                let said = predictions(system, PORT, &LASTING)?;
                sources(system, stage)?;
                root(
                    system,
                    "apt-get update
                     apt-get --yes -o Dpkg::Options::=--force-confold dist-upgrade",
                )?;
                let versions = system.script("root", &format!("dpkg-query -W -f '${{Version}} ' postgresql-{old}-pgml pgml-python"))?;
                ensure(versions.split_whitespace().all(|version| version == stage.version), || {
                    format!("after the dist-upgrade the versions are {versions}, not {}", stage.version)
                })?;
                root(system, &format!("pg_ctlcluster {old} {CLUSTER} restart"))?;
                same(&said, &predictions(system, PORT, &LASTING)?)
            },
        );
        if moved.is_none() {
            return false;
        }
        cases.run(
            &format!("on {to} a model of {from}'s scikit-learn is an error that says so, or predicts the same"),
            || old_model(system),
        );
        let side_by_side = cases.run(
            &format!("PostgreSQL {old} and {new} side by side: both train and predict"),
            || {
                train(system)?;
                root(system, &format!("apt-get install --yes postgresql-{new}-pgml"))?;
                root(
                    system,
                    &format!("pg_createcluster {new} beside --port={} --locale=C.UTF-8 --start -- --auth=trust", PORT + 1),
                )?;
                psql(system, PORT + 1, "CREATE EXTENSION pgml; SELECT pgml.load_dataset('diabetes')")?;
                train_on(system, PORT + 1)?;
                let all: Vec<&str> = LASTING.iter().copied().chain([OF_ONE_RELEASE]).collect();
                predictions(system, PORT + 1, &all)?;
                predictions(system, PORT, &all)?;
                root(system, &format!("pg_dropcluster --stop {new} beside"))
            },
        );
        if side_by_side.is_none() {
            return false;
        }
        let kept = cases.run(
            &format!("pg_upgradecluster {old} → {new}: every model predicts the same"),
            || {
                let all: Vec<&str> = LASTING.iter().copied().chain([OF_ONE_RELEASE]).collect();
                let said = predictions(system, PORT, &all)?;
                root(system, &format!("pg_upgradecluster -v {new} {old} {CLUSTER}"))?;
                let version = psql(system, PORT, "SHOW server_version_num")?;
                ensure(version.trim().starts_with(&new.to_string()), || {
                    format!("on port {PORT} is a server of version {version}")
                })?;
                same(&said, &predictions(system, PORT, &all)?)?;
                root(
                    system,
                    &format!("pg_dropcluster --stop {old} {CLUSTER}; apt-get purge --yes postgresql-{old}-pgml"),
                )?;
                same(&said, &predictions(system, PORT, &all)?)
            },
        );
        kept.is_some()
    }
}

/// Only this release's archive and ours for it.
fn sources(system: &System, stage: &Stage) -> Result<(), Failure> {
    let (id, codename) = (&stage.id, &stage.codename);
    system.write(
        "/etc/apt/sources.list.d/mirror.sources",
        &format!("Types: deb\nURIs: file:/srv/{id}\nSuites: ./\nSigned-By: /srv/{id}/{KEYRING}\n"),
    )?;
    Ok(system.write(
        "/etc/apt/sources.list.d/pgml.sources",
        &format!(
            "Types: deb\nURIs: file:/srv/pgml\nSuites: {codename}\nComponents: main\nSigned-By: /srv/pgml/{KEYRING}\n"
        ),
    )?)
}

fn root(system: &System, script: &str) -> Result<(), Failure> {
    system
        .script("root", &format!("exec 2>&1\n{script}"))
        .map(drop)
}

fn psql(system: &System, port: u16, sql: &str) -> Result<String, Failure> {
    let port = port.to_string();
    let psql = [
        "psql",
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        "-p",
        &port,
        "-d",
        "postgres",
        "-c",
        sql,
    ];
    system.run("postgres", &psql)
}

fn train(system: &System) -> Result<(), Failure> {
    train_on(system, PORT)
}

/// A project for each, so that each answers.
fn train_on(system: &System, port: u16) -> Result<(), Failure> {
    for algorithm in LASTING.iter().chain([&OF_ONE_RELEASE]) {
        let sql = format!(
            "DELETE FROM pgml.projects WHERE name = '{algorithm}'; \
             SELECT pgml.train('{algorithm}', 'regression', 'pgml.diabetes', 'target', '{algorithm}')"
        );
        psql(system, port, &sql)?;
    }
    Ok(())
}

/// What the models say of the first rows; an error where one says nothing.
fn predictions(system: &System, port: u16, algorithms: &[&str]) -> Result<Vec<String>, Failure> {
    let predict = |algorithm: &&str| {
        let said = psql(system, port, &predict(algorithm))?;
        ensure(said.lines().count() == 5, || {
            format!("{algorithm} predicts `{said}`")
        })?;
        Ok(said)
    };
    algorithms.iter().map(predict).collect()
}

fn predict(algorithm: &str) -> String {
    format!(
        "SELECT pgml.predict('{algorithm}', ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]) \
         FROM (SELECT * FROM pgml.diabetes ORDER BY age, bmi, s1, s6 LIMIT 5) AS row"
    )
}

fn same(before: &[String], now: &[String]) -> Result<(), Failure> {
    ensure(before == now && !before.is_empty(), || {
        format!("the models predicted {before:?} and now {now:?}")
    })
}

fn old_model(system: &System) -> Result<(), Failure> {
    let script = format!(
        "psql -XAtq -p {PORT} -d postgres -c \"{}\" 2>&1 || true",
        predict(OF_ONE_RELEASE)
    );
    let said = system.script("postgres", &script)?;
    let error = said.contains("ERROR") && said.contains("scikit-learn") && said.contains("HINT");
    ensure(
        error || said.lines().count() == 5 && !said.contains("ERROR"),
        || format!("psql says: {said}"),
    )
}
