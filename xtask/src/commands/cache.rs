//! `cargo xtask cache`

use std::path::PathBuf;

use pgml_dist::execute::CacheLock;
use pgml_dist::execute::transfer;
use pgml_dist::exit::Failure;
use pgml_dist::plan::Purpose;
use pgml_dist::progress::Listener;
use pgml_dist::workspace::Workspace;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;

/// Hand results of finished jobs from one machine to another
///
/// Equal keys are equal results, so that what was imported is never made again. An archive is trusted as the machine that
/// made it is: whoever can change one can change what is built from it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write results into an archive
    #[command(
        after_help = "Example: cargo xtask cache export --jobs compile:pg15 --to pg15.tar 'debian*-pg15'"
    )]
    Export {
        #[command(flatten)]
        choice: TargetChoice,
        /// The jobs, by name
        #[arg(long, value_name = "JOB", value_delimiter = ',', required = true)]
        jobs: Vec<String>,
        /// The archive
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        sources: Sources,
    },
    /// Take the results in archives over
    #[command(after_help = "Example: cargo xtask cache import pg15.tar")]
    Import {
        /// The archives
        #[arg(value_name = "FILE", required = true)]
        archives: Vec<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let log = workspace.log("cache");
    match args.action {
        Action::Export {
            choice,
            jobs,
            to,
            sources,
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
                let taken = transfer::import(&workspace.cache, &archive, &log)?;
                console.note(&format!("{}: {}", archive.display(), taken.join(", ")));
            }
        }
    }
    Ok(())
}
