//! `cargo xtask cache`

use std::path::PathBuf;

use base::exit::Failure;
use base::progress::Listener;
use base::workspace::Workspace;
use build::plan::{Purpose, Step};
use jobs::execute::{CacheLock, transfer};
use release::pipeline::Pipeline;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;

/// Move results of finished jobs from one machine to another
///
/// Equal keys are equal results, so that an imported result is never made again. Trust an archive only as far as the machine
/// that made it: a changed archive changes what is built from it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write results, or all inputs, into an archive
    #[command(after_help = "Examples:
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
    /// Import the results in archives into the cache
    #[command(after_help = "Example: cargo xtask cache import pg15.tar")]
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
