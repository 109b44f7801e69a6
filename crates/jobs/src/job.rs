//! A unit of work: its step, its inputs, and the units that come before it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use base::digest::Digest;

/// A job's name, unique in a plan: the kind of work and what it is for (`compile:pg15`).
pub type JobId = String;

/// What a step takes while it runs: the scheduler keeps the sum within the machine. Roughly as seen on two cores; nothing
/// but the order and the overlap of jobs depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Cores it keeps busy. [`ALL_BUT_ONE`] leaves one for the small jobs beside it.
    pub cores: usize,
    /// Megabytes it needs at its peak.
    pub memory: u64,
    /// Seconds it takes, from which the schedule finds the longest chain of jobs.
    pub seconds: u32,
    /// What only one job at a time may use.
    pub alone_with: Option<&'static str>,
}

/// All cores of the machine except one.
pub const ALL_BUT_ONE: usize = usize::MAX;

/// A job whose output another one reads: only a job that is in the plan gives one away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobRef(JobId);

impl JobRef {
    /// The job's name.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// What a job does: plain data, by which the caller's code carries it out. All bytes come through the job's inputs.
pub trait Step: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// What one run takes of the machine; the schedule reads it.
    fn cost(&self) -> Cost;
    /// The jobs whose outputs it reads by a reference; a plan has each of them among what the job needs.
    fn reads(&self) -> Vec<&JobRef>;
}

/// One node of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job<S> {
    /// The name in plans, logs and `--only-jobs`.
    pub id: JobId,
    /// What a person reads while it runs.
    pub title: String,
    /// What the caller's code does for it.
    pub step: S,
    /// All that decides its result, by a name that a person understands: files, lock sections, parameters.
    pub inputs: BTreeMap<String, Digest>,
    /// The jobs whose output it reads.
    pub needs: Vec<JobId>,
    /// The digest of the step, the inputs and the keys of the jobs it needs: equal keys, equal results.
    pub key: Digest,
}

impl<S: Step> Job<S> {
    /// Makes a job and its key. `needs` are the jobs it reads from, already made.
    pub fn new(
        id: impl Into<JobId>,
        title: impl Into<String>,
        step: S,
        mut inputs: BTreeMap<String, Digest>,
        needs: &[&Self],
    ) -> Self {
        for need in needs {
            inputs.insert(format!("job {}", need.id), need.key);
        }
        Self {
            id: id.into(),
            title: title.into(),
            key: key(&step, &inputs),
            step,
            inputs,
            needs: needs.iter().map(|job| job.id.clone()).collect(),
        }
    }

    /// What another job's step reads its output by.
    pub fn reference(&self) -> JobRef {
        JobRef(self.id.clone())
    }

    /// Whether its key is the digest of its step and inputs. A job that was read from a file may claim any key.
    pub fn key_fits(&self) -> bool {
        self.key == key(&self.step, &self.inputs)
    }
}

fn key<S: Step>(step: &S, inputs: &BTreeMap<String, Digest>) -> Digest {
    Digest::of_json(&(step, inputs))
}

/// The inputs in which two runs of a job differ, a phrase each: `x is new`, `x changed`.
pub fn differences(
    before: &BTreeMap<String, Digest>,
    now: &BTreeMap<String, Digest>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, digest) in now {
        match before.get(name) {
            None => found.push(format!("{name} is new")),
            Some(old) if old != digest => found.push(format!("{name} changed")),
            Some(_) => {}
        }
    }
    found.extend(
        before
            .keys()
            .filter(|name| !now.contains_key(*name))
            .map(|name| format!("{name} is gone")),
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Size;

    fn job(value: &str, needs: &[&Job<Size>]) -> Job<Size> {
        let inputs = BTreeMap::from([("a file".to_owned(), Digest::of(value))]);
        Job::new("x", "x", Size::Small, inputs, needs)
    }

    #[test]
    fn the_key_follows_inputs_and_needs() {
        assert_eq!(job("1", &[]).key, job("1", &[]).key);
        assert_ne!(job("1", &[]).key, job("2", &[]).key);
        assert_ne!(
            job("1", &[&job("1", &[])]).key,
            job("1", &[&job("2", &[])]).key
        );
    }

    #[test]
    fn differences_are_named() {
        let (old, new) = (job("1", &[]).inputs, job("2", &[]).inputs);
        assert_eq!(differences(&old, &new), ["a file changed"]);
        assert_eq!(differences(&BTreeMap::new(), &new), ["a file is new"]);
        assert_eq!(differences(&old, &BTreeMap::new()), ["a file is gone"]);
    }
}
