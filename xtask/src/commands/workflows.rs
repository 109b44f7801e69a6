//! `cargo xtask workflows`

use base::exit::Failure;
use base::progress::Listener;
use base::workspace::Workspace;
use build::plan::github::Matrices;
use build::plan::workflow;
use inputs::fetch::mirrors::UserMirrors;
use release::pipeline::Pipeline;

use crate::console::Console;

/// Write the workflow of GitHub Actions from the plan of every target
#[derive(clap::Args)]
#[command(before_help = "Example: cargo xtask workflows --check")]
pub struct Args {
    /// Change nothing, and exit with 1 when it is stale
    #[arg(long)]
    check: bool,
}

/// Carries out `cargo xtask workflows`: writes or checks the GitHub workflows.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let pipeline = Pipeline::load(workspace, None, &UserMirrors::default())?;
    // The same on every machine that writes it.
    let chosen = pipeline.targets.all(pipeline.targets.first_architecture());
    let (plan, _) = pipeline.survey(&chosen)?;
    let matrices = Matrices::new(&plan, &chosen);
    let console = Console::new();
    if args.check {
        let count = workflow::check(workspace, &matrices)?;
        console.note(&format!(
            "{count} workflows are as the plan and their templates say"
        ));
        return Ok(());
    }
    for path in workflow::write(workspace, &matrices)? {
        console.note(&format!("wrote {}", workspace.display(&path)));
    }
    Ok(())
}
