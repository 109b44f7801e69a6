//! `cargo xtask test`

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use base::exit::{Exit, Failure};
use base::workspace::Workspace;
use systest::cases::{Case, CaseResult, summary};
use systest::suites::{self, Options, Suite};

use crate::commands::{LockPolicy, Sources, TargetChoice};
use crate::console::Console;
use crate::output::print;

/// How many of the slowest cases are named at the end.
const SLOWEST: usize = 20;

/// The names of all suites, with what each is about.
fn names() -> PossibleValuesParser {
    let value = |suite: Suite| {
        let about = match suite.on_request() {
            true => format!("{} (only when it is named)", suite.about()),
            false => suite.about().to_owned(),
        };
        PossibleValue::new(suite.name()).help(about)
    };
    PossibleValuesParser::new(Suite::ALL.map(value))
}

/// Run the tests: unit tests, then the packages installed by apt into a clean system with a real server
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask test                               all suites that need no name, on this machine's own target
  cargo xtask test --suite install               apt and SQL alone
  cargo xtask test --suite packages debian12-pg15 debian13-pg17")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// Only these suites [default: all that can run on this machine's own target, except those that take long]
    #[arg(long = "suite", value_name = "NAME", value_parser = names())]
    suites: Vec<String>,
    /// Write the tables that the tests make into the documentation, instead of comparing them
    #[arg(long)]
    update: bool,
    /// The release under test
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    /// How long the suite `fuzz` runs each of its targets
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    fuzz_seconds: u64,
    /// How long the suite `soak` runs
    #[arg(long, default_value_t = 1200, value_name = "SECONDS")]
    soak_seconds: u64,
    /// How many calls the suite `calls` makes
    #[arg(long, default_value_t = 100_000, value_name = "NUMBER")]
    calls: u64,
    #[command(flatten)]
    policy: LockPolicy,
    #[command(flatten)]
    sources: Sources,
}

/// Carries out `cargo xtask test`: runs the chosen suites.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let mut pipeline = args.sources.pipeline(workspace)?;
    let chosen = args.choice.select(&pipeline)?;
    let suites: Vec<Suite> = args
        .suites
        .iter()
        .filter_map(|name| Suite::of(name))
        .collect();
    let options = Options {
        suites: &suites,
        update: args.update,
        out: &args.out,
        fuzz_seconds: args.fuzz_seconds,
        soak_seconds: args.soak_seconds,
        calls: args.calls,
        policy: args.policy.policy(),
    };
    let ran = suites::run(&mut pipeline, &chosen, &options, &console)?;
    for table in &ran.tables {
        print(table)?;
    }
    print(&slowest(&ran.cases))?;
    let mut failed = false;
    for case in &ran.cases {
        if let CaseResult::Failed(why) = &case.result {
            failed = true;
            let why = why.replace('\n', "\n    ");
            print(&format!("FAILED {}\n    {why}\n", case.name))?;
        }
    }
    print(&format!("{}\n", summary(&ran.cases)))?;
    match failed {
        true => Err(Failure::already_reported(Exit::CheckFailed)),
        false => Ok(()),
    }
}

/// The cases that took longest, where there are many.
fn slowest(cases: &[Case]) -> String {
    if cases.len() <= SLOWEST {
        return String::new();
    }
    let mut by_time: Vec<&Case> = cases.iter().collect();
    by_time.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let lines = by_time.iter().take(SLOWEST);
    let lines = lines.map(|case| format!("{:7.1} s  {}\n", case.seconds, case.name));
    format!("the slowest cases:\n{}", lines.collect::<String>())
}
