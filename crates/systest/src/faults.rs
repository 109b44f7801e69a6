//! The suite `faults`: `dist` when it is killed, when the disk is full, without its mirror, and with a damaged input. The
//! last good release stays whole, the error says what to do, and the same command succeeds afterwards.
//!
//! The cases are real runs of this program, each with its own cache and output. The cache's finished jobs are links to those
//! of the run under test, which the children can't write (as root, the directory is mounted read-only for them).

pub(super) mod child;
mod fixture;
mod matrix;
mod places;
mod relock;

use std::path::Path;

use rustix::process::Signal;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::progress::Listener;
use base::store::Store;
use build::layout;
use build::plan::{Job, Plan, Step};
use release::pipeline::Pipeline;
use targets::Target;

use self::child::Namespace;
use self::fixture::{flip_a_byte, used};
use self::places::PLACES;
use crate::cases::{Case, Cases, ensure};

/// The parts of a whole run's time after which it is killed.
const MOMENTS: [f64; 6] = [0.08, 0.25, 0.42, 0.6, 0.78, 0.95];
const SUMS: &str = "SHA256SUMS";
/// A file that only the earlier release has.
const EARLIER: &str = "earlier-release";
/// A mirror on a port at which no server listens.
const NOWHERE: &str = "http://127.0.0.1:9/debian";
const MB: u64 = 1_000_000;

/// The inputs of the suite.
pub struct FaultTest<'a> {
    /// The locks, the cache and the toolchain of this run.
    pub pipeline: &'a Pipeline,
    /// The plan of the release under test, whose jobs are finished.
    pub plan: &'a Plan,
    /// The targets that are built in the plan.
    pub chosen: &'a [Target],
    /// The release under test.
    pub release: &'a Path,
    /// The path of this program, which is started as a child.
    pub executable: &'a Path,
    /// A directory to work in.
    pub scratch: &'a Path,
}

/// The jobs after compiling that take little time: what is interrupted.
fn is_late(step: &Step) -> bool {
    matches!(
        step,
        Step::Stamp { .. }
            | Step::Verify { .. }
            | Step::ExtensionPackages { .. }
            | Step::AptRepository
    )
}

impl FaultTest<'_> {
    /// Runs every case of the suite and returns the results.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("faults:", listener);
        files::remove_dir(self.scratch)?;
        files::create_dir(self.scratch)?;
        let cache = &self.pipeline.workspace.cache;
        let namespace = match rustix::process::geteuid().is_root() {
            true => Some(Namespace::new(&[cache.join("jobs"), cache.join("store")])?),
            false => None,
        };
        let inside = namespace.as_ref();
        // Catches a compile that is done again, or bytes that depend on the machine's own cache.
        cases.run(
            "what one machine compiled another packages to the same bytes",
            || self.two_machines(inside),
        );
        if self.chosen.len() > 1 {
            // Catches what only many jobs at once show: results half made, or a release put together of two runs.
            cases.run(
                "killed at ten random moments and run again each time, the digests are the same",
                || self.killed_at_random(inside, listener),
            );
            // The other faults are those of any run; with one target they take minutes less.
            return Ok(cases.done);
        }
        // Catches a release that is replaced file by file, results that are used half made, and what a kill leaves lying.
        cases.run(
            "killed at any moment, the last release is whole and the next run ends well",
            || self.interrupted(inside, listener),
        );
        // Catches an error that names neither package nor mirror, and a release removed before its successor is there.
        cases.run(
            "an unreachable mirror is named, and the last release stays",
            || self.unreachable(inside),
        );
        for place in &PLACES {
            // Catches a program that is given a path which it misreads, and bytes that depend on the umask.
            cases.run(place.case, || self.at_place(place, inside));
        }
        // Catches a run that asks a mirror for what it has.
        cases.run(
            "with every input in the store no mirror is contacted",
            || self.complete_store(inside),
        );
        // Catches an input that changed on the disk going into a package.
        cases.run(
            "a damaged input is noticed and fetched again, never used",
            || self.damaged(inside),
        );
        self.relock(&mut cases)?;
        let full = [
            "a full disk while fetching or packaging is named, and with room the same command ends well",
            "a full disk while publishing is named, and the last release stays",
        ];
        match inside {
            Some(inside) => {
                // Catches an exit code or a message that blames something else, and results that count though they were cut
                // off.
                cases.run(full[0], || self.full_cache(inside, listener));
                // Catches half a tree that keeps the room which the next run needs.
                cases.run(full[1], || self.full_out(inside, listener));
            }
            None => full
                .iter()
                .for_each(|case| cases.not_run(case, "mounting a small disk needs root")),
        }
        Ok(cases.done)
    }

    fn interrupted(
        &self,
        inside: Option<&Namespace>,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let dist = self.dist("killed", inside)?;
        let late = |job: &Job| is_late(&job.step);
        self.seed(&dist.cache, late)?;
        let whole = dist.run()?;
        whole.ended_with(0, &[])?;
        let took = whole.took;
        listener.progress(
            "faults",
            &format!(
                "a whole run of the late jobs takes {:.1} s",
                took.as_secs_f64()
            ),
        );
        let mut kills = 0;
        for (number, part) in MOMENTS.iter().enumerate() {
            self.forget(&dist.cache, late)?;
            self.earlier(&dist.out)?;
            // Once as Ctrl-C does it.
            let signal = if number == 3 {
                Signal::INT
            } else {
                Signal::KILL
            };
            let (_, killed) = dist.kill_when(signal, |at| at >= took.mul_f64(*part))?;
            kills += usize::from(killed);
            self.whole(&dist.out, &format!("killed after {part} of the time"))?;
        }
        // The moments while the new tree is made, and right after it has replaced the old one.
        dist.run()?.ended_with(0, &[])?;
        let partial = dist.out.with_file_name("dist.partial");
        let marker = dist.out.join(EARLIER);
        let events: [&dyn Fn() -> bool; 3] = [
            &|| partial.exists(),
            &|| partial.join("apt/pool").exists(),
            &|| !marker.exists(),
        ];
        for event in events {
            self.earlier(&dist.out)?;
            files::remove_dir(&partial)?;
            let (_, killed) = dist.kill_when(Signal::KILL, |_| event())?;
            kills += usize::from(killed);
            self.whole(&dist.out, "killed while publishing")?;
        }
        listener.progress(
            "faults",
            &format!("{kills} runs were killed before their end"),
        );
        ensure(kills >= 6, || {
            format!("only {kills} runs were killed before their end")
        })?;
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &dist.cache, &dist.out)
    }

    fn unreachable(&self, inside: Option<&Namespace>) -> Result<(), Failure> {
        let mut dist = self.dist("unreachable", inside)?;
        self.seed(&dist.cache, |job| self.is_fetched_again(job))?;
        self.earlier(&dist.out)?;
        let packages = self.fetched_packages()?;
        dist.mirrors = Self::mirrors(&packages, NOWHERE);
        let ended = dist.run()?;
        ended.ended_with(
            3,
            &[
                NOWHERE,
                "check the network, the proxy and the mirror's address",
            ],
        )?;
        ensure(
            packages
                .iter()
                .any(|p| ended.printed(&format!("{} {}", p.name, p.version))),
            || format!("no package is named:\n{}", ended.output),
        )?;
        self.still_earlier(&dist.out, "with an unreachable mirror")
    }

    fn complete_store(&self, inside: Option<&Namespace>) -> Result<(), Failure> {
        let mut dist = self.dist("complete", inside)?;
        self.seed(&dist.cache, |job| self.is_fetched_again(job))?;
        let packages = self.fetched_packages()?;
        self.fill_store(&dist.cache, &packages)?;
        let mirror = self.mirror(&[])?;
        dist.mirrors = Self::mirrors(&packages, &mirror.uri(""));
        self.fetch_and_unpack(&dist, &dist.cache)?;
        dist.run()?.ended_with(0, &[])?;
        ensure(mirror.asked() == 0, || {
            format!("the mirror was asked {} times", mirror.asked())
        })?;
        self.finished(&dist, &dist.cache, &dist.out)
    }

    fn damaged(&self, inside: Option<&Namespace>) -> Result<(), Failure> {
        let mut dist = self.dist("damaged", inside)?;
        self.seed(&dist.cache, |job| self.is_fetched_again(job))?;
        self.earlier(&dist.out)?;
        let packages = self.fetched_packages()?;
        self.fill_store(&dist.cache, &packages)?;
        let Some(victim) = packages.first() else {
            return ensure(false, || "the plan fetches no package".into());
        };
        let blob = Store::new(dist.cache.join("store")).path(&victim.sha256);
        flip_a_byte(&blob).map_err(FileError::at("change", &blob))?;
        let damaged = format!("`{}` was damaged in the store", victim.name);
        dist.mirrors = Self::mirrors(&packages, NOWHERE);
        let named = format!("{} {}", victim.name, victim.version);
        dist.run()?.ended_with(3, &[&damaged, &named, NOWHERE])?;
        self.still_earlier(&dist.out, "with a damaged input")?;

        self.fill_store(&dist.cache, std::slice::from_ref(victim))?;
        flip_a_byte(&blob).map_err(FileError::at("change", &blob))?;
        let mirror = self.mirror(&packages)?;
        dist.mirrors = Self::mirrors(&packages, &mirror.uri(""));
        let output = self.fetch_and_unpack(&dist, &dist.cache)?;
        ensure(output.contains(&damaged) && mirror.asked() == 1, || {
            format!("the mirror was asked {} times:\n{output}", mirror.asked())
        })?;
        let now = Digest::of_file(&blob)
            .map_err(FileError::at("read", &blob))?
            .0;
        ensure(now == victim.sha256, || {
            "the store still has the damaged file".into()
        })?;
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &dist.cache, &dist.out)
    }

    fn full_cache(&self, inside: &Namespace, listener: &dyn Listener) -> Result<(), Failure> {
        let mut dist = self.dist("full-cache", Some(inside))?;
        let cache = inside.outside(&dist.cache);
        let packages = self.fetched_packages()?;
        let largest = packages.iter().map(|p| p.size).max().unwrap_or_default();
        inside.small_disk(&dist.cache, largest * 3 / 4, &self.log())?;
        self.seed(&cache, |job| self.is_fetched_again(job))?;
        self.earlier(&dist.out)?;
        let mirror = self.mirror(&packages)?;
        dist.mirrors = Self::mirrors(&packages, &mirror.uri(""));
        let path = dist.cache.display().to_string();
        let full = [path.as_str(), "the disk is full"];
        dist.run()?.ended_with(3, &full)?;
        self.still_earlier(&dist.out, "with a full disk while fetching")?;

        inside.resize(&dist.cache, 2000 * MB, &self.log())?;
        self.fetch_and_unpack(&dist, &cache)?;
        // Space for half of the stamped library, for half of its copy in the package, and for both but no `.deb`. This
        // program notices the first two, dpkg-deb the last.
        let stripped = self
            .plan
            .jobs
            .iter()
            .find(|job| matches!(job.step, Step::Compile { .. }));
        let library = stripped
            .map(|job| self.pipeline.cache().output(job).join(layout::STRIPPED))
            .and_then(|file| file.metadata().ok())
            .map_or(0, |meta| meta.len());
        for room in [library / 2, library * 3 / 2, library * 2 + MB] {
            files::remove_dir(&cache.join("work"))?; // or what the run before left there would count as in use
            self.forget(&cache, |job| is_late(&job.step))?;
            inside.resize(&dist.cache, used(&cache)? + room, &self.log())?;
            let ended = dist.run()?;
            ended.ended_with(3, &full)?;
            self.still_earlier(&dist.out, "with a full disk while packaging")?;
            let failed = ended
                .output
                .lines()
                .find_map(|line| line.strip_suffix(": failed"));
            listener.progress(
                "faults",
                &format!(
                    "{:.0} MB of room: {} fails",
                    room as f64 / 1e6,
                    failed.unwrap_or("nothing")
                ),
            );
        }
        inside.resize(&dist.cache, 2000 * MB, &self.log())?;
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &cache, &dist.out)
    }

    fn full_out(&self, inside: &Namespace, listener: &dyn Listener) -> Result<(), Failure> {
        let mut dist = self.dist("full-out", Some(inside))?;
        let disk = self.scratch.join("full-out/disk");
        inside.small_disk(&disk, 2000 * MB, &self.log())?;
        dist.out = disk.join("dist");
        let out = inside.outside(&dist.out);
        self.seed(&dist.cache, |_| false)?;
        self.earlier(&out)?;
        let one = used(&inside.outside(&disk))?;
        // The earlier release is a copy without hard links; a published one has each package once, in half that room.
        for part in [0.1, 0.4] {
            inside.resize(&disk, one + (one as f64 * part) as u64, &self.log())?;
            let ended = dist.run()?;
            let path = dist.out.display().to_string();
            ended.ended_with(3, &[&path, "the disk is full", "--out"])?;
            self.still_earlier(&out, "with a full disk while publishing")?;
            let now = used(&inside.outside(&disk))?;
            ensure(now <= one, || {
                format!("{} bytes of a half made tree are left", now - one)
            })?;
            listener.progress(
                "faults",
                &format!("{part} of the room of a release: exit 3"),
            );
        }
        inside.resize(&disk, 2000 * MB, &self.log())?;
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &dist.cache, &out)
    }
}
