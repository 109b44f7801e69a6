//! `cargo xtask plan`

use std::collections::BTreeMap;

use pgml_dist::execute::cache::Verdict;
use pgml_dist::execute::reason;
use pgml_dist::exit::Failure;
use pgml_dist::pipeline::Pipeline;
use pgml_dist::plan::job::Job;
use pgml_dist::plan::{Availability, Plan, Purpose};
use pgml_dist::workspace::Workspace;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::{Sources, TargetChoice};

/// Show all work without doing any: each job, cached or not and why, and what each target lacks here
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask plan --all --format json")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// `json` is one document; its schema is docs/schema/plan.json
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

/// What `plan --json` prints.
#[derive(Serialize, JsonSchema)]
struct Document {
    /// The version of this format.
    version: u32,
    /// Whether each target can be built here.
    targets: BTreeMap<String, Availability>,
    /// The jobs, each after all that it needs.
    jobs: Vec<Entry>,
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    /// Its name.
    id: String,
    /// What it does.
    title: String,
    /// The jobs it needs.
    needs: Vec<String>,
    /// The digest of all that decides its result.
    key: String,
    /// Whether its result is there already.
    cached: bool,
    /// Why it would run although it ran before.
    why: Option<String>,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let pipeline = Pipeline::load(
        workspace,
        args.sources.epoch(),
        args.sources.mirrors.given(),
    )?;
    let chosen = args.choice.select(&pipeline)?;
    let availability = pipeline.availability(&chosen)?;
    let buildable: Vec<_> = chosen
        .into_iter()
        .filter(|target| {
            matches!(
                availability.get(&target.to_string()),
                Some(Availability::Buildable)
            )
        })
        .collect();
    let plan = match buildable.is_empty() {
        true => Plan::default(),
        false => pipeline.plan(&buildable, Purpose::Dist)?,
    };
    let cache = pipeline.cache();
    let jobs = plan
        .jobs
        .iter()
        .map(|job| entry(job, &cache.verdict(job)))
        .collect();
    let document = Document {
        version: 1,
        targets: availability,
        jobs,
    };
    if args.json || args.format == Format::Json {
        println!(
            "{}",
            serde_json::to_string_pretty(&document).unwrap_or_default()
        );
        return Ok(());
    }
    for (target, state) in &document.targets {
        match state {
            Availability::Buildable => println!("{target:<20} can be built here"),
            Availability::Missing(what) => println!("{target:<20} can't be built here: {what}"),
        }
    }
    println!();
    let width = document
        .jobs
        .iter()
        .map(|job| job.id.len())
        .max()
        .unwrap_or(0);
    for job in &document.jobs {
        let state = match (&job.why, job.cached) {
            (_, true) => "cached".to_owned(),
            (Some(why), _) => format!("to run:{why}"),
            (None, _) => "to run".to_owned(),
        };
        println!("{:<width$}  {:.12}  {state}", job.id, job.key);
    }
    let cached = document.jobs.iter().filter(|job| job.cached).count();
    println!("\n{} jobs, {cached} cached", document.jobs.len());
    Ok(())
}

fn entry(job: &Job, verdict: &Verdict) -> Entry {
    let why = reason(verdict);
    Entry {
        id: job.id.clone(),
        title: job.title.clone(),
        needs: job.needs.clone(),
        key: job.key.to_string(),
        cached: *verdict == Verdict::Cached,
        why: (!why.is_empty()).then_some(why),
    }
}
