//! The structure of the command line. The arguments of each command are in the command's own file.

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use base::exit::Failure;
use base::workspace::Workspace;

use crate::commands;

/// Examples come before the arguments.
const HELP: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";
const OF_ALL: &str = "Options of every command";

/// From this source tree and its lock to verified, reproducible packages of the pgml Postgres extension
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 110,
    before_help = "Examples:
  cargo xtask dist      builds packages, repository and images into dist/
  cargo xtask test      tests them
  cargo xtask dev       opens psql on a scratch cluster that has the build"
)]
pub struct Cli {
    /// Where downloads, build directories and job outputs are kept [default: .cache in the source tree]
    #[arg(long, global = true, env = "PGML_DIST_CACHE", value_name = "DIR", help_heading = OF_ALL)]
    cache: Option<PathBuf>,
    /// The source tree [default: the one that this program was built from]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true, help_heading = OF_ALL)]
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

fn examples_first(command: clap::Command) -> clap::Command {
    command.help_template(HELP).mut_subcommands(examples_first)
}

impl Cli {
    /// Parses the command line of this process; ends it when that is wrong, or asks for help.
    pub fn of_process() -> Self {
        let matches = examples_first(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

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
    use clap::error::ErrorKind::MissingRequiredArgument as Lacks;
    use systest::docs;

    use super::*;

    /// The arguments of a command that starts this program, with its name.
    fn of_xtask(mut words: Vec<String>) -> Option<Vec<String>> {
        let place = words.iter().position(|word| word == "xtask")?;
        let cargo = words.first().is_some_and(|word| word == "cargo");
        let options = words[..place]
            .iter()
            .skip(1)
            .all(|word| word.starts_with("--"));
        (cargo && options).then(|| words.split_off(place))
    }

    /// The calls of this program on a page: those in blocks, and those between backticks in the text.
    fn calls(page: &str) -> [Vec<Vec<String>>; 2] {
        let mut found = Vec::new();
        let mut named = Vec::new();
        let mut text = page.to_owned();
        for block in docs::blocks(page) {
            text = text.replace(&block.text, "");
            let prompt = |line: &str| line.strip_prefix("$ ").map(|line| format!("{line}\n"));
            match block.language.as_str() {
                "sh" => found.extend(docs::commands(&block.text)),
                "console" => {
                    let typed: String = block.text.lines().filter_map(prompt).collect();
                    found.extend(docs::commands(&typed));
                }
                _ => {}
            }
        }
        for paragraph in text.split("\n\n") {
            let spans = paragraph.split('`').skip(1).step_by(2);
            // What stands for something else is no command.
            let whole = spans.filter(|span| !span.contains(['\u{2026}', '[']));
            named.extend(whole.flat_map(|span| docs::commands(&span.replace('\n', " "))));
        }
        [found, named].map(|calls| {
            let calls = calls.into_iter().filter_map(of_xtask);
            calls.filter(|words| words.len() > 1).collect()
        })
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
        pages.retain(|page| page.extension().is_some_and(|ext| ext == "md"));
        let mut count = 0;
        let mut wrong = Vec::new();
        for page in pages {
            let text = std::fs::read_to_string(&page).unwrap();
            for (calls, whole) in calls(&text).into_iter().zip([true, false]) {
                for words in calls {
                    count += 1;
                    let parsed = Cli::command().try_get_matches_from(&words);
                    // A sentence may name a command without what it is called with.
                    let lacks = |error: &clap::Error| !whole && error.kind() == Lacks;
                    let wrong_use = |error: &clap::Error| error.use_stderr() && !lacks(error);
                    if let Some(error) = parsed.err().filter(wrong_use) {
                        let line = words.join(" ");
                        wrong.push(format!("{}: {line}: {error}", page.display()));
                    }
                }
            }
        }
        assert!(count > 150, "only {count} commands were found");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Catches a command without an example, and an example that is none.
    #[test]
    fn every_command_begins_its_help_with_examples() {
        fn check(command: &clap::Command, name: &str) {
            let examples = command.get_before_help().map(ToString::to_string);
            let examples = examples.unwrap_or_default();
            let lines = examples
                .lines()
                .filter_map(|line| line.split_once("cargo xtask"));
            let mut count = 0;
            for (_, line) in lines {
                count += 1;
                let line = line.split("   ").next().unwrap_or(line);
                let words = docs::commands(&format!("cargo xtask {line}")).swap_remove(0);
                let parsed = Cli::command().try_get_matches_from(&words[1..]);
                let wrong = parsed.err().filter(clap::Error::use_stderr);
                assert!(wrong.is_none(), "{line}: {wrong:?}");
            }
            assert!(count > 0, "`{name}` has no example");
            let further = command
                .get_subcommands()
                .filter(|one| one.get_name() != "help");
            further.for_each(|one| check(one, one.get_name()));
        }
        check(&Cli::command(), "cargo xtask");
    }

    #[test]
    fn commands_are_found_in_blocks_and_in_text() {
        let page = "Run `cargo xtask plan\n--all`, not `cargo xtask`.\n\n```console\n$ cargo --offline xtask dist\ncargo xtask no\n```\n";
        let [found, named] = calls(page);
        assert_eq!(found, [["xtask", "dist"]]);
        assert_eq!(named, [["xtask", "plan", "--all"]]);
        assert!(
            Cli::command()
                .try_get_matches_from(["xtask", "plan", "--no-such"])
                .is_err()
        );
    }
}
