//! `cargo xtask test`

use std::path::PathBuf;

use pgml_dist::exit::{Exit, Failure};
use pgml_dist::host::tools::{BUILD_TOOLS, LINTIAN};
use pgml_dist::plan::Purpose;
use pgml_dist::progress::Listener;
use pgml_dist::publish::{self, State};
use pgml_dist::systest::cases::{Case, CaseResult, Cases, summary};
use pgml_dist::systest::run::{SUITES, TestRun};
use pgml_dist::targets::Target;
use pgml_dist::workspace::Workspace;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;
use crate::output::print;

/// Run the tests: unit tests, the packages installed by apt into a clean system with a real server, the images
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask test --suite install")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// Only these suites [default: all that can run on this machine's own target]
    #[arg(long = "suite", value_name = "NAME", value_parser = SUITES)]
    suites: Vec<String>,
    /// The release under test
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let pipeline = args.sources.pipeline(workspace)?;
    let chosen = args.choice.select(&pipeline)?;
    let wanted =
        |suite: &str| args.suites.is_empty() || args.suites.iter().any(|name| name == suite);
    let needs_packages = SUITES.iter().any(|suite| *suite != "unit" && wanted(suite));
    let mut done: Vec<Case> = Vec::new();
    if needs_packages {
        pipeline
            .host
            .require(&BUILD_TOOLS, &workspace.log("install"), &console)?;
        if wanted("lintian") {
            pipeline
                .host
                .require(&[LINTIAN], &workspace.log("install"), &console)?;
        }
        let plan = pipeline.plan(&chosen, Purpose::Test)?;
        pipeline.execute(&plan, &chosen, &console)?;
        let dist = pipeline.plan(&chosen, Purpose::Dist)?;
        let out = workspace.root.join(&args.out);
        pipeline.publish(&out, &dist, &chosen, false, &console)?;
        let test = TestRun {
            pipeline: &pipeline,
            plan: &plan,
            chosen: &chosen,
            out: &out,
            listener: &console,
        };
        if wanted("lint") {
            let mut cases = Cases::new("lint:", &console);
            test.lint(&mut cases);
            done.extend(cases.done);
        }
        if wanted("unit") {
            done.extend(test.unit()?);
        }
        if wanted("python") {
            done.extend(test.python()?);
        }
        if wanted("lintian") {
            done.extend(test.lintian()?);
        }
        if wanted("faults") {
            done.extend(test.faults(&dist)?);
        }
        if wanted("image") {
            for target in &chosen {
                console.note(&format!("{target}: running the container images"));
                done.extend(test.image(target)?);
            }
        }
        if wanted("install") {
            for target in &chosen {
                let cases = install(&test, target)?;
                record(&out, target, &cases)?;
                done.extend(cases);
            }
        }
    } else {
        let mut cases = Cases::new("unit:", &console);
        pgml_dist::systest::run::unit(workspace, &mut cases);
        done = cases.done;
    }
    for case in &done {
        if let CaseResult::Failed(why) = &case.result {
            print(&format!(
                "FAILED {}\n    {}\n",
                case.name,
                why.replace('\n', "\n    ")
            ))?;
        }
    }
    print(&format!("{}\n", summary(&done)))?;
    match done
        .iter()
        .any(|case| matches!(case.result, CaseResult::Failed(_)))
    {
        true => Err(Failure::already_reported(Exit::CheckFailed)),
        false => Ok(()),
    }
}

fn install(test: &TestRun<'_>, target: &Target) -> Result<Vec<Case>, Failure> {
    test.listener.note(&format!(
        "{target}: installing the packages into a clean system"
    ));
    test.install(target)
}

/// Writes into the manifest what the install test saw.
fn record(out: &std::path::Path, target: &Target, cases: &[Case]) -> Result<(), Failure> {
    let Some(mut manifest) = publish::read_manifest(out) else {
        return Ok(());
    };
    let state = |cases: &[Case]| {
        let failed: Vec<&str> = cases
            .iter()
            .filter(|case| !matches!(case.result, CaseResult::Passed))
            .map(|case| case.name.as_str())
            .collect();
        match (cases.is_empty(), failed.is_empty()) {
            (true, _) => State::No("the test before it failed".into()),
            (false, true) => State::Yes,
            (false, false) => State::Failed(failed.join("; ")),
        }
    };
    if let Some(entry) = manifest.targets.get_mut(&target.to_string()) {
        let (first, rest) = cases.split_at(cases.len().min(1));
        entry.installed = state(first);
        entry.run = state(rest);
    }
    Ok(publish::write_manifest(out, &manifest)?)
}
