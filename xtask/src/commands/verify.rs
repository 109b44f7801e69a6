//! `cargo xtask verify`

use std::path::PathBuf;

use pgml_dist::exit::Failure;
use pgml_dist::workspace::Workspace;

/// Check the symbol and ABI rules on any library or package, ours or not
#[derive(clap::Args)]
pub struct Args {
    /// A shared library or a `.deb`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let _ = (args.files, workspace);
    Ok(())
}
