//! The structure of the command line. The arguments of each command are in the command's own file.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use base::exit::Failure;
use base::workspace::Workspace;

use crate::commands;

/// From this source tree and its lock to verified, reproducible packages of the pgml Postgres extension
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 110
)]
pub struct Cli {
    /// Where downloads, build directories and job outputs are kept [default: .cache in the source tree]
    #[arg(long, global = true, env = "PGML_DIST_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The source tree [default: the one that this program was built from]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    source: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dist(commands::dist::Args),
    Plan(commands::plan::Args),
    Verify(commands::verify::Args),
    Test(commands::test::Args),
    Reproduce(commands::reproduce::Args),
    Lock(commands::lock::Args),
    Doctor(commands::doctor::Args),
    Image(commands::image::Args),
    Dev(commands::dev::Args),
    Cache(commands::cache::Args),
    Workflows(commands::workflows::Args),
    Bench(commands::bench::Args),
}

impl Cli {
    /// Runs the command that the arguments name.
    pub fn run(self) -> Result<(), Failure> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = self
            .source
            .unwrap_or_else(|| own.unwrap_or(Path::new(".")).to_owned());
        let workspace = Workspace {
            // apt reads relative paths of its configuration from directories of its own.
            cache: match self.cache {
                Some(cache) => std::path::absolute(&cache).unwrap_or(cache),
                None => root.join(".cache"),
            },
            root,
        };
        match self.command {
            Command::Dist(args) => commands::dist::run(args, &workspace),
            Command::Plan(args) => commands::plan::run(args, &workspace),
            Command::Verify(args) => commands::verify::run(args, &workspace),
            Command::Test(args) => commands::test::run(args, &workspace),
            Command::Reproduce(args) => commands::reproduce::run(args, &workspace),
            Command::Lock(args) => commands::lock::run(args, &workspace),
            Command::Doctor(args) => commands::doctor::run(args, &workspace),
            Command::Image(args) => commands::image::run(args, &workspace),
            Command::Dev(args) => commands::dev::run(args, &workspace),
            Command::Cache(args) => commands::cache::run(args, &workspace),
            Command::Workflows(args) => commands::workflows::run(args, &workspace),
            Command::Bench(args) => commands::bench::run(args, &workspace),
        }
    }
}
