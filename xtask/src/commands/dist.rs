//! `cargo xtask dist`

use std::path::{Path, PathBuf};
use std::time::Instant;

use globset::Glob;
use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::progress::Listener;
use base::workspace::Workspace;
use build::compile::shared_objects::CompilerCache;
use build::package::packages;
use build::plan::kinds::Kind;
use build::plan::{Outcome, Plan, Purpose};
use debian::apt::place;
use inputs::fetch::FetchError;
use jobs::execute::{Limits, to_run};
use jobs::plan::Blocked;
use release::outdated::Summary;
use release::pipeline::Pipeline;
use release::publish::table::table;
use release::publish::{self, State};
use targets::Target;

use crate::commands::{LockPolicy, Sources, TargetChoice};
use crate::console::Console;
use crate::output::print;

/// Build the packages, the apt repository and the container images, from nothing to verified
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask dist                               for this machine's distribution and Postgres
  cargo xtask dist debian12-pg15 debian13-pg17
  cargo xtask dist --all --keep-going
  cargo xtask dist --only deb,apt                without images")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// Only these kinds of result: `deb`, `apt`, `image`, separated by commas [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = Kind::ALL.map(Kind::name))]
    only: Vec<String>,
    /// Where the results go
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    /// Refuse inputs that are for development only, such as the Postgres headers of a Python wheel
    #[arg(long)]
    release: bool,
    /// How many cores to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// After a failure, go on with the jobs that don't need the failed one, and leave out what this machine can't do
    #[arg(long)]
    keep_going: bool,
    /// Only these jobs and what they need, by name or glob (`compile:*`); nothing is put into --out
    #[arg(long, value_name = "JOB", value_delimiter = ',')]
    only_jobs: Vec<String>,
    /// Share compiled objects with other machines through the Redis that listens at this Unix socket
    #[arg(long, env = "PGML_COMPILER_CACHE", value_name = "SOCKET")]
    compiler_cache: Option<PathBuf>,
    /// Take every input from this archive (`cargo xtask cache export --inputs` makes it), and contact no server
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Don't ask the archives whether they have newer packages than the locks
    #[arg(long)]
    no_outdated: bool,
    #[command(flatten)]
    policy: LockPolicy,
    #[command(flatten)]
    sources: Sources,
}

/// A value of `--only-jobs` that is no job of the plan.
#[derive(Debug, Error, Diagnostic)]
#[error("no job of the plan is called `{0}`")]
#[diagnostic(help("`cargo xtask plan` lists them"))]
struct NoSuchJob(String);

impl ExitKind for NoSuchJob {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Carries out `cargo xtask dist`: locks, builds and publishes the chosen targets.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let began = Instant::now();
    let console = Console::new();
    let mut pipeline = args.sources.pipeline(workspace)?;
    if let Some(socket) = &args.compiler_cache {
        pipeline.compiler_cache = Some(CompilerCache::at(socket)?);
    }
    if let Some(archive) = &args.inputs {
        pipeline.use_inputs(archive, &console)?;
    }
    let run = Run {
        args: &args,
        out: workspace.root.join(&args.out),
        began,
        console: &console,
    };
    let policy = args.policy.policy();
    pipeline.lock_missing(&args.choice.select(&pipeline)?, policy, &console)?;
    let done = pipeline.with_new_locks(policy, &console, &|pipeline| run.attempt(pipeline))?;
    match done {
        Done::NothingToDo(impossible) | Done::Asked(impossible) => Ok(impossible?),
        Done::Built(built) => run.publish(&pipeline, *built),
    }
}

/// One call of the command.
struct Run<'a> {
    args: &'a Args,
    out: PathBuf,
    began: Instant,
    console: &'a Console,
}

/// How an attempt to build ended.
enum Done {
    /// All results were there.
    NothingToDo(Result<(), Blocked>),
    /// The jobs that `--only-jobs` names have their results.
    Asked(Result<(), Blocked>),
    /// There is something to publish.
    Built(Box<Built>),
}

/// A finished build that can be published.
struct Built {
    chosen: Vec<Target>,
    plan: Plan,
    outcome: Outcome,
    outdated: Summary,
    /// Why some of the targets could not be built here.
    impossible: Result<(), Blocked>,
}

impl Run<'_> {
    fn seconds(&self) -> String {
        format!("{:.1} s", self.began.elapsed().as_secs_f64())
    }

    /// The plan for what was asked for.
    fn plan(&self, pipeline: &Pipeline, chosen: &[Target]) -> Result<Plan, Failure> {
        let mut plan = pipeline.whole_plan(chosen, Purpose::Dist)?;
        if self.args.release {
            build::plan::require_release(&plan)?;
        }
        if !self.args.only.is_empty() {
            let meant = |kind: &Kind| self.args.only.iter().any(|name| name == kind.name());
            let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(meant).collect();
            plan = build::plan::kinds::restrict_to(plan, &kinds);
        }
        if !self.args.only_jobs.is_empty() {
            plan.goals = jobs_named(&plan, &self.args.only_jobs)?;
        }
        Ok(plan)
    }

    /// Computes the plan and runs the jobs whose results are not in the cache.
    fn attempt(&self, pipeline: &Pipeline) -> Result<Done, Failure> {
        let (args, console) = (self.args, self.console);
        let chosen = args.choice.select(pipeline)?;
        let mut plan = self.plan(pipeline, &chosen)?;
        if let Some(archive) = &args.inputs {
            pipeline.require_inputs(&plan, archive)?;
        }
        let impossible = plan.require_possible();
        if args.keep_going {
            plan = plan.possible();
        } else {
            impossible.clone()?;
        }
        if self.is_done(pipeline, &plan, &chosen) {
            pipeline.cache().touch(&plan.jobs);
            return Ok(Done::NothingToDo(impossible));
        }
        let install = pipeline.workspace.log("install");
        pipeline.host.require_for_builds(&install, console)?;
        let limits = Limits {
            keep_going: args.keep_going,
            ..args
                .jobs
                .map_or_else(Limits::of_machine, |jobs| Limits::of_jobs(jobs.into()))
        };
        // Beside the jobs: the archives answer while the compilers work.
        let (outcome, outdated) = std::thread::scope(|scope| {
            let chosen = &chosen;
            let asks = args.only_jobs.is_empty() && !args.no_outdated;
            let asked = scope.spawn(move || match asks {
                true => pipeline.outdated(chosen, console),
                false => Ok(Summary::default()),
            });
            let outcome = pipeline.execute_within(&limits, &plan, chosen, console);
            let asked = asked.join();
            (
                outcome,
                asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        let (mut outcome, outdated) = (outcome?, outdated?);
        if let Some(gone) = outcome.take_failure(FetchError::is_gone) {
            return Err(gone);
        }
        if let Some(exit) = outcome.exit() {
            let jobs = self.count(&outcome);
            return Err(failed(pipeline, &plan, outcome, exit, console, &jobs)?);
        }
        if !args.only_jobs.is_empty() {
            let (goals, jobs) = (plan.goals.len(), self.count(&outcome));
            console.note(&format!("{goals} jobs were asked for: {jobs}"));
            return Ok(Done::Asked(impossible));
        }
        Ok(Done::Built(Box::new(Built {
            chosen,
            plan,
            outcome,
            outdated,
            impossible,
        })))
    }

    fn count(&self, outcome: &Outcome) -> String {
        format!(
            "{} jobs ran, {} were up to date ({})",
            outcome.ran.len(),
            outcome.cached,
            self.seconds()
        )
    }

    /// Whether all files of the release are there already. If so, the listener gets a note.
    fn is_done(&self, pipeline: &Pipeline, plan: &Plan, chosen: &[Target]) -> bool {
        let done = self.args.only_jobs.is_empty()
            && to_run(plan, &pipeline.cache()).is_empty()
            && publish::is_current(&self.out, plan)
            && !publish::has_leftovers(&self.out);
        if done {
            self.console.note(&format!(
                "nothing to do: all {} jobs for {} are up to date, and {} holds their results ({})",
                plan.jobs.len(),
                names(chosen),
                self.args.out.display(),
                self.seconds()
            ));
            tell_how_to_install(pipeline, chosen, &self.out, self.console);
        }
        done
    }

    /// Puts the results into the output directory. Jobs that could not be built end the command with the same exit code as
    /// without `--keep-going`.
    fn publish(&self, pipeline: &Pipeline, built: Built) -> Result<(), Failure> {
        let Built {
            chosen,
            plan,
            outcome,
            outdated,
            impossible,
        } = built;
        let again = !outcome.ran.is_empty();
        let published = pipeline.publish(&self.out, &plan, again, &outdated, self.console)?;
        let manifest = publish::read_manifest(&self.out);
        if let Some(manifest) = manifest.filter(|_| chosen.len() > 1) {
            print(&table(&manifest.targets))?;
        }
        self.console.note(&format!(
            "{}: {} for {}; {}",
            self.args.out.display(),
            match &published {
                Some(manifest) => format!("{} files", manifest.artifacts.len()),
                None => "the same files as before".into(),
            },
            names(&chosen),
            self.count(&outcome),
        ));
        self.console.note(&outdated.line());
        tell_how_to_install(pipeline, &chosen, &self.out, self.console);
        Ok(impossible?)
    }
}

/// The targets of a run as one phrase for a line.
fn names(chosen: &[Target]) -> String {
    match chosen {
        [target] => target.to_string(),
        many => format!("{} targets", many.len()),
    }
}

/// The commands that install on this machine, where the repository has packages for it.
fn tell_how_to_install(pipeline: &Pipeline, chosen: &[Target], out: &Path, console: &Console) {
    let repository = out.join("apt");
    let here = pipeline.host.os.codename.as_str();
    let architecture = pipeline.host.architecture(&pipeline.targets);
    let fits = |target: &&Target| {
        target.distribution.codename == here && target.distribution.architecture == *architecture
    };
    let packages: Vec<String> = chosen
        .iter()
        .filter(fits)
        .map(|target| packages::extension_name(target.major))
        .collect();
    if packages.is_empty() || !repository.join("dists").join(here).exists() {
        return;
    }
    let lines = place::lines(&repository, here, &architecture.name, &packages);
    console.note(&format!(
        "to install on this machine, as root:\n\n{lines}\n"
    ));
}

/// The jobs that names or globs mean.
fn jobs_named(plan: &Plan, patterns: &[String]) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|_| NoSuchJob(pattern.clone()))?;
        let matcher = glob.compile_matcher();
        let before = found.len();
        let jobs = plan.jobs.iter().filter(|job| matcher.is_match(&job.id));
        found.extend(jobs.map(|job| job.id.clone()));
        if found.len() == before {
            return Err(NoSuchJob(pattern.clone()).into());
        }
    }
    Ok(found)
}

/// Prints the results for each target although jobs failed. The last release stays as it is: this one is not complete.
fn failed(
    pipeline: &Pipeline,
    plan: &Plan,
    outcome: Outcome,
    exit: Exit,
    console: &Console,
    jobs: &str,
) -> Result<Failure, Failure> {
    let cache = pipeline.cache();
    let open: Vec<String> = to_run(plan, &cache)
        .iter()
        .map(|(job, _)| job.id.clone())
        .collect();
    let state = |id: &str| {
        let ids = [id.to_owned()];
        let needs = plan.closure(&ids);
        let cause = outcome
            .failed
            .iter()
            .find(|(failed, _)| needs.contains(failed.as_str()));
        match cause {
            Some((failed, _)) if failed == id => State::Failed("see below".into()),
            Some((failed, _)) => State::No(format!("`{failed}` failed")),
            None if open.iter().any(|job| job == id) => State::No("it did not run".into()),
            None => State::Yes,
        }
    };
    print(&table(&publish::states(plan, &state)))?;
    for (job, failure) in outcome.failed {
        if let Some(report) = failure.report {
            console.note(&format!("`{job}` failed:\n{report:?}"));
        }
    }
    console.note(&format!(
        "nothing was published: {jobs}, {} were left out; name the targets that are whole to publish them",
        outcome.skipped.len()
    ));
    Ok(Failure::already_reported(exit))
}
