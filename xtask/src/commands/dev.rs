//! `cargo xtask dev`

use pgml_dist::exit::Failure;
use pgml_dist::workspace::Workspace;

/// Build
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args, _workspace: &Workspace) -> Result<(), Failure> {
    Ok(())
}
