//! `cargo xtask cache`

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base::exit::Failure;
use base::progress::Listener;
use base::store::Store;
use base::workspace::Workspace;
use build::plan::{Purpose, Step};
use jobs::execute::prune::{self, Keep};
use jobs::execute::{CacheLock, transfer};
use release::pipeline::Pipeline;
use targets::lock;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;

/// Move results of finished jobs from one machine to another, and make room
///
/// Equal keys are equal results, so that an imported result is never made again. Trust an archive only as far as the machine
/// that made it: a changed archive changes what is built from it.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask cache prune --dry-run              what would be removed
  cargo xtask cache export --inputs --to pgml-3.0.0-inputs.tar --all")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write results, or all inputs, into an archive
    #[command(before_help = "Examples:
  cargo xtask cache export --jobs compile:pg15 --to pg15.tar 'debian*-pg15'
  cargo xtask cache export --inputs --to pgml-3.0.0-inputs.tar --all")]
    Export {
        #[command(flatten)]
        choice: TargetChoice,
        /// The jobs, by name
        #[arg(
            long,
            value_name = "JOB",
            value_delimiter = ',',
            required_unless_present = "inputs"
        )]
        jobs: Vec<String>,
        /// Write every locked input of the targets instead of results, for `dist --inputs` on a machine without a network
        #[arg(long, conflicts_with = "jobs")]
        inputs: bool,
        /// The file to write the archive to
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        sources: Box<Sources>,
    },
    /// Remove results that no run has used for long, and inputs that no lock names
    #[command(before_help = "Example: cargo xtask cache prune --days 7 --gigabytes 5")]
    Prune {
        /// Keep what a run used within so many days
        #[arg(long, value_name = "NUMBER", default_value_t = 30)]
        days: u32,
        /// Keep at most so many gigabytes of results, those used last
        #[arg(long, value_name = "NUMBER")]
        gigabytes: Option<u64>,
        /// Say what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Import the results in archives into the cache
    #[command(before_help = "Example: cargo xtask cache import pg15.tar")]
    Import {
        /// The archives that `cache export` wrote
        #[arg(value_name = "FILE", required = true)]
        archives: Vec<PathBuf>,
    },
}

/// Carries out `cargo xtask cache export` or `cache import`.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let log = workspace.log("cache");
    match args.action {
        Action::Export {
            choice,
            inputs: true,
            to,
            sources,
            ..
        } => {
            let pipeline = sources.pipeline(workspace)?;
            let chosen = choice.select(&pipeline)?;
            let plan = pipeline.plan(&chosen, Purpose::Dist)?;
            pipeline.execute(&Pipeline::inputs_of(&plan), &chosen, &console)?;
            let _lock = CacheLock::acquire(&workspace.cache, &console)?;
            let (count, bytes) = pipeline.export_inputs(&plan, &chosen, &to, &console)?;
            let megabytes = bytes as f64 / 1e6;
            console.note(&format!(
                "{}: {count} inputs, {megabytes:.0} MB",
                to.display()
            ));
        }
        Action::Export {
            choice,
            jobs,
            to,
            sources,
            ..
        } => {
            let pipeline = sources.pipeline(workspace)?;
            let chosen = choice.select(&pipeline)?;
            let plan = pipeline.plan(&chosen, Purpose::Dist)?;
            let _lock = CacheLock::acquire(&workspace.cache, &console)?;
            let count = transfer::export(&plan, &pipeline.cache(), &jobs, &to, &log)?;
            console.note(&format!("{}: the results of {count} jobs", to.display()));
        }
        Action::Prune {
            days,
            gigabytes,
            dry_run,
        } => {
            let keep = Keep {
                used_within: Duration::from_secs(86_400 * u64::from(days)),
                bytes: gigabytes.map(|number| number * 1_000_000_000),
            };
            prune(workspace, &keep, dry_run, &console)?;
        }
        Action::Import { archives } => {
            let _lock = CacheLock::acquire(&workspace.cache, &console)?;
            for archive in archives {
                let taken = transfer::import::<Step>(&workspace.cache, &archive, &log)?;
                console.note(&format!("{}: {}", archive.display(), taken.join(", ")));
            }
        }
    }
    Ok(())
}

/// Removes what `keep` does not name, and says how much that was.
fn prune(
    workspace: &Workspace,
    keep: &Keep,
    dry_run: bool,
    console: &Console,
) -> Result<(), Failure> {
    let _lock = CacheLock::acquire(&workspace.cache, console)?;
    let dirs = ["jobs", "build"].map(|name| workspace.cache.join(name));
    let results = prune::prune(&dirs, keep, SystemTime::now(), dry_run)?;
    let locked = lock::digests(workspace)?;
    let store = Store::new(workspace.store());
    let (inputs, input_bytes) = store.remove_others(&|digest| locked.contains(digest), dry_run)?;
    let verb = if dry_run { "would remove" } else { "removed" };
    console.note(&format!(
        "{verb} {} results and build directories, {:.1} GB; {inputs} inputs that no lock names, {:.1} GB",
        results.entries,
        results.bytes as f64 / 1e9,
        input_bytes as f64 / 1e9,
    ));
    Ok(())
}
