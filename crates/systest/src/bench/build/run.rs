//! Makes the clone, and builds in it again and again.

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::process::Program;
use base::progress::Listener;
use base::workspace::Workspace;
use release::report::run::RunRecord;

use super::edit::{EDITS, Edit};
use super::watch::watch;
use super::{BuildBenchError, Document, JobTime, Machine, NotMeasured, Row, VERSION};
use crate::bench::run::load;

/// What the build may know of the user's environment: where its programs are, and how it reaches servers.
const ENVIRONMENT: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "SSL_CERT_FILE",
    "PIP_INDEX_URL",
    "PIP_CERT",
    "PGML_DIST_MIRRORS",
    "PGML_DIST_NO_SNAPSHOT",
];

/// The measurement of a commit.
pub struct BuildBench<'a> {
    /// The user's sources, of which a commit is cloned, and the cache, in which the clone lies.
    pub workspace: &'a Workspace,
    /// The commit, by any name that git knows.
    pub revision: &'a str,
    /// The target that the machine's `dist` makes, and its distribution.
    pub target: (String, String),
    /// The names of the rows that are wanted; all when there is none.
    pub rows: &'a [String],
    /// An archive of all inputs, so that no server is contacted.
    pub inputs: Option<&'a Path>,
    /// Told which row is measured.
    pub listener: &'a dyn Listener,
}

impl BuildBench<'_> {
    /// The names of the rows that can be chosen. `compile` and `cold` are always measured: the others need their results.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once("warm").chain(EDITS.iter().map(|edit| edit.name))
    }

    /// Measures all rows. `keep` is given the document after each of them, so that a failure loses none.
    pub fn run(
        &self,
        keep: &dyn Fn(&Document) -> Result<(), Failure>,
    ) -> Result<Document, Failure> {
        let commit = self.commit()?;
        let dir = self.workspace.cache.join("bench-build");
        files::remove_dir(&dir)?;
        let checkout = dir.join("checkout");
        self.clone_into(&checkout, &commit)?;
        let mut document = Document {
            version: VERSION,
            commit,
            target: self.target.0.clone(),
            machine: Machine {
                processor: processor(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                load_before: load(),
            },
            rows: Vec::new(),
            not_measured: Vec::new(),
        };
        let compile = self.cargo(&checkout, &["build", "--locked", "--package", "xtask"]);
        let what = "the tool alone, from nothing";
        let row = self.measure("compile", what, &compile, &checkout)?;
        document.rows.push(row);
        keep(&document)?;
        let what = "`dist` after that, with an empty cache";
        document.rows.push(self.dist("cold", what, &checkout)?);
        keep(&document)?;
        if self.wants("warm") {
            let what = "`dist` once more, nothing changed";
            document.rows.push(self.dist("warm", what, &checkout)?);
            keep(&document)?;
        }
        for edit in EDITS.iter().filter(|edit| self.wants(edit.name)) {
            match self.after(edit, &checkout)? {
                Some(row) => document.rows.push(row),
                None => document.not_measured.push(NotMeasured {
                    name: edit.name.to_owned(),
                    why: "the commit does not have the line that would change".to_owned(),
                }),
            }
            keep(&document)?;
        }
        files::remove_dir(&dir)?;
        Ok(document)
    }

    fn wants(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == name)
    }

    fn git(&self, args: &[&str]) -> Program {
        let git = Program::new("git")
            .inherit_env("HOME")
            .dir(&self.workspace.root);
        git.args(args.iter().copied())
    }

    /// The full name of the commit.
    fn commit(&self) -> Result<String, Failure> {
        let name = format!("{}^{{commit}}", self.revision);
        let output = self.git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ]);
        let output = output.attempt()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(BuildBenchError::NoCommit {
                revision: self.revision.to_owned(),
            }
            .into()),
        }
    }

    /// Clones the sources. The objects are copied, so that nothing of the clone is the user's.
    fn clone_into(&self, checkout: &Path, commit: &str) -> Result<(), Failure> {
        let log = self.workspace.log("bench-build");
        let clone = self.git(&["clone", "--quiet", "--no-hardlinks", "--no-checkout", "."]);
        clone.arg(checkout).run(&log)?;
        let switch = self.git(&["checkout", "--quiet", "--detach", commit]);
        Ok(switch.dir(checkout).run(&log)?)
    }

    /// cargo in the clone, with its pinned toolchain, its own target directory and its own cache.
    fn cargo(&self, checkout: &Path, args: &[&str]) -> Program {
        let cargo = Program::new("cargo")
            .args(args.iter().copied())
            .dir(checkout);
        ENVIRONMENT
            .iter()
            .fold(cargo, |cargo, name| cargo.inherit_env(name))
    }

    fn dist(&self, name: &str, what: &str, checkout: &Path) -> Result<Row, Failure> {
        let mut dist = self.cargo(checkout, &["xtask", "dist"]);
        if let Some(inputs) = self.inputs {
            dist = dist.arg("--inputs").arg(inputs);
        }
        self.measure(name, what, &dist, checkout)
    }

    /// Measures one call.
    fn measure(
        &self,
        name: &str,
        what: &str,
        program: &Program,
        checkout: &Path,
    ) -> Result<Row, Failure> {
        self.listener.started(name, what);
        let log = self.workspace.log(&format!("bench-build-{name}"));
        let cache = checkout.join(".cache");
        let before = RunRecord::load(&cache);
        let watched = watch(program, &log)?;
        let jobs = match RunRecord::load(&cache) {
            // Where nothing is to do, no record is written.
            Some(record) if Some(&record) != before.as_ref() => jobs_of(&record),
            _ => Vec::new(),
        };
        let row = Row {
            name: name.to_owned(),
            what: what.to_owned(),
            seconds: watched.took.as_secs_f64(),
            first_output: watched.first_output.as_secs_f64(),
            longest_silence: watched.longest_silence.as_secs_f64(),
            jobs,
        };
        let how = format!("{:.1} s, {} jobs", row.seconds, row.jobs.len());
        self.listener.finished(name, &how);
        Ok(row)
    }

    /// Measures `dist` after a change, and takes the change back. `None` where it can't be made.
    fn after(&self, edit: &Edit, checkout: &Path) -> Result<Option<Row>, Failure> {
        let Some(changed) = edit.make(checkout, &self.target.1)? else {
            return Ok(None);
        };
        let row = self.dist(edit.name, edit.what, checkout)?;
        changed.undo()?;
        Ok(Some(row))
    }
}

/// The jobs that ran, the longest first.
fn jobs_of(record: &RunRecord) -> Vec<JobTime> {
    let ran = record.jobs.iter().filter_map(|job| {
        Some(JobTime {
            id: job.id.clone(),
            seconds: job.ran.as_ref()?.seconds,
        })
    });
    let mut jobs: Vec<JobTime> = ran.collect();
    jobs.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    jobs
}

/// What Linux calls the first processor.
fn processor() -> String {
    let text = files::read_text(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(String::new, |line| {
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    })
}
