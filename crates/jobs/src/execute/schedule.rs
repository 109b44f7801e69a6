//! The order of jobs: each after those that it needs, within the machine's cores and memory, the start of the longest chain
//! first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::cache::{Cache, Record, Verdict};
use super::{Outcome, Work, reason, run_one, to_run};
use crate::job::{Cost, Job, JobId, Step};
use crate::plan::{Plan, Target};
use base::exit::{Exit, Failure};
use base::progress::{Listener, Progress};

/// What a run may use of the machine, and whether it goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many cores all running jobs may take.
    pub cores: usize,
    /// How many megabytes all running jobs may take.
    pub memory: u64,
    /// Whether jobs that don't need a failed one still start.
    pub keep_going: bool,
}

impl Limits {
    /// All that the machine has.
    pub fn of_machine() -> Self {
        Self::of_jobs(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// This number of cores, and the memory that is free now.
    pub fn of_jobs(cores: usize) -> Self {
        let free = std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| megabytes(&text, "MemAvailable:"));
        let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
            .map(|bytes| bytes / 1_000_000);
        Self {
            cores: cores.max(1),
            // Where the kernel gives no number, only the cores limit the jobs.
            memory: free.unwrap_or(u64::MAX).min(group.unwrap_or(u64::MAX)),
            keep_going: false,
        }
    }

    /// How many of the cores a job of this cost takes.
    fn cores_of(&self, cost: &Cost) -> usize {
        cost.cores.min(self.cores.saturating_sub(1).max(1))
    }
}

/// A field of `/proc/meminfo`, which counts in units of 1024 bytes.
fn megabytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(field))?;
    let number: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(number * 1024 / 1_000_000)
}

/// What is under way and what is left.
struct State<'a, S> {
    /// In the order in which they should start.
    waiting: Vec<(&'a Job<S>, Verdict)>,
    running: Vec<&'a Job<S>>,
    done: BTreeSet<&'a str>,
    ran: Vec<(Verdict, Record<S>)>,
    failed: Vec<(JobId, Failure)>,
    targets: Vec<TargetLeft<'a>>,
}

/// The jobs that a target still needs.
struct TargetLeft<'a> {
    name: &'a str,
    jobs: usize,
    left: BTreeSet<&'a str>,
}

impl<'a, S: Step> State<'a, S> {
    /// The state before the first job starts: jobs that don't wait are done.
    fn new<T: Target>(plan: &'a Plan<S, T>, waiting: Vec<(&'a Job<S>, Verdict)>) -> Self {
        let pending: BTreeSet<&str> = waiting.iter().map(|(job, _)| job.id.as_str()).collect();
        let all = plan.jobs.iter().map(|job| job.id.as_str());
        Self {
            done: all.filter(|id| !pending.contains(id)).collect(),
            running: Vec::new(),
            ran: Vec::new(),
            failed: Vec::new(),
            targets: targets_left(plan, &pending),
            waiting,
        }
    }

    /// Notes how a job ended, and tells it.
    fn ended(
        &mut self,
        job: &'a Job<S>,
        verdict: Verdict,
        result: Result<Record<S>, Failure>,
        listener: &dyn Listener,
    ) {
        self.running.retain(|other| other.id != job.id);
        match result {
            Ok(record) => {
                let made = format!("{} ({:.1} s)", record.made, record.seconds);
                listener.finished(&job.id, &made);
                for target in self.complete(&job.id) {
                    listener.note(&format!("{target}: done"));
                }
                self.ran.push((verdict, record));
            }
            Err(failure) => {
                listener.finished(&job.id, "failed");
                self.failed.push((job.id.clone(), failure));
            }
        }
    }

    /// Whether a job can start now.
    fn fits(&self, job: &Job<S>, limits: &Limits) -> bool {
        let cost = job.step.cost();
        if !job
            .needs
            .iter()
            .all(|need| self.done.contains(need.as_str()))
        {
            return false;
        }
        let costs: Vec<Cost> = self.running.iter().map(|job| job.step.cost()).collect();
        let apart = cost.alone_with.is_none()
            || costs
                .iter()
                .all(|other| other.alone_with != cost.alone_with);
        let cores: usize = costs.iter().map(|other| limits.cores_of(other)).sum();
        let memory: u64 = costs.iter().map(|other| other.memory).sum();
        // A job that is larger than the machine runs alone.
        let room = cores + limits.cores_of(&cost) <= limits.cores
            && memory.saturating_add(cost.memory) <= limits.memory;
        apart && (room || self.running.is_empty())
    }

    fn progress(&self, jobs: usize) -> Progress {
        let running = |target: &&TargetLeft<'a>| {
            let mine = |job: &&Job<S>| target.left.contains(job.id.as_str());
            self.running.iter().any(mine)
        };
        Progress {
            jobs,
            jobs_left: self.waiting.len() + self.running.len(),
            targets: self.targets.len(),
            targets_left: self
                .targets
                .iter()
                .filter(|target| !target.left.is_empty())
                .count(),
            under_way: self
                .targets
                .iter()
                .filter(running)
                .map(|target| {
                    let done = target.jobs - target.left.len();
                    format!("{} {done}/{}", target.name, target.jobs)
                })
                .collect(),
        }
    }

    /// Notes that a job is done, and returns the targets that are complete with it.
    fn complete(&mut self, id: &'a str) -> Vec<&'a str> {
        self.done.insert(id);
        let mut complete = Vec::new();
        for target in &mut self.targets {
            if target.left.remove(id) && target.left.is_empty() {
                complete.push(target.name);
            }
        }
        complete
    }
}

/// Runs what has to run. After a failure nothing new is started (unless it is to keep going with what does not need the
/// failed job), and what ran well is kept.
pub fn execute<S: Step, T: Target + Sync>(
    plan: &Plan<S, T>,
    cache: &Cache,
    logs: &dyn Fn(&str) -> PathBuf,
    limits: &Limits,
    listener: &dyn Listener,
    step: &(dyn Fn(&Work<'_, S>) -> Result<String, Failure> + Sync),
) -> Result<Outcome<S>, Failure> {
    let mut waiting = to_run(plan, cache);
    by_longest_chain(&mut waiting);
    let state = State::new(plan, waiting);
    let (jobs, cached) = (state.waiting.len(), state.done.len());
    let state = Mutex::new(state);
    let changed = Condvar::new();
    let began = Instant::now();
    // The workers share the paths, because `logs` need not be safe to share between threads.
    let all = plan.jobs.iter();
    let log_of: BTreeMap<&str, PathBuf> = all.map(|job| (job.id.as_str(), logs(&job.id))).collect();
    let work = || {
        while let Some((job, verdict)) = next(lock(&state), &changed, limits) {
            listener.started(&job.id, &format!("{}{}", job.title, reason(&verdict)));
            listener.advanced(&lock(&state).progress(jobs));
            let log: &Path = &log_of[job.id.as_str()];
            let result = run_one(plan, cache, log, listener, job, step, began);
            let mut state = lock(&state);
            state.ended(job, verdict, result, listener);
            listener.advanced(&state.progress(jobs));
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..limits.cores {
            scope.spawn(work);
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let skipped = state.waiting.iter().map(|(job, _)| job.id.clone());
    let mut outcome = Outcome {
        ran: state.ran,
        cached,
        skipped: skipped.collect(),
        failed: state.failed,
    };
    match limits.keep_going || outcome.failed.is_empty() {
        true => Ok(outcome),
        false => Err(outcome.failed.remove(0).1),
    }
}

/// Takes the lock. A worker that panicked leaves the state whole: it holds the lock only between jobs.
fn lock<'s, 'a, S>(state: &'s Mutex<State<'a, S>>) -> MutexGuard<'s, State<'a, S>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Outcome<S> {
    /// Takes the first failure of a kind out of the outcome; `None` if there is none.
    pub fn take_failure(&mut self, is: impl Fn(&Failure) -> bool) -> Option<Failure> {
        let at = self.failed.iter().position(|(_, failure)| is(failure))?;
        Some(self.failed.remove(at).1)
    }

    /// How a run with failures ends: a check that failed tells more than a machine that can't.
    pub fn exit(&self) -> Option<Exit> {
        let exits = || self.failed.iter().map(|(_, failure)| failure.exit);
        exits()
            .find(|exit| *exit == Exit::CheckFailed)
            .or_else(|| exits().next())
    }
}

/// Waits for a job that can start; none when all is done, or nothing more may start.
fn next<'a, S: Step>(
    mut state: MutexGuard<'_, State<'a, S>>,
    changed: &Condvar,
    limits: &Limits,
) -> Option<(&'a Job<S>, Verdict)> {
    loop {
        if state.waiting.is_empty() || (!state.failed.is_empty() && !limits.keep_going) {
            return None;
        }
        let ready = state
            .waiting
            .iter()
            .position(|(job, _)| state.fits(job, limits));
        if let Some(at) = ready {
            let (job, verdict) = state.waiting.remove(at);
            state.running.push(job);
            return Some((job, verdict));
        }
        if state.running.is_empty() {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Sorts jobs by the time that their longest chain of successors takes, the longest first.
fn by_longest_chain<S: Step>(waiting: &mut [(&Job<S>, Verdict)]) {
    let mut chain: BTreeMap<&str, u32> = BTreeMap::new();
    for (job, _) in waiting.iter().rev() {
        let mine = chain.get(job.id.as_str()).copied().unwrap_or(0) + job.step.cost().seconds;
        chain.insert(&job.id, mine);
        for need in &job.needs {
            let known = chain.entry(need).or_insert(0);
            *known = (*known).max(mine);
        }
    }
    waiting.sort_by_key(|(job, _)| std::cmp::Reverse(chain.get(job.id.as_str()).copied()));
}

fn targets_left<'a, S, T: Target>(
    plan: &'a Plan<S, T>,
    pending: &BTreeSet<&'a str>,
) -> Vec<TargetLeft<'a>> {
    let left = |(name, target): (&'a String, &'a T)| {
        let jobs = plan.closure(target.goals());
        TargetLeft {
            name,
            jobs: jobs.len(),
            left: jobs.intersection(pending).copied().collect(),
        }
    };
    // A blocked target never has all of its jobs done.
    let whole = plan
        .targets
        .iter()
        .filter(|(_, target)| !target.is_blocked());
    whole.map(left).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::testing::{Job, Plan, Size};
    use base::digest::Digest;
    use base::files;
    use base::progress::Silent;

    fn job(id: &str, step: Size, needs: &[&Job]) -> Job {
        let inputs = BTreeMap::from([("source".to_owned(), Digest::of(id))]);
        Job::new(id, id, step, inputs, needs)
    }

    fn plan(jobs: Vec<Job>) -> Plan {
        Plan {
            goals: jobs.iter().map(|job| job.id.clone()).collect(),
            jobs,
            ..Plan::default()
        }
    }

    fn run(
        plan: &Plan,
        limits: &Limits,
        step: &(dyn Fn(&Work<'_, Size>) -> Result<String, Failure> + Sync),
    ) -> Result<Outcome<Size>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let logs = |id: &str| dir.path().join("log").join(id);
        execute(plan, &Cache::new(dir.path()), &logs, limits, &Silent, step)
    }

    const ROOMY: Limits = Limits {
        cores: 8,
        memory: 100_000,
        keep_going: false,
    };

    /// The most jobs of a plan that ran at once.
    fn most_at_once(plan: &Plan, limits: &Limits) -> usize {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let outcome = run(plan, limits, &|_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(30));
            now.fetch_sub(1, Ordering::SeqCst);
            Ok("made".into())
        });
        assert_eq!(outcome.unwrap().ran.len(), plan.jobs.len());
        most.into_inner()
    }

    #[test]
    fn no_more_runs_at_once_than_the_machine_has() {
        let package = |n: u32| job(&n.to_string(), Size::Large, &[]);
        let packages = plan((0..6).map(package).collect());
        assert!((2..=6).contains(&most_at_once(&packages, &ROOMY)));
        let few = Limits { cores: 2, ..ROOMY };
        assert_eq!(most_at_once(&packages, &few), 2);
        let small = Limits {
            memory: 700,
            ..ROOMY
        };
        assert_eq!(most_at_once(&packages, &small), 1);
        // Two that share cargo's directory, and one that is larger than the machine.
        let compile = |major: u16| job(&major.to_string(), Size::Huge, &[]);
        let compiles = plan(vec![compile(15), compile(16)]);
        assert_eq!(most_at_once(&compiles, &ROOMY), 1);
        let tiny = Limits {
            cores: 1,
            memory: 1,
            ..ROOMY
        };
        assert_eq!(most_at_once(&compiles, &tiny), 1);
    }

    #[test]
    fn what_the_longest_chain_waits_for_starts_first() {
        let fetch = job("fetch", Size::Small, &[]);
        let compile = job("compile", Size::Huge, &[&fetch]);
        let small = job("small", Size::Small, &[]);
        let plan = plan(vec![small, fetch, compile]);
        let one = Limits { cores: 1, ..ROOMY };
        let outcome = run(&plan, &one, &|_| Ok("made".into())).unwrap();
        let order: Vec<&str> = outcome.ran.iter().map(|(_, r)| r.job.id.as_str()).collect();
        assert_eq!(order, ["fetch", "compile", "small"]);
    }

    #[test]
    fn kept_going_only_what_needs_the_failed_job_is_left_out() {
        let bad = job("bad", Size::Small, &[]);
        let behind = job("behind", Size::Small, &[&bad]);
        let good = job("good", Size::Small, &[]);
        let plan = plan(vec![bad, behind, good]);
        let step = |work: &Work<'_, Size>| {
            files::write(&work.out.join("made"), "x")?;
            match work.job.id.as_str() {
                "bad" => Err(Failure::already_reported(Exit::CannotHere)),
                _ => Ok("made".into()),
            }
        };
        let keep = Limits {
            keep_going: true,
            cores: 1,
            ..ROOMY
        };
        let outcome = run(&plan, &keep, &step).unwrap();
        assert_eq!(outcome.ran.len(), 1);
        assert_eq!(outcome.skipped, ["behind"]);
        assert_eq!(outcome.exit(), Some(Exit::CannotHere));
        assert!(run(&plan, &ROOMY, &step).is_err());
    }

    #[test]
    fn the_free_memory_is_read() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   10000000 kB\n";
        assert_eq!(megabytes(text, "MemAvailable:"), Some(10_240));
        assert_eq!(megabytes("", "MemAvailable:"), None);
    }
}
