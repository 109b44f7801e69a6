//! Results of finished jobs, found again by key.
//!
//! `jobs/<key>/out/` of the cache holds a job's output; `record.json` beside it names the inputs and the time that it took.
//! A job works below `work` and is renamed into place when it is done: a directory under `jobs/` is always whole.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::job::{Job, Step, differences};
use base::digest::Digest;
use base::files::{self, FileError};
use base::json;

/// The version of `record.json`. A record of another version is ignored, so that the job runs again.
const VERSION: u32 = 1;

/// How many results of one job are kept: the one in use, and older ones for a return to an earlier commit.
const KEPT: usize = 3;

/// What is known of a finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record<S> {
    version: u32,
    /// The job as it was planned.
    pub job: Job<S>,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// When it started and ended, seconds since the start of the run that made it.
    pub started: f64,
    /// Top-level files of its output: name → size in bytes and modification time, to notice loss or tampering cheaply.
    files: BTreeMap<String, (u64, i64)>,
    /// A summary of its output, such as `38 packages, 12 MB`.
    pub made: String,
}

/// Why a job has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does not: its result is there.
    Cached,
    /// It never ran here.
    New,
    /// It ran with other inputs; their names.
    Changed(Vec<String>),
    /// Its result is damaged; the text says how.
    Damaged(String),
}

/// The directory of results.
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache below a directory, which need not exist.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The directory that the cache was made for.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn dir(&self, key: &Digest) -> PathBuf {
        self.root.join("jobs").join(key.to_string())
    }

    /// Where the output of a finished job lies.
    pub fn output<S>(&self, job: &Job<S>) -> PathBuf {
        self.dir(&job.key).join("out")
    }

    /// The record of a finished job, if there is one that can be read.
    pub fn record<S: Step>(&self, job: &Job<S>) -> Option<Record<S>> {
        Self::record_in(&self.dir(&job.key))
    }

    /// The record in the directory of a result.
    pub fn record_in<S: DeserializeOwned>(dir: &Path) -> Option<Record<S>> {
        Self::read_record(&dir.join("record.json"))
    }

    /// The directory of all results.
    pub fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    fn read_record<S: DeserializeOwned>(path: &Path) -> Option<Record<S>> {
        let record: Record<S> = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (record.version == VERSION).then_some(record)
    }

    fn last<S>(&self, job: &Job<S>) -> PathBuf {
        self.root
            .join("last")
            .join(format!("{}.json", job.id.replace('/', "_")))
    }

    /// The record of each job's last run, for all jobs that ever ran here. Those of other versions of the tool, whose steps
    /// can't be read, are left out.
    pub(super) fn last_records<S: Step>(&self) -> Vec<Record<S>> {
        let entries = std::fs::read_dir(self.root.join("last")).into_iter();
        let paths = entries.flatten().flatten().map(|entry| entry.path());
        paths.filter_map(|path| Self::read_record(&path)).collect()
    }

    /// Whether a job has to run, and why.
    pub fn verdict<S: Step>(&self, job: &Job<S>) -> Verdict {
        if let Some(record) = self.record(job) {
            return match stat_files(&self.output(job)) {
                Ok(files) if files == record.files => Verdict::Cached,
                Ok(_) => Verdict::Damaged("files of its result were changed or removed".into()),
                Err(error) => Verdict::Damaged(error.to_string()),
            };
        }
        match Self::read_record::<IgnoredAny>(&self.last(job)) {
            None => Verdict::New,
            Some(before) => Verdict::Changed(differences(&before.job.inputs, &job.inputs)),
        }
    }

    /// Removes what interrupted runs left of jobs that no plan may have any more: their keys change with the sources. The
    /// caller holds the [`super::CacheLock`].
    pub fn sweep(&self) -> Result<(), FileError> {
        let work = self.root.join("work");
        for entry in std::fs::read_dir(&work).into_iter().flatten().flatten() {
            // Other directories there belong to tests, which do not hold the lock while they run.
            if entry
                .file_name()
                .to_string_lossy()
                .parse::<Digest>()
                .is_ok()
            {
                files::remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Notes that a run used these results now: what is used stays longest. A time that can't be set changes nothing else.
    pub fn touch<'a, S: 'a>(&self, jobs: impl IntoIterator<Item = &'a Job<S>>) {
        let now = SystemTime::now();
        for job in jobs {
            let record = self.dir(&job.key).join("record.json");
            if let Ok(record) = std::fs::File::options().append(true).open(record) {
                let _ = record.set_modified(now);
            }
        }
    }

    /// Removes all but the newest [`KEPT`] results of each job.
    pub fn prune(&self) -> Result<(), FileError> {
        let jobs = self.root.join("jobs");
        let mut found: BTreeMap<String, Vec<(SystemTime, PathBuf)>> = BTreeMap::new();
        for entry in std::fs::read_dir(&jobs).map_err(FileError::at("list", &jobs))? {
            let dir = entry.map_err(FileError::at("list", &jobs))?.path();
            let record = dir.join("record.json");
            let made = record.metadata().and_then(|meta| meta.modified());
            let id = Self::read_record::<IgnoredAny>(&record).map(|record| record.job.id);
            found
                .entry(id.unwrap_or_default())
                .or_default()
                .push((made.unwrap_or(SystemTime::UNIX_EPOCH), dir));
        }
        for results in found.values_mut() {
            results.sort();
            results.reverse();
            for (_, dir) in results.iter().skip(KEPT) {
                files::remove_dir(dir)?;
            }
        }
        Ok(())
    }

    /// An empty directory to work in. What an interrupted run left there is removed.
    pub fn start<S>(&self, job: &Job<S>) -> Result<PathBuf, FileError> {
        let work = self.root.join("work").join(job.key.to_string());
        files::remove_dir(&work)?;
        files::create_dir(&work.join("out"))?;
        Ok(work)
    }

    /// Takes a finished job's working directory over and returns its record.
    pub fn finish<S: Step>(
        &self,
        job: &Job<S>,
        work: &Path,
        started: f64,
        seconds: f64,
        made: String,
    ) -> Result<Record<S>, FileError> {
        let out = work.join("out");
        let record = Record {
            version: VERSION,
            job: job.clone(),
            seconds,
            started,
            files: stat_files(&out).map_err(FileError::at("list", &out))?,
            made,
        };
        self.keep(&record, work)?;
        Ok(record)
    }

    /// Takes over a directory with a finished job's output, made by another cache.
    pub fn adopt<S: Step>(&self, record: &Record<S>, from: &Path) -> Result<(), FileError> {
        let out = from.join("out");
        let record = Record {
            files: stat_files(&out).map_err(FileError::at("list", &out))?,
            ..record.clone()
        };
        self.keep(&record, from)
    }

    fn keep<S: Step>(&self, record: &Record<S>, from: &Path) -> Result<(), FileError> {
        let json = json::pretty(record);
        files::write(&from.join("record.json"), &json)?;
        let dir = self.dir(&record.job.key);
        files::remove_dir(&dir)?;
        files::create_dir(&self.jobs())?;
        files::rename(from, &dir)?;
        files::write_atomically(&self.last(&record.job), &json)
    }
}

/// Sizes and times of the top-level files; directories count by name alone.
fn stat_files(out: &Path) -> std::io::Result<BTreeMap<String, (u64, i64)>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(out)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        let facts = if meta.is_dir() {
            (0, 0)
        } else {
            (meta.len(), meta.mtime())
        };
        found.insert(entry.file_name().to_string_lossy().into_owned(), facts);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Job, Size};

    fn job(input: &str) -> Job {
        let inputs = BTreeMap::from([("source".to_owned(), Digest::of(input))]);
        Job::new("compile:pg15", "compile", Size::Huge, inputs, &[])
    }

    fn run(cache: &Cache, job: &Job) -> PathBuf {
        let work = cache.start(job).unwrap();
        files::write(&work.join("out/file"), "result").unwrap();
        cache
            .finish(job, &work, 0.0, 1.0, "one file".into())
            .unwrap();
        cache.output(job)
    }

    #[test]
    fn a_result_is_found_again_and_a_change_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        assert_eq!(cache.verdict(&job("1")), Verdict::New);
        run(&cache, &job("1"));
        assert_eq!(cache.verdict(&job("1")), Verdict::Cached);
        assert_eq!(
            cache.verdict(&job("2")),
            Verdict::Changed(vec!["source changed".into()])
        );
    }

    #[test]
    fn the_newest_results_are_kept_and_what_was_interrupted_goes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let inputs = ["1", "2", "3", "4", "5"];
        for (age, input) in inputs.iter().rev().enumerate() {
            let out = run(&cache, &job(input));
            let record = std::fs::File::open(out.with_file_name("record.json")).unwrap();
            let made = SystemTime::now() - std::time::Duration::from_secs(age as u64 * 60);
            record.set_modified(made).unwrap();
        }
        cache.start(&job("6")).unwrap();
        cache.sweep().unwrap();
        cache.prune().unwrap();
        let kept: Vec<&str> = inputs
            .into_iter()
            .filter(|input| cache.verdict(&job(input)) == Verdict::Cached)
            .collect();
        assert_eq!(kept, ["3", "4", "5"]);
        assert_eq!(
            std::fs::read_dir(dir.path().join("work")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_damaged_result_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let out = run(&cache, &job("1"));
        files::write(&out.join("file"), "other bytes").unwrap();
        assert!(matches!(cache.verdict(&job("1")), Verdict::Damaged(_)));
        std::fs::remove_file(out.join("file")).unwrap();
        assert!(matches!(cache.verdict(&job("1")), Verdict::Damaged(_)));
    }

    #[test]
    fn an_interrupted_job_leaves_nothing_that_counts() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let work = cache.start(&job("1")).unwrap();
        files::write(&work.join("out/half"), "half").unwrap();
        assert_eq!(cache.verdict(&job("1")), Verdict::New);
        let work = cache.start(&job("1")).unwrap();
        assert!(!work.join("out/half").exists());
        let tests = dir.path().join("work/test-x");
        files::create_dir(&tests).unwrap();
        cache.sweep().unwrap();
        assert!(!work.exists(), "no later job would ever remove it");
        assert!(tests.exists());
    }
}
