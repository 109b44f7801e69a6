//! The suite `protections`: each protection of the server has a test that fails when the protection is taken out.
//!
//! `packaging/tests/protections.toml` and the files beside it list them, each with the change to the source that takes it
//! out. The suite first runs each test named there with the installed extension, where it has to pass. Then it compiles the
//! extension with those changes, installs it in place of the first, and runs the tests again: each must fail, or take several
//! times as long. A test that still passes tests nothing, and counts as a failure.

mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use base::exit::Failure;
use base::files;
use build::compile::extension::{Compile, SOURCES, source_files};
use build::layout;
use symcheck::stamp;
use targets::Target;

use crate::cases::{Case, CaseResult, Cases, ensure, unexpected};
use crate::install::{CLUSTER, InstallTest, PORT};
use crate::run::TestRun;
use crate::server;
use crate::system::System;

/// Where they are listed, in the source tree.
pub const LISTS: [&str; 4] = [
    "packaging/tests/protections.toml",
    "packaging/tests/protections-boosting.toml",
    "packaging/tests/protections-imports.toml",
    "packaging/tests/protections-packages.toml",
];

/// Seconds that a test may take with its protection.
const LIMIT: u32 = 600;

/// Seconds that a test may take without its protection, at the least: a training that can't be cancelled may run for hours.
const PATIENCE: u32 = 30;

/// How many times as long as with its protection.
const TIMES: f64 = 4.0;

/// What protects the server.
#[derive(Debug, Deserialize)]
pub struct Protection {
    /// A sentence that says what the protection does.
    pub name: String,
    /// Those of one number are taken out together.
    pub build: u32,
    #[serde(flatten)]
    change: Change,
    /// Changes that belong to it.
    #[serde(default)]
    also: Vec<Change>,
    /// The tests that must fail without it: `PROGRAM:FUNCTION`.
    pub tests: Vec<String>,
}

/// A change to a file of the source.
#[derive(Debug, Deserialize)]
pub struct Change {
    file: String,
    code: String,
    instead: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    protection: Vec<Protection>,
}

/// Reads [`LISTS`] from the source tree at `root`.
pub fn load(root: &Path) -> Result<Vec<Protection>, Failure> {
    let mut all = Vec::new();
    for list in LISTS {
        let text = files::read_text(&root.join(list))?;
        let read: List =
            toml::from_str(&text).map_err(|error| unexpected(format!("{list}: {error}")))?;
        all.extend(read.protection);
    }
    Ok(all)
}

impl Protection {
    /// Every change that takes it out.
    fn changes(&self) -> impl Iterator<Item = &Change> {
        std::iter::once(&self.change).chain(&self.also)
    }

    /// Takes it out of a tree.
    fn take_out(&self, tree: &Path) -> Result<(), Failure> {
        for Change {
            file,
            code,
            instead,
        } in self.changes()
        {
            let path = tree.join(file);
            let text = files::read_text(&path)?;
            ensure(text.matches(code.as_str()).count() == 1, || {
                format!(
                    "the code of the protection `{}` is not exactly once in {file}",
                    self.name
                )
            })?;
            files::write(&path, text.replacen(code.as_str(), instead, 1))?;
        }
        Ok(())
    }
}

impl TestRun<'_> {
    /// Takes the protections out and checks that the tests fail, on the first target that can be installed here.
    pub fn protections(&self) -> Result<Vec<Case>, Failure> {
        let installable = |target: &&Target| self.not_installable(target).is_none();
        let Some(target) = self.chosen.iter().find(installable) else {
            let mut cases = Cases::new("protections:", self.listener);
            cases.not_run(
                "every protection",
                "no target under test can be installed here",
            );
            return Ok(cases.done);
        };
        let mut builds: BTreeMap<u32, Vec<Protection>> = BTreeMap::new();
        for protection in load(&self.workspace().root)? {
            builds.entry(protection.build).or_default().push(protection);
        }
        let mut cases = Cases::new(format!("{target} protections:"), self.listener);
        let scratch = self.workspace().cache.join("systest/protections");
        let mut trees = Vec::new();
        for (number, without) in &builds {
            let tree = scratch.join(number.to_string());
            self.listener
                .note(&format!("compiling without {} protections", without.len()));
            let made = cases.run(&format!("build {number} compiles"), || {
                self.build_without(without, target, &tree)
            });
            if made.is_some() {
                trees.push((tree, without));
            }
        }
        let done = self.in_clean_system(target, "protections", |test, _| {
            let system = test.start_showing(&[(&scratch, "/srv/without")])?;
            test.install(&system)?;
            test.install_tools(&system)?;
            let tests: BTreeSet<&str> = builds
                .values()
                .flatten()
                .flat_map(|protection| protection.tests.iter().map(String::as_str))
                .collect();
            let mut passed = BTreeMap::new();
            for at in tests {
                if let Some(seconds) = test.must_pass(&system, at, &mut cases)? {
                    passed.insert(at, seconds);
                }
            }
            for (tree, without) in &trees {
                let name = tree.file_name().unwrap_or_default().to_string_lossy();
                test.replace_extension(&system, &format!("/srv/without/{name}"))?;
                for protection in *without {
                    for at in &protection.tests {
                        if let Some(seconds) = passed.get(at.as_str()) {
                            test.must_fail(&system, protection, at, *seconds, &mut cases)?;
                        }
                    }
                }
            }
            Ok(cases.done)
        })?;
        files::remove_dir(&scratch)?;
        Ok(done)
    }

    /// Compiles and stamps the extension without some protections; `tree` has the source, the library and the SQL.
    fn build_without(
        &self,
        without: &[Protection],
        target: &Target,
        tree: &Path,
    ) -> Result<(), Failure> {
        files::remove_dir(tree)?;
        for dir in SOURCES {
            let from = self.workspace().root.join(dir);
            for file in source_files(&from)? {
                files::copy(&from.join(&file), &tree.join(dir).join(&file))?;
            }
        }
        let boosting = self.workspace().root.join(archive::BOOSTING);
        for file in files::files_below(&boosting)? {
            files::copy(
                &boosting.join(&file),
                &tree.join(archive::BOOSTING).join(&file),
            )?;
        }
        without
            .iter()
            .try_for_each(|protection| protection.take_out(tree))?;
        let out = tree.join("out");
        files::create_dir(&out)?;
        let log = self.workspace().log("test-protections-compile");
        self.with_compile(target.major, &|compile| {
            let archives = self.archives_without(without, compile, tree, &log)?;
            Compile {
                source: tree,
                archives: &archives,
                ..*compile
            }
            .build(&tree.join("scratch"), &out, &log)
        })?;
        let library = out.join(layout::STRIPPED);
        stamp::stamp_file(&library, &target.distribution.libpython_soname(), &library)
    }
}

impl TestRun<'_> {
    /// The archives that a build links: those in which a protection was taken out are made again.
    fn archives_without(
        &self,
        without: &[Protection],
        compile: &Compile<'_>,
        tree: &Path,
        log: &Path,
    ) -> Result<Vec<PathBuf>, Failure> {
        let mut archives = compile.archives.to_vec();
        let changes = without.iter().flat_map(Protection::changes);
        for (library, object) in changes.filter_map(|change| archive::of_file(&change.file)) {
            let job = self.output(&library.job())?;
            for place in archives
                .iter_mut()
                .filter(|place| place.join(library.archive).exists())
            {
                let inputs = archive::Inputs {
                    builder: compile.builder,
                    fetched: &self.output(&library.fetch_job())?,
                    archive: &job.join(library.archive),
                    tree,
                    log,
                };
                let scratch = tree.join("archives").join(library.name);
                *place = archive::make(library, &object, &inputs, &scratch)?;
            }
        }
        Ok(archives)
    }
}

impl InstallTest<'_> {
    /// Puts a build into the place of the installed one.
    fn replace_extension(&self, system: &System, tree: &str) -> Result<(), Failure> {
        let major = self.major;
        let script = format!(
            "cp {tree}/out/{library} /usr/lib/postgresql/{major}/lib/{library}
             cp {tree}/extension/sql/*.sql /usr/share/postgresql/{major}/extension/",
            library = layout::STRIPPED,
        );
        system.script("root", &script).map(drop)
    }

    /// Runs one test on a new cluster, because a failed test before may have left anything behind.
    fn alone(&self, system: &System, at: &str, limit: u32) -> Result<String, Failure> {
        let major = self.major;
        let remove = format!(
            "pg_ctlcluster {major} {CLUSTER} stop -m immediate 2>&1 || true
             pg_dropcluster {major} {CLUSTER} 2>&1 || true"
        );
        system.script("root", &remove)?;
        self.create_cluster(system)?;
        self.new_database(system, "robust")?;
        let (program, function) = at.split_once(':').unwrap_or((at, ""));
        let script = format!(
            "cd /tmp; PGPORT={PORT} PGDATABASE=robust timeout --kill-after=5 {limit} \
             python3 -B /srv/tests/robust/{program}.py {function} 2>&1 || echo \"exit $?\""
        );
        system.script("postgres", &script)
    }

    /// Runs one test with everything in its place; the seconds that it took when it passed.
    fn must_pass(
        &self,
        system: &System,
        at: &str,
        cases: &mut Cases<'_>,
    ) -> Result<Option<f64>, Failure> {
        let output = self.alone(system, at, LIMIT)?;
        let (seconds, verdict) = verdict(&output);
        let name = format!("with every protection: {at} passes");
        match verdict {
            Verdict::Passed => {
                cases.add(&name, CaseResult::Passed, seconds);
                return Ok(Some(seconds));
            }
            Verdict::NotRun(why) => cases.add(&name, CaseResult::NotRun(why), seconds),
            _ => cases.add(&name, CaseResult::Failed(output), seconds),
        }
        Ok(None)
    }

    /// Runs one test without its protection; with it the test took so many seconds.
    fn must_fail(
        &self,
        system: &System,
        protection: &Protection,
        at: &str,
        with: f64,
        cases: &mut Cases<'_>,
    ) -> Result<(), Failure> {
        let patience = patience(with);
        let output = self.alone(system, at, patience)?;
        let (seconds, verdict) = verdict(&output);
        let name = format!("without: {}: {at} fails", protection.name);
        match verdict {
            Verdict::Failed(how) => {
                cases.add(&format!("{name} ({how})"), CaseResult::Passed, seconds)
            }
            Verdict::Late => {
                let how = format!("not ended after {patience} s, with it {with:.1} s");
                cases.add(
                    &format!("{name} ({how})"),
                    CaseResult::Passed,
                    f64::from(patience),
                )
            }
            Verdict::Passed => {
                let why = "the test passes although its protection is gone: it tests nothing";
                cases.add(&name, CaseResult::Failed(why.into()), seconds);
            }
            // It ran with its protection, on the same server.
            Verdict::NotRun(_) | Verdict::Unclear => {
                cases.add(&name, CaseResult::Failed(output), seconds);
            }
        }
        Ok(())
    }
}

/// The seconds that a test gets without its protection.
fn patience(with: f64) -> u32 {
    PATIENCE.max((with * TIMES).ceil() as u32)
}

/// The result of one test.
#[derive(Debug, PartialEq)]
enum Verdict {
    Failed(String),
    /// It had not ended in its time.
    Late,
    Passed,
    /// This server does not have what it tests; why.
    NotRun(String),
    /// It did not come to the test.
    Unclear,
}

/// How many characters of a failure are shown.
const SHOWN: usize = 160;

fn verdict(output: &str) -> (f64, Verdict) {
    let mut begun = false;
    for line in output.lines() {
        begun |= line.starts_with("begin ");
        match server::parse(line) {
            Some((CaseResult::Failed(how), seconds, _)) => {
                return (seconds, Verdict::Failed(how.chars().take(SHOWN).collect()));
            }
            Some((CaseResult::Passed, seconds, _)) => return (seconds, Verdict::Passed),
            Some((CaseResult::NotRun(why), seconds, _)) => return (seconds, Verdict::NotRun(why)),
            _ => {}
        }
    }
    // timeout(1): 124, or 137 when it had to kill.
    let ended = output
        .lines()
        .any(|line| matches!(line, "exit 124" | "exit 137"));
    match begun && ended {
        true => (0.0, Verdict::Late),
        false => (0.0, Verdict::Unclear),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a list that no longer is about the code: what can't be taken out is not shown to be tested.
    #[test]
    fn the_list_is_about_code_that_is_there() {
        let root = &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let protections = load(root).expect("a list");
        assert!(protections.len() > 20);
        for protection in &protections {
            for change in protection.changes() {
                let text = files::read_text(&root.join(&change.file)).expect("a file");
                let found = text.matches(change.code.as_str()).count();
                assert_eq!(found, 1, "{}: {}", protection.name, change.file);
                assert_ne!(change.code, change.instead, "{}", protection.name);
            }
            for test in &protection.tests {
                let (program, function) = test.split_once(':').expect("PROGRAM:FUNCTION");
                let path = root.join(format!("packaging/tests/robust/{program}.py"));
                let text = files::read_text(&path).expect("a program");
                assert!(text.contains(&format!("@case\ndef {function}(")), "{test}");
            }
        }
    }

    /// Catches a test that did not run, and is taken for one that failed.
    #[test]
    fn only_a_failure_of_the_test_counts() {
        let failed = "begin a\nfailed 1.0 a | AssertionError: it\ndone\nexit 1\n";
        assert_eq!(
            verdict(failed),
            (1.0, Verdict::Failed("AssertionError: it".into()))
        );
        assert_eq!(verdict("begin a\nok 1.0 a | \ndone\n").1, Verdict::Passed);
        assert_eq!(
            verdict("Traceback: no server\nexit 1\n").1,
            Verdict::Unclear
        );
        assert_eq!(verdict("exit 124\n").1, Verdict::Unclear);
        assert_eq!(verdict("begin a\nexit 124\n").1, Verdict::Late);
        assert_eq!(
            verdict("begin a\nnot-run 0.0 a | no disk\ndone\n").1,
            Verdict::NotRun("no disk".into())
        );
    }

    /// Catches a slow machine on which a test that would pass is ended, and taken for one that failed.
    #[test]
    fn a_slow_test_gets_more_time() {
        assert_eq!(patience(2.0), PATIENCE);
        assert_eq!(patience(20.0), 80);
    }
}
