//! One system is upgraded through the releases of its distribution: `dist-upgrade` from each to the next, with two Postgres
//! majors side by side, and the cluster moved from one to the other in each way. One database with models is kept all the
//! time, and each model must predict at the end what it predicted at the start. A model that needs Python can't, where the
//! newer release has another scikit-learn, which does not read it. Its prediction must fail with a message that says so, and
//! the model is trained again.
//!
//! A release has packages of one major. For the older server on the newer release, the repository needs a target for that
//! pair too (`debian12-pg13`). Users need such a target who keep a major for longer than a release.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use debian::apt::mirror::signed_mirror;
use debian::apt::repository::KEYRING;

use crate::cases::{Case, Cases, ensure};
use crate::install::{CLUSTER, InstallTest, PORT, create_cluster};
use crate::packages::DATABASE;
use crate::packages::moving::{Majors, PORT_BESIDE};
use crate::system::System;

/// A release that the system is taken to.
pub struct Release {
    /// `debian12`, as in the versions of our packages.
    pub id: String,
    /// The code name of the release: `bookworm`.
    pub codename: String,
    /// The major that it has.
    pub major: u16,
    /// Directories of its locked packages.
    pub mirror: Vec<PathBuf>,
    /// Where the extension for the major before is missing in the repository under test: the target that has it.
    pub missing: Option<String>,
}

/// Regressors of each kind that predict without Python, among them those with libraries of their own.
const MODELS: &str = "{linear,ridge,random_forest,gradient_boosting_trees,svm,xgboost,lightgbm}";

/// One that needs it.
const OF_PYTHON: &str = "{gaussian_process}";

/// What such a model says where Python has another scikit-learn.
const TRAIN_AGAIN: &str = "Train the model again with pgml.train";

/// How the numbers, of the size of 150, are compared: a library of another version may round the last bits otherwise.
const DIGITS: u8 = 3;

/// Removes a major's cluster and packages; the other goes on.
fn purge(system: &System, majors: Majors) -> Result<String, Failure> {
    let Majors { old, new } = majors;
    // The names are dpkg's: apt reads such a pattern as a regular expression, which means other packages too.
    let purge = format!(
        "pg_dropcluster {old} {CLUSTER} 2>&1
         apt-get purge --yes $(dpkg-query -W -f '${{Package}} ' 'postgresql*-{old}*') 2>&1
         apt-get autoremove --yes 2>&1; pg_ctlcluster {new} {CLUSTER} restart 2>&1"
    );
    system.script("root", &purge)
}

impl InstallTest<'_> {
    /// Begins on the target's own release and goes through `later`.
    pub fn through_releases(
        &self,
        later: &[Release],
        listener: &dyn Listener,
    ) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} packages:", self.target), listener);
        let mut shown = Vec::new();
        for release in later {
            let dir = self.scratch.with_extension(&release.codename);
            files::remove_dir(&dir)?;
            let debs: Vec<_> = release.mirror.iter().map(PathBuf::as_path).collect();
            signed_mirror(&dir, &debs, &release.codename, self.key, self.log)?;
            shown.push((dir, release.place()));
        }
        let outside: Vec<_> = shown
            .iter()
            .map(|(dir, inside)| (dir.as_path(), inside.as_str()))
            .collect();
        let system = self.start_showing(&outside)?;
        self.live(&system, later, &mut cases);
        drop(system);
        for (dir, _) in &shown {
            files::remove_dir(dir)?;
        }
        Ok(cases.done)
    }

    fn live(&self, system: &System, later: &[Release], cases: &mut Cases<'_>) {
        let name = format!("installed on {} with models of every kind", self.codename);
        let begun = cases.run(&name, || {
            self.install(system)?;
            self.create_cluster(system)?;
            self.new_database(system, DATABASE)?;
            self.train_all(system, MODELS)?;
            self.train_first(system, OF_PYTHON)?;
            Ok((
                self.predict(system, MODELS)?,
                self.predict(system, OF_PYTHON)?,
            ))
        });
        let Some((before, mut of_python)) = begun else {
            return;
        };
        let mut from = (self.codename.to_owned(), self.major);
        for release in later {
            if let Some(target) = &release.missing {
                let name = format!("dist-upgrade {} → {}", from.0, release.codename);
                cases.not_run(&name, format!("the run has no {target}: name it too"));
                return;
            }
            let (codename, major) = (from.0.as_str(), from.1);
            let models = (before.as_str(), &mut of_python);
            if !self.next(system, (codename, major), release, models, cases) {
                return;
            }
            from = (release.codename.clone(), release.major);
        }
    }

    /// One step; false where no further one makes sense.
    fn next(
        &self,
        system: &System,
        (codename, old): (&str, u16),
        to: &Release,
        (before, of_python): (&str, &mut String),
        cases: &mut Cases<'_>,
    ) -> bool {
        let new = to.major;
        let there = &to.codename;
        let name = format!("dist-upgrade {codename} → {there}: models predict the same on {old}");
        let upgraded = cases.run(&name, || {
            self.dist_upgrade(system, old, to)?;
            system.script(
                "root",
                &format!("pg_ctlcluster {old} {CLUSTER} restart 2>&1"),
            )?;
            self.same(system, before)
        });
        if upgraded.is_none() {
            return false;
        }
        let name = format!(
            "a model that needs Python predicts the same on {there}, or says to train it again and can be"
        );
        let Some(now) = cases.run(&name, || self.train_again(system, of_python)) else {
            return false;
        };
        *of_python = now;
        let same = || {
            self.same(system, before)?;
            let now = self.predict(system, OF_PYTHON)?;
            ensure(now == *of_python, || {
                format!("predicted before:\n{of_python}\nbut now\n{now}")
            })
        };
        let name = format!("{old} and {new} side by side on {there}: both predict");
        let both = cases.run(&name, || {
            let install =
                format!("apt-get install --yes postgresql-{new} postgresql-{new}-pgml 2>&1");
            system.script("root", &install)?;
            self.beside(system, new)?;
            same()
        });
        if both.is_none() {
            return false;
        }
        let moved = self.move_cluster(
            system,
            Majors { old, new },
            &to.codename,
            &|| {
                same()?;
                self.train_all(system, MODELS)
            },
            cases,
        );
        if !moved {
            return false;
        }
        let name = format!("{old} purged on {}: {new} goes on", to.codename);
        let purged = cases.run(&name, || {
            purge(system, Majors { old, new })?;
            same()
        });
        purged.is_some()
    }

    /// As the release notes of Debian describe it: other sources, `update`, `dist-upgrade`.
    fn dist_upgrade(&self, system: &System, old: u16, to: &Release) -> Result<(), Failure> {
        let place = to.place();
        system.write(
            "/etc/apt/sources.list.d/mirror.sources",
            &format!("Types: deb\nURIs: file:{place}\nSuites: ./\nSigned-By: {place}/{KEYRING}\n"),
        )?;
        let (codename, id) = (&to.codename, &to.id);
        let script = format!(
            "sed -i 's/^Suites: .*/Suites: {codename}/' /etc/apt/sources.list.d/pgml.sources
             apt-get update 2>&1
             apt-get dist-upgrade --yes -o Dpkg::Options::=--force-confnew 2>&1
             dpkg --audit; apt-get check 2>&1
             for package in postgresql-{old}-pgml pgml-python; do
               case $(dpkg-query -W -f '${{db:Status-Abbrev}} ${{Version}}' $package) in
                 'ii  '*~{id}) ;;
                 *) dpkg-query -W $package; echo 'is not of {id}'; exit 1;;
               esac
             done"
        );
        system.script("root", &script).map(drop)
    }

    /// A second cluster, of the other major, for as long as it takes to ask it something.
    fn beside(&self, system: &System, major: u16) -> Result<(), Failure> {
        create_cluster(system, major, "beside", PORT_BESIDE)?;
        let asked = system.script(
            "postgres",
            &format!("cd /tmp; psql -XAtq -v ON_ERROR_STOP=1 -p {PORT_BESIDE} -d postgres -c 'CREATE EXTENSION pgml' \
             -c \"SELECT pgml.load_dataset('diabetes') IS NULL\" \
             -c \"SELECT deployed FROM pgml.train('beside', 'regression', 'pgml.diabetes', 'target')\" \
             -c \"SELECT count(pgml.predict('beside', ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6])) \
                  FROM pgml.diabetes\""),
        )?;
        let drop = format!("pg_dropcluster --stop {major} beside 2>&1");
        system.script("root", &drop)?;
        ensure(asked.trim_end().ends_with("t\n442"), || {
            format!("the cluster beside says {asked}")
        })
    }

    /// Trains the models that are asked later on.
    fn train_first(&self, system: &System, models: &str) -> Result<(), Failure> {
        self.psql(system, DATABASE, &training("first", models))
            .map(drop)
    }

    /// The first time the models are those that are asked later on; afterwards it is shown that training goes on.
    fn train_all(&self, system: &System, models: &str) -> Result<(), Failure> {
        let known = self.psql(
            system,
            DATABASE,
            "SELECT count(*) FROM pgml.projects WHERE name LIKE 'first %'",
        )?;
        match known.trim() {
            "0" => self.train_first(system, models),
            _ => self
                .psql(system, DATABASE, &training("later", models))
                .map(drop),
        }
    }

    /// A line for each model: what it says of the first ten rows.
    fn predict(&self, system: &System, models: &str) -> Result<String, Failure> {
        self.psql(system, DATABASE, &prediction(models))
    }

    /// The model that needs Python predicts as before, or is refused with a word of what to do, which is done; what it
    /// predicts then.
    fn train_again(&self, system: &System, before: &str) -> Result<String, Failure> {
        system.write("/srv/predict.sql", &prediction(OF_PYTHON))?;
        let script =
            format!("cd /tmp; psql -XAtq -p {PORT} -d {DATABASE} -f /srv/predict.sql 2>&1 || true");
        let said = system.script("postgres", &script)?;
        if !said.contains(TRAIN_AGAIN) {
            let now = self.predict(system, OF_PYTHON)?;
            ensure(now == before, || {
                format!("predicted before:\n{before}\nbut now\n{said}")
            })?;
            return Ok(now);
        }
        self.train_first(system, OF_PYTHON)?;
        // The new model need not be better than the one that can't predict any more.
        let deploy = "SELECT pgml.deploy(name, 'most_recent') FROM pgml.projects WHERE name = 'first gaussian_process'";
        self.psql(system, DATABASE, deploy)?;
        self.predict(system, OF_PYTHON)
    }

    fn same(&self, system: &System, before: &str) -> Result<(), Failure> {
        let now = self.predict(system, MODELS)?;
        let other: Vec<String> = before
            .lines()
            .zip(now.lines())
            .filter(|(before, now)| before != now)
            .map(|(before, now)| format!("{before}\nbut now\n{now}"))
            .collect();
        ensure(
            other.is_empty() && before.lines().count() == now.lines().count(),
            || format!("predicted before:\n{}", other.join("\n")),
        )
    }
}

/// Trains a model of each algorithm, in a project each.
fn training(projects: &str, models: &str) -> String {
    format!(
        "SELECT pgml.load_dataset('diabetes');
         SELECT trained.* FROM unnest('{models}'::pgml.algorithm[]) AS wanted,
           pgml.train('{projects} ' || wanted, 'regression', 'pgml.diabetes', 'target', wanted) AS trained"
    )
}

/// Asks the model of each algorithm.
fn prediction(models: &str) -> String {
    format!(
        "SELECT algorithm, string_agg(round(pgml.predict('first ' || algorithm, \
           ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6])::numeric, {DIGITS})::text, ' ' ORDER BY target, age, s1) \
         FROM unnest('{models}'::pgml.algorithm[]) AS algorithm, \
           (SELECT * FROM pgml.diabetes ORDER BY target, age, s1 LIMIT 10) AS rows \
         GROUP BY algorithm ORDER BY algorithm"
    )
}

impl Release {
    /// Where its packages are shown.
    fn place(&self) -> String {
        format!("/srv/mirror-{}", self.codename)
    }
}
