//! The plan as a document: what `cargo xtask plan --json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::job::Job;
use super::{Availability, Plan};
use crate::execute::cache::{Cache, Verdict};
use crate::execute::reason;

/// The version of the format.
const VERSION: u32 = 1;

/// A plan, and how much of it is done already.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// Whether each target can be built here.
    pub targets: BTreeMap<String, Availability>,
    /// The jobs, each after all that it needs.
    pub jobs: Vec<Entry>,
}

/// One job.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// What it does.
    pub title: String,
    /// The jobs it needs.
    pub needs: Vec<String>,
    /// The digest of all that decides its result.
    pub key: String,
    /// Whether its result is there already.
    pub cached: bool,
    /// Why it would run although it ran before.
    pub why: Option<String>,
}

impl Document {
    /// A plan, with what is known of each job in a cache.
    pub fn new(plan: &Plan, cache: &Cache, targets: BTreeMap<String, Availability>) -> Self {
        let entry = |job: &Job| {
            let verdict = cache.verdict(job);
            let why = reason(&verdict);
            Entry {
                id: job.id.clone(),
                title: job.title.clone(),
                needs: job.needs.clone(),
                key: job.key.to_string(),
                cached: verdict == Verdict::Cached,
                why: (!why.is_empty()).then_some(why),
            }
        };
        Self {
            version: VERSION,
            targets,
            jobs: plan.jobs.iter().map(entry).collect(),
        }
    }
}
