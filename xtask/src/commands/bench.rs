//! `cargo xtask bench`

mod build;

use std::path::PathBuf;
use std::sync::Mutex;

use ::build::layout;
use ::build::plan::Purpose;
use base::exit::Failure;
use base::workspace::Workspace;
use release::outdated::Summary;
use release::pipeline::Pipeline;
use systest::bench::{BENCHES, BenchError, Benches, Others, TREES, table};
use systest::run::TestRun;

use crate::commands::Sources;
use crate::console::Console;
use crate::output::{print, print_json};

/// Measure how much quicker this release is than the alternatives, side by side
///
/// The packages of this machine's own target are built and installed into a clean system, as for the install tests; nothing
/// is installed outside of it. Both sides of a comparison run in turns, in one session and on the same rows.
/// docs/bench.md says what is compared and how to read it.
#[derive(clap::Args)]
#[command(
    before_help = "Examples:
  cargo xtask bench predict dot
  cargo xtask bench build          how long a release takes",
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Only these [default: all but `trees`, which trains for minutes]
    #[arg(value_name = "NAME", value_parser = BENCHES.map(|bench| bench.name))]
    names: Vec<String>,
    /// How often each side of a comparison is measured
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each run of pgbench takes
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Print one document; its schema is docs/schema/bench.json
    #[arg(long)]
    json: bool,
    /// The release that is measured
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

/// What is measured besides the extension.
#[derive(clap::Subcommand)]
enum Other {
    Build(build::Args),
}

/// Carries out `cargo xtask bench`: measures and prints or records the results.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    if let Some(Other::Build(other)) = args.other {
        return build::run(other, workspace);
    }
    let console = Console::new();
    let pipeline = args.sources.pipeline(workspace)?;
    let chosen = vec![pipeline.host.own_target(&pipeline.targets)?];
    pipeline
        .host
        .require_for_builds(&workspace.log("install"), &console)?;
    let plan = pipeline.plan(&chosen, Purpose::Install)?;
    pipeline.execute(&plan, &chosen, &console)?;
    let out = workspace.root.join(&args.out);
    pipeline.publish(
        &out,
        &pipeline.plan(&chosen, Purpose::Dist)?,
        false,
        &Summary::default(),
        &console,
    )?;
    let test = TestRun {
        pipeline: &pipeline,
        plan: &plan,
        chosen: &chosen,
        out: &out,
        listener: &console,
        manifest: Mutex::default(),
    };
    for target in &chosen {
        let others = match args.names.iter().any(|name| name == TREES) {
            true => Some(others(
                &pipeline,
                &test,
                &target.distribution.python.to_string(),
                &console,
            )?),
            false => None,
        };
        let benches = Benches {
            names: &args.names,
            rounds: args.rounds,
            seconds: args.seconds,
            others: others.as_ref(),
        };
        let document = test.bench(target, &benches)?;
        match args.json {
            true => print_json(&document)?,
            false => print(&table(&document))?,
        }
    }
    Ok(())
}

/// The libraries that `trees` compares with, installed beside everything else.
fn others(
    pipeline: &Pipeline,
    test: &TestRun<'_>,
    python: &str,
    console: &Console,
) -> Result<Others, Failure> {
    let Some((plan, job)) = pipeline.bench_plan(python)? else {
        return Err(BenchError::NoWheels {
            python: python.to_owned(),
        }
        .into());
    };
    pipeline.execute(&plan, &[], console)?;
    let job = plan
        .job(&job)
        .ok_or_else(|| Failure::bug("the plan has no job for the wheels"))?;
    let builder =
        ::build::plan::builder(test.plan).ok_or_else(|| Failure::bug("the plan has no builder"))?;
    let cache = pipeline.cache();
    Ok(Others {
        wheels: cache.output(job).join(layout::PYTHON_TREE),
        compiler: cache.output(builder).join(layout::ROOTFS),
    })
}
