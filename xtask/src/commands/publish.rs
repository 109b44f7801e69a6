//! `cargo xtask publish`

use std::ffi::OsString;

use base::exit::Failure;
use base::workspace::Workspace;

use crate::publisher;

/// Push a release's images to a registry, copy its apt repository to a server, sign both
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
#[command(before_help = "Examples:
  cargo xtask publish --help                     all options
  cargo xtask publish --to registry.example.org/team --key cosign.key --apt www@packages.example.org:/srv/pgml")]
pub struct Args {
    /// What is published, and where: `cargo xtask publish --help`
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<OsString>,
}

/// Starts the program that does it.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let command = [OsString::from("publish")].into_iter();
    let arguments: Vec<OsString> = command.chain(args.options).collect();
    publisher::run(&arguments, workspace)
}
