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
    Publish(commands::publish::Args),
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
            Command::Publish(args) => commands::publish::run(args, &workspace),
            Command::Image(args) => commands::image::run(args, &workspace),
            Command::Dev(args) => commands::dev::run(args, &workspace),
            Command::Cache(args) => commands::cache::run(args, &workspace),
            Command::Workflows(args) => commands::workflows::run(args, &workspace),
            Command::Bench(args) => commands::bench::run(args, &workspace),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The commands in the blocks of a page, each with its words: without comments, prompts and the shell's operators.
    fn commands(page: &str) -> Vec<Vec<String>> {
        let mut inside = false;
        let mut found = Vec::new();
        for line in page.lines() {
            if line.starts_with("```") {
                inside = !inside;
            }
            let line = line.trim_start_matches("$ ");
            if !inside || !line.starts_with("cargo xtask") || line.contains(['\u{2026}', '[']) {
                continue;
            }
            let line = line.split("  #").next().unwrap_or(line);
            let quoted = |(place, part): (usize, &str)| match place % 2 {
                1 => vec![part.to_owned()],
                _ => part.split_whitespace().map(ToOwned::to_owned).collect(),
            };
            let words = line.split('\'').enumerate().flat_map(quoted);
            let words = words.take_while(|word| !["|", ">", "&&", "#"].contains(&word.as_str()));
            found.push(words.skip(1).collect());
        }
        found
    }

    /// Catches a page that shows an option or a command that there is not.
    #[test]
    fn every_command_of_the_documentation_is_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut pages = vec![root.join("README.md")];
        for dir in ["docs", "docs/sql"] {
            let entries = std::fs::read_dir(root.join(dir)).unwrap().flatten();
            pages.extend(entries.map(|entry| entry.path()));
        }
        let mut count = 0;
        for page in pages {
            let Ok(text) = std::fs::read_to_string(&page) else {
                continue;
            };
            for words in commands(&text) {
                count += 1;
                let parsed = Cli::command().try_get_matches_from(&words);
                if let Err(error) = parsed {
                    panic!("{}: {}: {error}", page.display(), words.join(" "));
                }
            }
        }
        assert!(count > 60, "only {count} commands were found");
    }

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        let page = "```\n$ cargo xtask dev -c 'SELECT 1'   # psql\ncargo xtask plan | less\n```\ncargo xtask no\n";
        let found = commands(page);
        assert_eq!(
            found,
            [
                vec!["xtask", "dev", "-c", "SELECT 1"],
                vec!["xtask", "plan"]
            ]
        );
        assert!(
            Cli::command()
                .try_get_matches_from(["xtask", "plan", "--no-such"])
                .is_err()
        );
    }
}
