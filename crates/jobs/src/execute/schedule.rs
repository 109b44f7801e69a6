//! The order of jobs: each after those that it needs, within the machine's cores and memory, the start of the longest chain
//! first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::cache::{Cache, Record, Verdict};
use super::limits::Limits;
use super::times::{self, Times, Unfinished};
use super::{Outcome, Work, reason, run_one, to_run};
use crate::job::{Job, JobId, Step};
use crate::plan::{Plan, Target};
use base::exit::{Exit, Failure};
use base::progress::{Left, Listener, Progress};

/// What is under way and what is left.
struct State<'a, S> {
    /// In the order in which they should start.
    waiting: Vec<(&'a Job<S>, Verdict)>,
    /// Each with the time at which it started.
    running: Vec<(&'a Job<S>, Instant)>,
    times: Times<'a>,
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
    fn new<T: Target>(
        plan: &'a Plan<S, T>,
        waiting: Vec<(&'a Job<S>, Verdict)>,
        times: Times<'a>,
    ) -> Self {
        let pending: BTreeSet<&str> = waiting.iter().map(|(job, _)| job.id.as_str()).collect();
        let all = plan.jobs.iter().map(|job| job.id.as_str());
        Self {
            done: all.filter(|id| !pending.contains(id)).collect(),
            running: Vec::new(),
            ran: Vec::new(),
            failed: Vec::new(),
            targets: targets_left(plan, &pending),
            waiting,
            times,
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
        self.running.retain(|(other, _)| other.id != job.id);
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
        let mut needs = job.needs.iter();
        let running = self.running.iter().map(|(job, _)| job.step.cost());
        needs.all(|need| self.done.contains(need.as_str()))
            && limits.have_room(&job.step.cost(), &running.collect::<Vec<_>>())
    }

    /// How long the jobs that have not ended still take, `now`.
    fn left(&self, limits: &Limits, now: Instant) -> Option<Left> {
        let unfinished = |job: &'a Job<S>, began: Option<Instant>| {
            let so_far = began.map_or(0.0, |began| now.duration_since(began).as_secs_f64());
            let seconds = self.times.of_job(&job.id);
            Unfinished {
                id: &job.id,
                cost: job.step.cost(),
                needs: &job.needs,
                seconds: seconds.map(|seconds| (seconds - so_far).max(0.0)),
                runs: began.is_some(),
            }
        };
        let running = self.running.iter();
        let running = running.map(|(job, began)| unfinished(job, Some(*began)));
        let waiting = self.waiting.iter().map(|(job, _)| unfinished(job, None));
        times::left(&running.chain(waiting).collect::<Vec<_>>(), limits)
    }

    fn progress(&self, jobs: usize, limits: &Limits) -> Progress {
        let running = |target: &&TargetLeft<'a>| {
            let mine = |job: &&Job<S>| target.left.contains(job.id.as_str());
            self.running.iter().any(|(job, _)| mine(job))
        };
        Progress {
            jobs,
            jobs_left: self.waiting.len() + self.running.len(),
            running: self.running.len(),
            left: self.left(limits, Instant::now()),
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
    let pending: Vec<&Job<S>> = waiting.iter().map(|(job, _)| *job).collect();
    let times = Times::of(cache, &pending);
    by_longest_chain(&mut waiting, &times);
    let state = State::new(plan, waiting, times);
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
            listener.advanced(&lock(&state).progress(jobs, limits));
            let log: &Path = &log_of[job.id.as_str()];
            let result = run_one(plan, cache, log, listener, job, step, began);
            let mut state = lock(&state);
            state.ended(job, verdict, result, listener);
            listener.advanced(&state.progress(jobs, limits));
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
            state.running.push((job, Instant::now()));
            return Some((job, verdict));
        }
        if state.running.is_empty() {
            return None;
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Sorts jobs by the time that their longest chain of successors takes, the longest first. A job takes what it took last, or
/// what its step names.
fn by_longest_chain<S: Step>(waiting: &mut [(&Job<S>, Verdict)], times: &Times<'_>) {
    let mut chain: BTreeMap<&str, f64> = BTreeMap::new();
    for (job, _) in waiting.iter().rev() {
        let last = times.of_job(&job.id);
        let own = last.unwrap_or_else(|| f64::from(job.step.cost().seconds));
        let mine = chain.get(job.id.as_str()).copied().unwrap_or(0.0) + own;
        chain.insert(&job.id, mine);
        for need in &job.needs {
            let known = chain.entry(need).or_insert(0.0);
            *known = known.max(mine);
        }
    }
    let of = |job: &Job<S>| chain.get(job.id.as_str()).copied().unwrap_or(0.0);
    waiting.sort_by(|(one, _), (other, _)| of(other).total_cmp(&of(one)));
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
    use base::progress::{Recorder, Silent};

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
        run_in(dir.path(), plan, limits, &Silent, step)
    }

    fn run_in(
        dir: &Path,
        plan: &Plan,
        limits: &Limits,
        listener: &dyn Listener,
        step: &(dyn Fn(&Work<'_, Size>) -> Result<String, Failure> + Sync),
    ) -> Result<Outcome<Size>, Failure> {
        let logs = |id: &str| dir.join("log").join(id);
        execute(plan, &Cache::new(dir), &logs, limits, listener, step)
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

    /// A job that ran for some seconds with other inputs.
    fn ran_before(dir: &Path, id: &str, step: Size, seconds: f64) {
        let cache = Cache::new(dir);
        let inputs = BTreeMap::from([("source".to_owned(), Digest::of("before"))]);
        let job = Job::new(id, id, step, inputs, &[]);
        let work = cache.start(&job).unwrap();
        let made = cache.finish(&job, &work, 0.0, seconds, "made".into());
        made.unwrap();
    }

    #[test]
    fn what_took_longest_last_time_starts_first() {
        let plan = plan(vec![
            job("huge", Size::Huge, &[]),
            job("small", Size::Small, &[]),
        ]);
        let one = Limits { cores: 1, ..ROOMY };
        let dir = tempfile::tempdir().unwrap();
        ran_before(dir.path(), "small", Size::Small, 500.0);
        let made = |_: &Work<'_, Size>| Ok("made".into());
        let outcome = run_in(dir.path(), &plan, &one, &Silent, &made).unwrap();
        assert_eq!(outcome.ran[0].1.job.id, "small");
    }

    #[test]
    fn a_run_tells_what_is_left_by_the_last_ones_times() {
        let one = Limits { cores: 1, ..ROOMY };
        let dir = tempfile::tempdir().unwrap();
        let jobs = ["a", "b"].map(|id| job(id, Size::Small, &[]));
        let plan = plan(jobs.into());
        let made = |_: &Work<'_, Size>| Ok("made".into());
        ran_before(dir.path(), "a", Size::Small, 500.0);
        ran_before(dir.path(), "b", Size::Small, 100.0);
        let told = Recorder::default();
        run_in(dir.path(), &plan, &one, &told, &made).unwrap();
        let left = |progress: &Progress| progress.left.map(|left| left.time.as_secs_f64().ceil());
        let all = told.advances();
        let all: Vec<_> = all
            .iter()
            .map(|told| (told.jobs_left, told.running, left(told)))
            .collect();
        let expected = [
            (2, 1, Some(600.0)),
            (1, 0, Some(100.0)),
            (1, 1, Some(100.0)),
            (0, 0, None),
        ];
        assert_eq!(all, expected);
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
}
