//! `cargo xtask dist`

use std::path::PathBuf;
use std::time::Instant;

use pgml_dist::execute::to_run;
use pgml_dist::exit::Failure;
use pgml_dist::host::tools::BUILD_TOOLS;
use pgml_dist::plan::Purpose;
use pgml_dist::plan::images::Kind;
use pgml_dist::progress::Listener;
use pgml_dist::publish;
use pgml_dist::workspace::Workspace;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;

/// Build the packages, the apt repository and the container images, from nothing to verified
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask dist debian12-pg15")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// Only these kinds of result: `deb`, `apt`, `image`, separated by commas [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = Kind::ALL.map(Kind::name))]
    only: Vec<String>,
    /// Where the results go
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let began = Instant::now();
    let console = Console::new();
    let pipeline = args.sources.pipeline(workspace)?;
    let chosen = args.choice.select(&pipeline)?;
    let mut plan = pipeline.plan(&chosen, Purpose::Dist)?;
    if !args.only.is_empty() {
        let meant = |kind: &Kind| args.only.iter().any(|name| name == kind.name());
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(meant).collect();
        plan = plan.only(&kinds);
    }
    let out = workspace.root.join(&args.out);
    let names: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    if to_run(&plan, &pipeline.cache()).is_empty()
        && publish::is_current(&out, &plan)
        && !publish::has_leftovers(&out)
    {
        console.note(&format!(
            "nothing to do: all {} jobs for {} are up to date, and {} holds their results ({:.1} s)",
            plan.jobs.len(),
            names.join(", "),
            args.out.display(),
            began.elapsed().as_secs_f64()
        ));
        return Ok(());
    }
    pipeline
        .host
        .require(&BUILD_TOOLS, &workspace.log("install"), &console)?;
    let outcome = pipeline.execute(&plan, &chosen, &console)?;
    let published = pipeline.publish(&out, &plan, &chosen, !outcome.ran.is_empty(), &console)?;
    console.note(&format!(
        "{}: {} for {}; {} jobs ran, {} were up to date ({:.1} s)",
        args.out.display(),
        match &published {
            Some(manifest) => format!("{} files", manifest.artifacts.len()),
            None => "the same files as before".into(),
        },
        names.join(", "),
        outcome.ran.len(),
        outcome.cached,
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}
