//! `cargo xtask dist`

use std::path::PathBuf;
use std::time::Instant;

use pgml_dist::execute::to_run;
use pgml_dist::exit::Failure;
use pgml_dist::host::tools::BUILD_TOOLS;
use pgml_dist::plan::Purpose;
use pgml_dist::progress::Listener;
use pgml_dist::publish;
use pgml_dist::workspace::Workspace;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;

/// Build the packages and the apt repository, from nothing to verified
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask dist debian12-pg15")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
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
    let plan = pipeline.plan(&chosen, Purpose::Dist)?;
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
