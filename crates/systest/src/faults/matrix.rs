//! Runs for many targets: killed at random and resumed, and spread over two machines.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use base::exit::Failure;
use base::process::Program;
use base::progress::Listener;
use build::plan::github::Matrices;
use build::plan::{Job, Step};

use super::child::Namespace;
use super::{FaultTest, is_late};
use crate::cases::ensure;

/// How often a run is killed.
const KILLS: usize = 10;
/// The earliest and the latest moment of a kill, in milliseconds from the start of its run; the latest comes earlier where
/// there is little to do, by so much for each job.
const MOMENTS: (u64, u64) = (300, 6_000);
const EACH: u64 = 150;
/// How many runs may end before they are killed: each run leaves less work.
const SPARE: usize = 10;

impl FaultTest<'_> {
    /// Kills runs at random moments, each going on where the one before ended.
    pub(super) fn killed_at_random(
        &self,
        inside: Option<&Namespace>,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let dist = self.dist("random", inside)?;
        let late = |job: &Job| is_late(&job.step);
        self.seed(&dist.cache, late)?;
        self.earlier(&dist.out)?;
        let seed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |now| now.as_nanos() as u64);
        let mut random = seed;
        let count = self.plan.jobs.iter().filter(|job| late(job)).count() as u64;
        let span = (EACH * count).min(MOMENTS.1 - MOMENTS.0);
        let (mut kills, mut jobs) = (0, Vec::new());
        for _ in 0..KILLS + SPARE {
            random = next(random);
            let moment = Duration::from_millis(MOMENTS.0 + random % span);
            let (ended, killed) = dist.kill_when(Signal::KILL, |at| at >= moment)?;
            kills += usize::from(killed);
            jobs.push(self.finished_jobs(&dist.cache));
            self.whole(&dist.out, &format!("killed after {moment:?} (seed {seed})"))?;
            if !killed {
                ended.ended_with(0, &[])?;
                // Everything is done: remove some results, for the remaining kills.
                self.forget(&dist.cache, late)?;
                self.earlier(&dist.out)?;
            }
            if kills == KILLS {
                break;
            }
        }
        listener.progress(
            "faults",
            &format!("{kills} runs killed (seed {seed}); late jobs done after each: {jobs:?}"),
        );
        ensure(kills == KILLS, || {
            format!("only {kills} runs were killed before their end")
        })?;
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &dist.cache, &dist.out)
    }

    /// How many of the late jobs have a result in a cache.
    fn finished_jobs(&self, cache: &std::path::Path) -> usize {
        let done = |job: &&Job| cache.join("jobs").join(job.key.to_string()).exists();
        let late = self.plan.jobs.iter().filter(|job| is_late(&job.step));
        late.filter(done).count()
    }

    /// One machine compiles and exports the results, another packages them: two caches that share nothing else.
    pub(super) fn two_machines(&self, inside: Option<&Namespace>) -> Result<(), Failure> {
        let dist = self.dist("second-machine", inside)?;
        self.seed(&dist.cache, |job| {
            is_late(&job.step) || matches!(job.step, Step::Compile { .. } | Step::Compress { .. })
        })?;
        let workspace = &self.pipeline.workspace;
        let targets: Vec<String> = self.chosen.iter().map(ToString::to_string).collect();
        let tool = || {
            // The compiler is found as this process finds it: its version is part of a plan.
            let names = ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME"];
            names.into_iter().fold(
                Program::new(self.executable.display().to_string()).dir(&workspace.root),
                Program::inherit_env,
            )
        };
        let cache = |dir: &std::path::Path| ["--cache".into(), dir.as_os_str().to_owned()];
        for runner in &Matrices::new(self.plan, self.chosen).compile.include {
            let archive = self.scratch.join(&runner.archive);
            tool()
                .args(["cache", "export", "--jobs", &runner.jobs, "--to"])
                .arg(&archive)
                .args(cache(&workspace.cache))
                .args(["--epoch", &self.pipeline.epoch.to_string()])
                .args(runner.targets.split(' '))
                .run(&self.log())?;
            tool()
                .args(["cache", "import"])
                .arg(&archive)
                .args(cache(&dist.cache))
                .run(&self.log())?;
        }
        let ended = dist.run()?;
        ended.ended_with(0, &[])?;
        let compiled = ended
            .output
            .lines()
            .any(|line| line.starts_with("compile:"));
        ensure(!compiled, || {
            format!(
                "the second machine compiled again for {targets:?}:\n{}",
                ended.output
            )
        })?;
        self.finished(&dist, &dist.cache, &dist.out)
    }
}

/// The next of a row of numbers that look random (xorshift).
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
