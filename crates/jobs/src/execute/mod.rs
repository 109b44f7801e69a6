//! Runs the jobs of a plan that are not in the cache, in parallel as far as their needs and the machine allow.

pub mod cache;
mod limits;
pub mod prune;
mod schedule;
mod times;
pub mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::cache::{Cache, Record, Verdict};
use crate::job::{Job, JobId, JobRef, Step};
use crate::plan::Plan;
use base::exit::Failure;
use base::files::{self, FileError};
use base::progress::Listener;

pub use self::limits::Limits;
pub use self::schedule::execute;

/// What a step is given to work with.
pub struct Work<'a, S> {
    /// The job under way.
    pub job: &'a Job<S>,
    /// Its result goes here; empty at the start.
    pub out: PathBuf,
    /// An empty directory for intermediate files. A success removes it; after a failure the next run does.
    pub scratch: PathBuf,
    /// Where the output of the tools it runs is kept.
    pub log: PathBuf,
    /// Told how far it is.
    pub listener: &'a dyn Listener,
    needs: BTreeMap<JobId, PathBuf>,
}

impl<S> Work<'_, S> {
    /// The output directory of a job that this one reads.
    pub fn output(&self, job: &JobRef) -> Result<&Path, FileError> {
        self.output_of(job.id())
    }

    /// The output directory of a job that this one needs, by its name.
    pub fn output_of(&self, id: &str) -> Result<&Path, FileError> {
        self.needs.get(id).map(PathBuf::as_path).ok_or_else(|| {
            FileError::at("find the output of a job this one does not need:", id)(
                std::io::ErrorKind::NotFound.into(),
            )
        })
    }

    /// The output directories of all jobs that this one needs, by job.
    pub fn outputs(&self) -> &BTreeMap<JobId, PathBuf> {
        &self.needs
    }

    /// Says how far it is.
    pub fn progress(&self, line: &str) {
        self.listener.progress(&self.job.id, line);
    }
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome<S> {
    /// The jobs that ran, in the order in which they ended, and why each had to.
    pub ran: Vec<(Verdict, Record<S>)>,
    /// How many were in the cache already.
    pub cached: usize,
    /// The jobs that failed, and why.
    pub failed: Vec<(JobId, Failure)>,
    /// The jobs that did not run because one that they need failed.
    pub skipped: Vec<JobId>,
}

/// The jobs that have to run so that every job of `goals` has its result: those not cached, and what they need.
pub fn to_run<'a, S: Step, T>(plan: &'a Plan<S, T>, cache: &Cache) -> Vec<(&'a Job<S>, Verdict)> {
    let mut wanted: BTreeSet<&str> = plan.goals.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for job in plan.jobs.iter().rev() {
        if !wanted.contains(job.id.as_str()) {
            continue;
        }
        let verdict = cache.verdict(job);
        if verdict != Verdict::Cached {
            wanted.extend(job.needs.iter().map(String::as_str));
            found.push((job, verdict));
        }
    }
    found.reverse();
    found
}

/// Holds the cache for one run at a time; released when dropped.
pub struct CacheLock(#[allow(dead_code, reason = "held for its lock")] File);

impl CacheLock {
    /// Waits until no other run works in this cache.
    pub fn acquire(cache: &Path, listener: &dyn Listener) -> Result<Self, FileError> {
        let path = cache.join("lock");
        files::create_dir(cache)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(FileError::at("open", &path))?;
        if file.try_lock().is_err() {
            listener.note(&format!(
                "waiting: another run works in {}",
                cache.display()
            ));
            file.lock().map_err(FileError::at("lock", &path))?;
        }
        Ok(Self(file))
    }
}

/// How many reasons for a job to run again are shown.
const REASONS: usize = 5;

/// Why a job runs although it ran before, as the end of a phrase.
pub fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Cached | Verdict::New => String::new(),
        Verdict::Changed(what) if what.is_empty() => {
            " (again: the record of its last run is gone)".into()
        }
        Verdict::Changed(what) => {
            let (told, more) = what.split_at(what.len().min(REASONS));
            let more = match more.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            format!(" (again: {}{more})", told.join(", "))
        }
        Verdict::Damaged(what) => format!(" (again: {what})"),
    }
}

/// Runs one job and keeps its result.
fn run_one<S: Step, T>(
    plan: &Plan<S, T>,
    cache: &Cache,
    log: &Path,
    listener: &dyn Listener,
    job: &Job<S>,
    step: &(dyn Fn(&Work<'_, S>) -> Result<String, Failure> + Sync),
    began: Instant,
) -> Result<Record<S>, Failure> {
    let dir = cache.start(job)?;
    let scratch = dir.join("scratch");
    files::create_dir(&scratch)?;
    files::write(log, "")?;
    let needs = plan
        .jobs
        .iter()
        .filter(|other| job.needs.contains(&other.id))
        .map(|other| (other.id.clone(), cache.output(other)))
        .collect();
    let work = Work {
        job,
        out: dir.join("out"),
        scratch: scratch.clone(),
        log: log.to_owned(),
        listener,
        needs,
    };
    let started = began.elapsed().as_secs_f64();
    let made = step(&work)?;
    files::remove_dir(&scratch)?;
    let seconds = began.elapsed().as_secs_f64() - started;
    Ok(cache.finish(job, &dir, started, seconds, made)?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::testing::{Job, Plan, Size};
    use base::digest::Digest;
    use base::exit::Exit;
    use base::progress::Silent;

    fn plan(source: &str) -> Plan {
        let input = |text: &str| BTreeMap::from([("source".to_owned(), Digest::of(text))]);
        let rootfs = Job::new("rootfs", "rootfs", Size::Small, input("fixed"), &[]);
        let compile = Job::new("compile", "compile", Size::Small, input(source), &[&rootfs]);
        let deb = Job::new("deb", "deb", Size::Small, input("fixed"), &[&compile]);
        Plan {
            goals: vec!["deb".into()],
            jobs: vec![rootfs, compile, deb],
            ..Plan::default()
        }
    }

    fn run(plan: &Plan, dir: &Path, fail: &str) -> (Result<Outcome<Size>, Failure>, usize) {
        let count = AtomicUsize::new(0);
        let result = execute(
            plan,
            &Cache::new(dir),
            &|id| dir.join("log").join(id),
            &Limits {
                keep_going: false,
                ..Limits::of_jobs(2)
            },
            &Silent,
            &|work| {
                count.fetch_add(1, Ordering::Relaxed);
                for path in work.outputs().values() {
                    assert!(path.join("made").exists(), "a job ran before what it needs");
                }
                if work.job.id == fail {
                    return Err(Failure::already_reported(Exit::CheckFailed));
                }
                files::write(&work.out.join("made"), &work.job.id)?;
                Ok("made".into())
            },
        );
        (result, count.into_inner())
    }

    #[test]
    fn runs_what_changed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(&plan("1"), dir.path(), "").1, 3);
        assert_eq!(run(&plan("1"), dir.path(), "").1, 0);
        let (outcome, count) = run(&plan("2"), dir.path(), "");
        assert_eq!((count, outcome.unwrap().cached), (2, 1));
    }

    #[test]
    fn a_failure_keeps_what_was_done_and_is_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let (result, count) = run(&plan("1"), dir.path(), "compile");
        assert!(result.is_err());
        assert_eq!(count, 2, "what needs a failed job must not run");
        assert_eq!(run(&plan("1"), dir.path(), "").1, 2);
    }

    #[test]
    fn what_only_finished_jobs_need_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(&plan("1"), dir.path(), "").1, 3);
        let cache = Cache::new(dir.path());
        let rootfs = &plan("1").jobs[0];
        std::fs::remove_dir_all(cache.output(rootfs).parent().unwrap()).unwrap();
        assert_eq!(run(&plan("1"), dir.path(), "").1, 0);
    }
}
