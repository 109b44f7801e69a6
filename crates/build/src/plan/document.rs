//! The plan as a document: what `cargo xtask plan --json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use jobs::execute::cache::{Cache, Verdict};
use jobs::execute::reason;
use jobs::plan::dependents;
use targets::End;

use super::{Availability, ChosenToolchain, Plan};
use crate::plan::Job;

/// The version of the format.
const VERSION: u32 = 1;

/// A plan, and how much of it is done already.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// Whether each target can be built here.
    pub targets: BTreeMap<String, Availability>,
    /// The plan for each target that can be built here, wholly or in part.
    pub planned: BTreeMap<String, Planned>,
    /// The jobs, each after all that it needs.
    pub jobs: Vec<Entry>,
}

/// What is planned for a target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Planned {
    /// The inputs that a release refuses.
    pub development: Vec<String>,
    /// The announced ends of support of its Postgres and of its distribution.
    pub ends: Vec<End>,
    /// The Rust toolchain that compiles its library; `None` if none can here.
    pub toolchain: Option<ChosenToolchain>,
    /// Why apt can't install it here; `None` if it can.
    pub not_installable: Option<String>,
    /// Why no image with a server is made of it here; `None` if one is.
    pub no_image: Option<String>,
    /// The distribution in which its library can be loaded into a server here.
    pub loadable_in: Option<String>,
}

/// A job of the plan, with what decides its result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The id of the job, unique in the plan: `compile:pg15`.
    pub id: String,
    /// The title of the job, as progress lines show it.
    pub title: String,
    /// The jobs it needs.
    pub needs: Vec<String>,
    /// The digest of all that decides its result.
    pub key: String,
    /// Whether its result is there already.
    pub cached: bool,
    /// Why it would run although it ran before.
    pub why: Option<String>,
    /// The reason why it can't run on this machine: what the machine lacks, or a needed job that can't run.
    pub blocked: Option<String>,
}

impl Document {
    /// A plan, with what is known of each job in a cache.
    pub fn new(plan: &Plan, cache: &Cache, targets: BTreeMap<String, Availability>) -> Self {
        let blocked = dependents(&plan.jobs, &plan.blocked);
        let stopped = |job: &Job| match plan.blocked.get(&job.id) {
            Some(why) => Some(why.clone()),
            None => {
                let mut needs = job.needs.iter();
                let need = needs.find(|need| blocked.contains(*need))?;
                Some(format!("it needs `{need}`"))
            }
        };
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
                blocked: stopped(job).filter(|_| verdict != Verdict::Cached),
            }
        };
        Self {
            version: VERSION,
            targets,
            planned: plan
                .targets
                .iter()
                .map(|(name, target)| {
                    let planned = Planned {
                        development: target.development.clone(),
                        ends: target.ends.clone(),
                        toolchain: target.toolchain.clone(),
                        not_installable: target.not_installable.clone(),
                        no_image: target.no_image.clone(),
                        loadable_in: target.loadable_in.clone(),
                    };
                    (name.clone(), planned)
                })
                .collect(),
            jobs: plan.jobs.iter().map(entry).collect(),
        }
    }
}
