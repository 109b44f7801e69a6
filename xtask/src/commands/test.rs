//! `cargo xtask test`

use std::path::PathBuf;

use base::exit::{Exit, Failure};
use base::progress::Listener;
use base::workspace::Workspace;
use build::plan::Purpose;
use inputs::host::tools::{
    AUTOPKGTEST, CHROMIUM, DIFFOSCOPE, GCC_AARCH64, GDB, LIBC_AARCH64, LINTIAN, NEWUIDMAP,
    PIUPARTS, QEMU_USER, RSYNC, SHELLCHECK, Tool,
};
use release::outdated::Summary;
use release::publish;
use release::publish::table::table;
use systest::cases::{Case, CaseResult, Cases, summary};
use systest::crash;
use systest::emulated;
use systest::fuzz;
use systest::machines;
use systest::packages::table::life_table;
use systest::run::{ON_REQUEST, SUITES, TestRun, WITHOUT_PACKAGES};
use systest::server;
use systest::workers;

use crate::commands::{LockPolicy, Sources, TargetChoice};
use crate::console::Console;
use crate::output::print;

/// Run the tests: unit tests, then the packages installed by apt into a clean system with a real server
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask test --suite install")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// Only these suites [default: all that can run on this machine's own target, but those that take long]
    #[arg(long = "suite", value_name = "NAME", value_parser = SUITES)]
    suites: Vec<String>,
    /// Write what the tests make into the documentation, instead of comparing it
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

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let mut pipeline = args.sources.pipeline(workspace)?;
    let chosen = args.choice.select(&pipeline)?;
    let named = |suite: &str| args.suites.iter().any(|name| name == suite);
    let wanted = |suite: &str| match args.suites.is_empty() {
        true => !ON_REQUEST.contains(&suite),
        false => named(suite),
    };
    let needs_packages = SUITES
        .iter()
        .any(|suite| !WITHOUT_PACKAGES.contains(suite) && wanted(suite));
    let mut done: Vec<Case> = Vec::new();
    // Suites whose tools this machine can't get.
    let mut lacking: Vec<&str> = Vec::new();
    if needs_packages {
        pipeline
            .host
            .require_for_builds(&workspace.log("install"), &console)?;
        let tools: [(&str, &[Tool]); 6] = [
            ("lint", &[SHELLCHECK]),
            ("lintian", &[LINTIAN]),
            ("packages", &[AUTOPKGTEST, GDB, PIUPARTS, QEMU_USER, RSYNC]),
            ("reproduce", &[DIFFOSCOPE, NEWUIDMAP]),
            ("report", &[CHROMIUM]),
            ("unit", &[GCC_AARCH64, LIBC_AARCH64]),
        ];
        for (suite, tools) in tools.iter().filter(|(suite, _)| wanted(suite)) {
            let install = workspace.log("install");
            if let Err(why) = pipeline.host.require(tools, &install, &console) {
                lacking.push(suite);
                let mut cases = Cases::new(format!("{suite}:"), &console);
                cases.not_run("all of it", why.to_string());
                done.extend(cases.done);
            }
        }
        let wanted = |suite: &str| wanted(suite) && !lacking.contains(&suite);
        let parts = ["python", "lint"].iter().any(|suite| wanted(suite));
        let purpose = if parts {
            Purpose::Test
        } else {
            Purpose::Install
        };
        let policy = args.policy.policy();
        pipeline.lock_what_is_not(&chosen, policy, &console)?;
        let (plan, dist) = pipeline.renewing(policy, &console, &|pipeline| {
            let plan = pipeline.plan(&chosen, purpose)?;
            // Before anything runs: a source tree that is edited meanwhile has another plan.
            let dist = pipeline.plan(&chosen, Purpose::Dist)?;
            pipeline.execute(&plan, &chosen, &console)?;
            Ok((plan, dist))
        })?;
        let out = workspace.root.join(&args.out);
        let outdated = match publish::is_current(&out, &dist) {
            true => Summary::default(), // it stays as it was published
            false => pipeline.outdated(&chosen, &console)?,
        };
        pipeline.publish(&out, &dist, false, &outdated, &console)?;
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
            done.extend(test.python(args.update)?);
        }
        if wanted("lintian") {
            done.extend(test.lintian()?);
        }
        if wanted("faults") {
            done.extend(test.faults(&dist)?);
        }
        if wanted("reproduce") {
            done.extend(test.reproduce()?);
        }
        if wanted("packages") {
            let cases = test.packages()?;
            print(&life_table(&cases))?;
            done.extend(cases);
        }
        if wanted("image") {
            for target in &chosen {
                console.note(&format!("{target}: running the container images"));
                done.extend(test.image(target)?);
            }
        }
        if wanted("install") {
            done.extend(test.install_all()?);
            let manifest = publish::read_manifest(&out);
            if let Some(manifest) = manifest.filter(|_| chosen.len() > 1) {
                print(&table(&manifest.targets))?;
            }
        }
        if wanted("hosts") {
            done.extend(machines::hosts(&pipeline, &chosen, &console)?);
        }
        if wanted("neighbours") {
            done.extend(test.neighbours()?);
        }
        if wanted("nix") {
            done.extend(test.nix()?);
        }
        if wanted("server") {
            done.extend(test.server("server", &server::PROGRAMS)?);
        }
        if wanted("soak") {
            let program = format!("soak.py PGML_SOAK_SECONDS={}", args.soak_seconds);
            done.extend(test.server("soak", &[&program])?);
        }
        if wanted("calls") {
            let program = format!("calls.py PGML_CALLS={}", args.calls);
            done.extend(test.server("calls", &[&program])?);
        }
        if wanted("protections") {
            done.extend(test.protections()?);
        }
        // After the page was made again from what the install test saw.
        if wanted("report") {
            done.extend(test.report()?);
        }
    } else if wanted("unit") {
        let mut cases = Cases::new("unit:", &console);
        systest::run::unit(workspace, &mut cases);
        done = cases.done;
    }
    if wanted("crash") {
        pipeline
            .host
            .require_for_builds(&workspace.log("install"), &console)?;
        let asked = !args.suites.is_empty();
        let policy = args.policy.policy();
        done.extend(crash::run(&mut pipeline, policy, asked, &console)?);
    }
    if wanted("emulated") {
        let out = workspace.root.join(&args.out);
        done.extend(emulated::run(&pipeline, &chosen, &out, &console)?);
    }
    if wanted("ubuntu") {
        done.extend(machines::ubuntu(&pipeline, &console)?);
    }
    if wanted("workers") {
        done.extend(workers::run(&pipeline, &chosen, &console)?);
    }
    if wanted("fuzz") {
        done.extend(fuzz::run(workspace, args.fuzz_seconds, &console)?);
    }
    if args.suites.is_empty() {
        let mut cases = Cases::new("on request:", &console);
        for suite in ON_REQUEST {
            cases.not_run(suite, format!("takes long: `--suite {suite}`"));
        }
        done.extend(cases.done);
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
