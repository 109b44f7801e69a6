//! The record of a run: which jobs ran, when, and what came from the cache. The page's timeline is drawn from it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::files::{self, FileError};
use build::plan::{Outcome, Plan};
use jobs::execute::cache::Cache;
use jobs::execute::reason;

/// The version of [`RunRecord`].
const VERSION: u32 = 1;
/// Its name in the cache.
const NAME: &str = "last-run.json";

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The version of this format.
    pub version: u32,
    /// How many jobs could run at once.
    pub workers: usize,
    /// Every job of the plan, each after all that it needs.
    pub jobs: Vec<JobRun>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobRun {
    /// The id of the job in the plan.
    pub id: String,
    /// The jobs it needs.
    pub needs: Vec<String>,
    /// When it ran; none for one whose result was in the cache.
    pub ran: Option<Ran>,
    /// What the job's step reported about its result. Empty for a job that was not needed.
    pub made: String,
}

/// When a job ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ran {
    /// Seconds after the start of the run.
    pub started: f64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Why it ran although it had run before; empty for a job that is new.
    pub why: String,
}

impl RunRecord {
    /// The record of a run that ended well.
    pub fn of(plan: &Plan, outcome: &Outcome, cache: &Cache, workers: usize) -> Self {
        let jobs = plan.jobs.iter().map(|job| {
            let ran = outcome
                .ran
                .iter()
                .find(|(_, record)| record.job.id == job.id);
            let record = ran.map(|(_, record)| record.clone());
            JobRun {
                id: job.id.clone(),
                needs: job.needs.clone(),
                ran: ran.map(|(verdict, record)| Ran {
                    started: record.started,
                    seconds: record.seconds,
                    why: reason(verdict).trim().to_owned(),
                }),
                made: record
                    .or_else(|| cache.record(job))
                    .map(|record| record.made)
                    .unwrap_or_default(),
            }
        });
        Self {
            version: VERSION,
            workers,
            jobs: jobs.collect(),
        }
    }

    /// Keeps it in a cache until the next run.
    pub fn save(&self, cache: &Path) -> Result<(), FileError> {
        let json = base::json::pretty(self);
        files::write_atomically(&cache.join(NAME), json)
    }

    /// The record of the last run in a cache, if this program can read it.
    pub fn load(cache: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&std::fs::read(cache.join(NAME)).ok()?).ok()?;
        (record.version == VERSION).then_some(record)
    }
}
