//! What the cases of the suite start from and look for: a seeded cache, an earlier release, a mirror.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::store::Store;
use build::plan::{Job, Step};
use loopback::Loopback;
use release::publish;
use targets::lock::{Lock, LockedPackage};

use super::child::{Dist, Namespace};
use super::{EARLIER, FaultTest, SUMS, is_late};
use crate::cases::ensure;

impl FaultTest<'_> {
    /// A run with a cache and an output of its own below a name, not yet seeded.
    pub(super) fn dist<'b>(
        &'b self,
        name: &str,
        namespace: Option<&'b Namespace>,
    ) -> Result<Dist<'b>, Failure> {
        let dir = self.scratch.join(name);
        files::create_dir(&dir)?;
        Ok(Dist {
            executable: self.executable,
            root: &self.pipeline.workspace.root,
            targets: self.chosen.iter().map(ToString::to_string).collect(),
            epoch: self.pipeline.epoch,
            cache: dir.join("cache"),
            out: dir.join("dist"),
            mirrors: Vec::new(),
            source: None,
            only_jobs: Vec::new(),
            locked: false,
            umask: None,
            namespace,
            log: dir.join("output"),
        })
    }

    pub(super) fn link(&self, cache: &Path, job: &Job) -> Result<(), Failure> {
        let key = job.key.to_string();
        let from = self.pipeline.workspace.cache.join("jobs").join(&key);
        let to = cache.join("jobs").join(&key);
        if from.exists() && !to.exists() {
            symlink(&from, &to).map_err(FileError::at("make the link", &to))?;
        }
        Ok(())
    }

    /// Gives a cache the finished jobs, except those that are left out, and the signing key. The results are linked and not
    /// copied; a job that runs again replaces the link.
    pub(super) fn seed(
        &self,
        cache: &Path,
        left_out: impl Fn(&Job) -> bool,
    ) -> Result<(), Failure> {
        files::create_dir(&cache.join("jobs"))?;
        for job in self.plan.jobs.iter().filter(|job| !left_out(job)) {
            self.link(cache, job)?;
        }
        Program::new("cp")
            .arg("--archive")
            .args([
                self.pipeline.workspace.cache.join("signing-key"),
                cache.join("signing-key"),
            ])
            .run(&self.log())?;
        Ok(())
    }

    pub(super) fn log(&self) -> PathBuf {
        self.pipeline.workspace.log("test-faults")
    }

    /// An earlier release, which differs from the one under test by one more file. It is made of links: a run that wrote
    /// into the release in place would break its sums.
    pub(super) fn earlier(&self, out: &Path) -> Result<(), Failure> {
        files::remove_dir(out)?;
        for file in files::files_below(self.release)? {
            let to = out.join(&file);
            if let Some(dir) = to.parent() {
                files::create_dir(dir)?;
            }
            if file != Path::new(SUMS) {
                files::link_or_copy(&self.release.join(&file), &to)?;
            }
        }
        // Of another plan, so that this one has to be published.
        if let Some(mut manifest) = publish::read_manifest(out) {
            manifest.plan = Digest::of("earlier");
            publish::write_manifest(out, &manifest)?;
        }
        files::write(&out.join(EARLIER), "earlier")?;
        let sums = files::read_text(&self.release.join(SUMS))?;
        files::write(
            &out.join(SUMS),
            format!("{sums}{}  {EARLIER}\n", Digest::of("earlier")),
        )?;
        Ok(())
    }

    /// Checks that `out` is a complete release, in which every sum fits. Returns whether it is the earlier one.
    pub(super) fn whole(&self, out: &Path, when: &str) -> Result<bool, Failure> {
        let sums = files::read_text(&out.join(SUMS))?;
        for line in sums.lines() {
            let (sum, path) = line.split_once("  ").unwrap_or_default();
            let found = Digest::of_file(&out.join(path)).map(|(digest, _)| digest.to_string());
            ensure(found.as_deref().ok() == Some(sum), || {
                format!("{when}: {path} of the last release is {found:?}, not {sum}")
            })?;
        }
        Ok(sums.contains(EARLIER))
    }

    pub(super) fn still_earlier(&self, out: &Path, when: &str) -> Result<(), Failure> {
        ensure(self.whole(out, when)?, || {
            format!("{when}: the last release was replaced")
        })
    }

    /// Checks a successful run: it made the release under test again, byte for byte, left no temporary files, and the next
    /// run has nothing to do.
    pub(super) fn finished(
        &self,
        dist: &Dist<'_>,
        cache: &Path,
        out: &Path,
    ) -> Result<(), Failure> {
        self.whole(out, "at the end")?;
        let (sums, expected) = (
            files::read(&out.join(SUMS))?,
            files::read(&self.release.join(SUMS))?,
        );
        ensure(sums == expected, || {
            format!(
                "the sums differ from those of the release:\n{}",
                String::from_utf8_lossy(&sums)
            )
        })?;
        dist.run()?.ended_with(0, &["nothing to do"])?;
        let names = |dir: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.path().display().to_string())
                .collect()
        };
        let mut left = names(&cache.join("work"));
        let beside = names(out.parent().unwrap_or(out));
        left.extend(beside.into_iter().filter(|name| name.contains("dist.")));
        ensure(left.is_empty(), || format!("left behind: {left:?}"))
    }

    pub(super) fn forget(&self, cache: &Path, which: impl Fn(&Job) -> bool) -> Result<(), Failure> {
        for job in self.plan.jobs.iter().filter(|job| which(job)) {
            files::remove_dir(&cache.join("jobs").join(job.key.to_string()))?;
        }
        Ok(())
    }

    /// Removes the unpacked inputs of the compile job and all results that depend on them.
    pub(super) fn is_fetched_again(&self, job: &Job) -> bool {
        let unpacked = |unpack: &&Job| matches!(unpack.step, Step::Unpack { .. });
        let fetches = || {
            self.plan
                .jobs
                .iter()
                .filter(unpacked)
                .flat_map(|unpack| &unpack.needs)
        };
        is_late(&job.step)
            || matches!(job.step, Step::Unpack { .. } | Step::Compile { .. })
            || fetches().any(|id| *id == job.id)
    }

    /// The packages that those jobs fetch.
    pub(super) fn fetched_packages(&self) -> Result<Vec<LockedPackage>, Failure> {
        let mut found = Vec::new();
        for job in self
            .plan
            .jobs
            .iter()
            .filter(|job| self.is_fetched_again(job))
        {
            if let Step::FetchDebs { distribution, role } = &job.step {
                let facts = self.pipeline.targets.require_distribution(distribution)?;
                let lock = Lock::open(&self.pipeline.workspace, &self.pipeline.targets, facts)?;
                found.extend(lock.packages(role).into_iter().cloned());
            }
        }
        Ok(found)
    }

    /// A mirror that has these packages, and the value of `--mirror` that selects it. Packages that the store no longer has
    /// are taken from the finished jobs.
    pub(super) fn mirror(&self, packages: &[LockedPackage]) -> Result<Loopback, Failure> {
        let cache = self.pipeline.cache();
        let have: BTreeMap<String, PathBuf> = packages
            .iter()
            .filter_map(|package| {
                let outputs = self
                    .plan
                    .jobs
                    .iter()
                    .map(|job| cache.output(job).join(package.file_name()));
                let file = outputs.into_iter().find(|file| file.is_file())?;
                Some((package.path.clone(), file))
            })
            .collect();
        Ok(Loopback::of_files(have).map_err(FileError::at("serve", "127.0.0.1"))?)
    }

    pub(super) fn mirrors(packages: &[LockedPackage], uri: &str) -> Vec<String> {
        let mut all: Vec<String> = packages
            .iter()
            .map(|p| format!("{}={uri}", p.archive))
            .collect();
        all.sort();
        all.dedup();
        all
    }

    /// Runs until the inputs are fetched and unpacked, and kills the run when it begins to compile. Compiling takes minutes,
    /// so the later results are then linked into the cache.
    pub(super) fn fetch_and_unpack(
        &self,
        dist: &Dist<'_>,
        cache: &Path,
    ) -> Result<String, Failure> {
        let compile = |job: &&Job| matches!(job.step, Step::Compile { .. });
        let work = |job: &Job| cache.join("work").join(job.key.to_string());
        let begun = || {
            self.plan
                .jobs
                .iter()
                .filter(compile)
                .any(|job| work(job).exists())
        };
        let (ended, killed) = dist.kill_when(Signal::KILL, |_| begun())?;
        ensure(killed, || {
            format!(
                "it ended before it compiled, with {:?}:\n{}",
                ended.code, ended.output
            )
        })?;
        files::remove_dir(&cache.join("build"))?;
        for job in &self.plan.jobs {
            self.link(cache, job)?;
        }
        Ok(ended.output)
    }

    /// A store of the child's own that has these packages; copies, which may be damaged.
    pub(super) fn fill_store(
        &self,
        cache: &Path,
        packages: &[LockedPackage],
    ) -> Result<(), Failure> {
        let (from, to) = (self.pipeline.cache(), Store::new(cache.join("store")));
        for package in packages {
            let outputs = self
                .plan
                .jobs
                .iter()
                .map(|job| from.output(job).join(package.file_name()));
            if let Some(file) = outputs.into_iter().find(|file| file.is_file()) {
                to.insert_copy(&package.name, &file, &package.sha256, package.size)?;
            }
        }
        Ok(())
    }
}

/// Bytes in use on the file system of a path.
pub(super) fn used(path: &Path) -> Result<u64, Failure> {
    let facts = rustix::fs::statvfs(path)
        .map_err(|error| FileError::at("look at the room on", path)(error.into()))?;
    Ok((facts.f_blocks - facts.f_bfree) * facts.f_frsize)
}

/// Changes one byte in the middle of a file and puts its time back, as a failing disk does it.
pub(super) fn flip_a_byte(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = path.metadata()?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let middle = std::io::SeekFrom::Start(meta.len() / 2);
    let mut byte = [0];
    file.seek(middle)?;
    file.read_exact(&mut byte)?;
    file.seek(middle)?;
    file.write_all(&[byte[0] ^ 1])?;
    file.set_modified(meta.modified()?)?;
    std::fs::set_permissions(path, meta.permissions())
}
