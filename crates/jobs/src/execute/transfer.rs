//! Hands results of finished jobs from one cache to another, as an archive.
//!
//! An archive holds the directories of the results, and a list of what is in each. What arrives is checked against the
//! list, and each result's key against the inputs that its record names, before any of it becomes a result here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cache::{Cache, Record, Verdict};
use crate::inputs;
use crate::job::Step;
use crate::plan::Plan;
use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::json;
use base::process::Program;

/// The version of an archive's list.
const VERSION: u32 = 1;
/// The list's name in an archive.
const LIST: &str = "results.json";

/// What an archive holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    /// For each result, by key, the digest of each of its files.
    results: BTreeMap<Digest, BTreeMap<String, Digest>>,
}

/// Why results can't be handed over.
#[derive(Debug, Error, Diagnostic)]
pub enum TransferError {
    /// It is not done.
    #[error("there is no result of `{job}` here")]
    #[diagnostic(help("`cargo xtask dist --only-jobs {job}` with the same targets makes it"))]
    NotDone {
        /// The id of the job.
        job: String,
    },
    /// The file is no such archive, or it was changed.
    #[error("{}: {what}", archive.display())]
    #[diagnostic(help(
        "nothing was taken from it; `cargo xtask cache export` makes such archives"
    ))]
    Refused {
        /// The path of the archive.
        archive: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl ExitKind for TransferError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotDone { .. } => Exit::Usage,
            Self::Refused { .. } => Exit::CheckFailed,
        }
    }
}

/// Writes the results of some jobs of a plan into an archive; returns how many.
pub fn export<S: Step, T>(
    plan: &Plan<S, T>,
    cache: &Cache,
    jobs: &[String],
    to: &Path,
    log: &Path,
) -> Result<usize, Failure> {
    let mut list = List {
        version: VERSION,
        results: BTreeMap::new(),
    };
    let scratch = tempfile::tempdir().map_err(FileError::at("make", "a temporary directory"))?;
    let mut dirs = Vec::new();
    for id in jobs {
        let done = plan
            .job(id)
            .filter(|job| cache.verdict(job) == Verdict::Cached);
        let job = done.ok_or_else(|| TransferError::NotDone { job: id.clone() })?;
        let digests = inputs::tree(&cache.output(job), |_| false)?;
        list.results.insert(job.key, digests);
        dirs.push(job.key.to_string());
    }
    files::write(&scratch.path().join(LIST), json::pretty(&list))?;
    let partial = to.with_added_extension("partial");
    Program::new("tar")
        .args(["--create".as_ref(), "--file".as_ref(), partial.as_os_str()])
        .args([
            "--directory".as_ref(),
            scratch.path().as_os_str(),
            LIST.as_ref(),
        ])
        .args(["--directory".as_ref(), cache.jobs().as_os_str()])
        .args(&dirs)
        .run(log)?;
    files::rename(&partial, to)?;
    Ok(dirs.len())
}

/// Takes over the results in an archive; returns the names of their jobs. The caller holds the [`super::CacheLock`].
pub fn import<S: Step>(root: &Path, archive: &Path, log: &Path) -> Result<Vec<String>, Failure> {
    let refused = |what: String| TransferError::Refused {
        archive: archive.to_owned(),
        what,
    };
    let cache = Cache::new(root);
    let incoming = root.join("work").join("import");
    files::remove_dir(&incoming)?;
    files::create_dir(&incoming)?;
    Program::new("tar")
        .args(["--extract", "--no-same-owner", "--file"])
        .args([
            archive.as_os_str(),
            "--directory".as_ref(),
            incoming.as_os_str(),
        ])
        .run(log)
        .map_err(|error| refused(error.to_string()))?;
    let text = std::fs::read(incoming.join(LIST)).map_err(|_| refused("it has no list".into()))?;
    let list: List = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if list.version != VERSION {
        return Err(refused(format!("it is of version {}", list.version)).into());
    }
    let mut records: Vec<Record<S>> = Vec::new();
    for (key, digests) in &list.results {
        let dir = incoming.join(key.to_string());
        let record = Cache::record_in(&dir)
            .filter(|record| record.job.key == *key && record.job.key_fits())
            .ok_or_else(|| refused(format!("{key} has no record that fits its key")))?;
        if inputs::tree(&dir.join("out"), |_| false)? != *digests {
            return Err(refused(format!("files of `{}` were changed", record.job.id)).into());
        }
        records.push(record);
    }
    for record in &records {
        cache.adopt(record, &incoming.join(record.job.key.to_string()))?;
    }
    files::remove_dir(&incoming)?;
    Ok(records.into_iter().map(|record| record.job.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Job, Plan, Size};

    fn job(input: &str) -> Job {
        let inputs = BTreeMap::from([("source".to_owned(), Digest::of(input))]);
        Job::new("compile:pg15", "compile", Size::Huge, inputs, &[])
    }

    fn plan(job: &Job) -> Plan {
        Plan {
            jobs: vec![job.clone()],
            goals: vec![job.id.clone()],
            ..Plan::default()
        }
    }

    /// A cache with the result of a job, exported.
    fn exported(dir: &Path, job: &Job) -> PathBuf {
        let cache = Cache::new(&dir.join("one"));
        let work = cache.start(job).unwrap();
        files::write(&work.join("out/dir/file"), "result").unwrap();
        cache
            .finish(job, &work, 0.0, 1.0, "one file".into())
            .unwrap();
        let archive = dir.join("archive.tar");
        let ids = [job.id.clone()];
        export(&plan(job), &cache, &ids, &archive, &dir.join("log")).unwrap();
        archive
    }

    #[test]
    fn a_result_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let job = job("1");
        let archive = exported(dir.path(), &job);
        let other = dir.path().join("two");
        assert_eq!(
            import::<Size>(&other, &archive, &dir.path().join("log")).unwrap(),
            ["compile:pg15"]
        );
        let cache = Cache::new(&other);
        assert_eq!(cache.verdict(&job), Verdict::Cached);
        assert_eq!(
            files::read(&cache.output(&job).join("dir/file")).unwrap(),
            b"result"
        );
    }

    #[test]
    fn what_is_not_done_is_not_exported() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let ids = ["compile:pg15".to_owned()];
        let to = dir.path().join("x.tar");
        let log = dir.path().join("log");
        assert!(export(&plan(&job("1")), &cache, &ids, &to, &log).is_err());
        assert!(!to.exists());
    }

    #[test]
    fn a_changed_archive_is_refused() {
        // Catches results that are taken for what their name says.
        let dir = tempfile::tempdir().unwrap();
        let job = job("1");
        let archive = exported(dir.path(), &job);
        let (tree, log) = (dir.path().join("tree"), dir.path().join("log"));
        let key = job.key.to_string();
        let record =
            std::fs::read_to_string(dir.path().join("one/jobs").join(&key).join("record.json"));
        let forged = record
            .unwrap()
            .replace("compile:pg15", "compile:pg16")
            .replace("\"Huge\"", "\"Small\"");
        for (file, contents) in [("out/dir/file", "other"), ("record.json", forged.as_str())] {
            files::create_dir(&tree).unwrap();
            let tar = |verb: &str| {
                let name = archive.display().to_string();
                let args = [
                    verb,
                    "--file",
                    &name,
                    "--directory",
                    &tree.display().to_string(),
                ];
                let all = if verb == "--create" {
                    vec![LIST, &key]
                } else {
                    vec![]
                };
                Program::new("tar").args(args).args(all).run(&log).unwrap();
            };
            exported(dir.path(), &job);
            tar("--extract");
            files::write(&tree.join(&key).join(file), contents).unwrap();
            tar("--create");
            let other = dir.path().join("two");
            let error = import::<Size>(&other, &archive, &log).unwrap_err();
            assert_eq!(error.exit, Exit::CheckFailed, "{file}");
            assert_ne!(Cache::new(&other).verdict(&job), Verdict::Cached, "{file}");
            files::remove_dir(&tree).unwrap();
        }
        files::write(&archive, "something else").unwrap();
        assert!(import::<Size>(&dir.path().join("two"), &archive, &log).is_err());
    }
}
