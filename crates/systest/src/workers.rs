//! The suite `workers`: two machines that share compiled objects through one store.
//!
//! Two caches that share only a Redis compile the same major, one after the other. The second has to find the first one's
//! objects, and both have to give the same bytes as a compile without a store.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{Program, copy_this_program};
use base::progress::Listener;
use build::layout::{DEBUG, STRIPPED};
use build::plan::Purpose;
use inputs::host::tools::REDIS;
use jobs::execute::to_run;
use release::pipeline::Pipeline;
use targets::Target;

use crate::cases::{Case, Cases, ensure, unexpected};

/// How long the store may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Directories of a cache that hold inputs as they came: given to a new one, it fetches nothing again.
const INPUTS: [&str; 2] = ["store", "cargo"];

/// A store under test. Dropping it ends it.
struct Store {
    server: Child,
    socket: PathBuf,
}

impl Store {
    fn start(dir: &Path) -> Result<Self, Failure> {
        let socket = dir.join("store.socket");
        // The store is in memory and has no port, so that no other program finds it.
        let server = Program::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--logfile", ""])
            .args(["--maxmemory", "2gb", "--maxmemory-policy", "allkeys-lru"])
            .args(["--dir".as_ref(), dir.as_os_str()])
            .args(["--unixsocket".as_ref(), socket.as_os_str()])
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(FileError::at("start", "redis-server"))?;
        let store = Self { server, socket };
        let began = std::time::Instant::now();
        while std::os::unix::net::UnixStream::connect(&store.socket).is_err() {
            ensure(began.elapsed() < PATIENCE, || {
                format!("redis-server does not listen after {PATIENCE:?}")
            })?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(store)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Nothing is left to report to.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What one worker did.
struct Worked {
    /// The contents of the worker's log.
    output: String,
    /// The digests of what it compiled.
    digests: Vec<Digest>,
}

/// A worker: this program with a cache of its own.
struct Worker<'a> {
    pipeline: &'a Pipeline,
    target: &'a Target,
    program: &'a Path,
    scratch: &'a Path,
}

/// Runs the suite on the first target.
pub fn run(
    pipeline: &Pipeline,
    chosen: &[Target],
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let mut cases = Cases::new("workers:", listener);
    let Some(target) = chosen.first() else {
        return Ok(cases.done);
    };
    let log = pipeline.workspace.log("test-workers");
    pipeline.host.require_for_builds(&log, listener)?;
    pipeline.host.require(&[REDIS], &log, listener)?;
    let scratch = pipeline.workspace.cache.join("systest/workers");
    files::remove_dir(&scratch)?;
    files::create_dir(&scratch)?;
    let program = scratch.join("xtask");
    copy_this_program(&program)?;
    let worker = Worker {
        pipeline,
        target,
        program: &program,
        scratch: &scratch,
    };
    let alone = cases.run("a compile without a store", || worker.alone(listener));
    let store = Store::start(&scratch)?;
    let first = cases.run("a worker fills the store", || {
        listener.note("the first worker compiles everything, sccache too");
        worker.work("first", &store, None)
    });
    let second = first.as_ref().and_then(|_| {
        cases.run("another worker finds what the first compiled", || {
            listener.note("the second worker compiles");
            let second = worker.work("second", &store, Some("first"))?;
            let of_major = format!("compile:pg{}", target.major);
            // XGBoost's sources are few, because each has many of the library's.
            for (job, least) in [
                ("compile:lightgbm", 20),
                ("compile:xgboost", 5),
                (of_major.as_str(), 20),
            ] {
                let (found, all) = objects(&second.output, job)?;
                // rustc's calls that link (build scripts, macros) are not among those that sccache can keep.
                ensure(all > least && found == all, || {
                    format!("{job}: {found} of {all} objects from the store")
                })?;
            }
            Ok(second)
        })
    });
    if let (Some(alone), Some(first), Some(second)) = (&alone, &first, &second) {
        cases.run("all three have the same bytes", || {
            ensure(first.digests == *alone && second.digests == *alone, || {
                format!(
                    "without a store {alone:?}, first {:?}, second {:?}",
                    first.digests, second.digests
                )
            })
        });
        for worked in [first, second] {
            for line in worked.output.lines().filter(|line| {
                line.contains("objects from the store") && line.starts_with("compile:")
            }) {
                listener.note(line);
            }
        }
    }
    drop(store);
    files::remove_dir(&scratch)?;
    Ok(cases.done)
}

impl Worker<'_> {
    fn job(&self) -> String {
        format!("compile:pg{}", self.target.major)
    }

    /// The digests of the compile job's results in a cache.
    fn digests(&self, output: &Path) -> Result<Vec<Digest>, Failure> {
        let digest = |name: &&str| {
            let path = output.join(name);
            let (digest, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
            Ok(digest)
        };
        [STRIPPED, DEBUG].iter().map(digest).collect()
    }

    /// The digests of what this run's own cache has; compiled first where it has nothing.
    fn alone(&self, listener: &dyn Listener) -> Result<Vec<Digest>, Failure> {
        let chosen = std::slice::from_ref(self.target);
        let mut plan = self.pipeline.plan(chosen, Purpose::Dist)?;
        plan.goals = vec![self.job()];
        let cache = self.pipeline.cache();
        if !to_run(&plan, &cache).is_empty() {
            let outcome = self.pipeline.execute(&plan, chosen, listener)?;
            if let Some(exit) = outcome.exit() {
                return Err(Failure::already_reported(exit));
            }
        }
        let job = plan.job(&self.job());
        let job = job.ok_or_else(|| unexpected(format!("no job {}", self.job())))?;
        self.digests(&cache.output(job))
    }

    /// Compiles in a cache of its own; `like` is the worker whose sccache it takes.
    fn work(&self, name: &str, store: &Store, like: Option<&str>) -> Result<Worked, Failure> {
        let workspace = &self.pipeline.workspace;
        let cache = self.scratch.join(name);
        let log = workspace.log(&format!("test-workers-{name}"));
        files::write(&log, "")?;
        files::create_dir(&cache)?;
        let mut given: Vec<PathBuf> = INPUTS.map(|dir| workspace.cache.join(dir)).to_vec();
        given.extend(like.map(|other| self.scratch.join(other).join("sccache")));
        for dir in given {
            Program::new("cp")
                .args(["--archive", "--link"])
                .args([&dir, &cache])
                .run(&log)?;
        }
        // The compiler is found as this process finds it: its version is part of a plan.
        let names = ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME"];
        names
            .into_iter()
            .fold(
                Program::new(self.program.display().to_string()).dir(&workspace.root),
                Program::inherit_env,
            )
            .args(["dist", &self.target.to_string(), "--only-jobs", &self.job()])
            .args(["--epoch", &self.pipeline.epoch.to_string()])
            .args(["--cache".as_ref(), cache.as_os_str()])
            .args(["--compiler-cache".as_ref(), store.socket.as_os_str()])
            .run(&log)?;
        let jobs = cache.join("jobs");
        let mut compiled = Vec::new();
        for file in files::files_below(&jobs)? {
            if file.file_name() == Some(STRIPPED.as_ref()) {
                compiled.extend(jobs.join(file).parent().map(Path::to_owned));
            }
        }
        let [output] = &compiled[..] else {
            return Err(unexpected(format!("{compiled:?} have a library")));
        };
        Ok(Worked {
            output: files::read_text(&log)?,
            digests: self.digests(output)?,
        })
    }
}

/// How many of a job's objects came from the store, and how many there are, from the last line that it printed.
fn objects(output: &str, job: &str) -> Result<(u64, u64), Failure> {
    let line = output
        .lines()
        .find(|line| line.starts_with(&format!("{job}: ")) && line.contains(" from the store"))
        .ok_or_else(|| unexpected(format!("{job} said nothing of the store:\n{output}")))?;
    let numbers = line
        .split("; ")
        .find_map(|part| part.split_once(" objects from the store"));
    let numbers = numbers
        .and_then(|(numbers, _)| numbers.split_once(" of "))
        .and_then(|(found, all)| Some((found.parse().ok()?, all.parse().ok()?)));
    numbers.ok_or_else(|| unexpected(format!("no numbers in: {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches numbers that are not read, which would let a worker that finds nothing pass.
    #[test]
    fn numbers_are_read_from_the_output_of_a_job() {
        let output = "compile:pg15: compile the extension\n\
                     compile:pg15: pgml.so for PostgreSQL 15, 34.1 MB stripped; 60 of 61 objects from the store (35.1 s)\n";
        assert_eq!(objects(output, "compile:pg15").expect("numbers"), (60, 61));
        assert!(objects(output, "compile:lightgbm").is_err());
    }
}
