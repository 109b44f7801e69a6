//! `cargo xtask reproduce`

use std::path::{Path, PathBuf};

use base::exit::{Exit, Failure};
use base::process;
use base::workspace::Workspace;
use inputs::host::tools::{DIFFOSCOPE, NEWUIDMAP};
use release::buildinfo::{Rebuild, is_buildinfo};
use release::pipeline::Pipeline;
use release::reproduce::compare::Outcome;
use release::reproduce::{Document, FirstRelease, Reproduction};
use targets::Targets;
use targets::release::Release;

use crate::commands::{Sources, TargetChoice};
use crate::console::Console;
use crate::output::{print, print_json};

/// Build again from an empty cache in other surroundings, and compare every artifact's digest
///
/// The second build has another path, user id, umask, locale, time zone, host name, clock and number of jobs, and no
/// network. Properties that this machine can't vary are listed with the reason. diffoscope explains each difference, and the
/// command ends with exit code 1.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask reproduce debian12-pg15            build twice, and compare
  cargo xtask reproduce --from dist/manifest.json")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// The release to compare with; results that it lacks for these targets are built first
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
    /// Build the targets of this manifest, or the packages of this .buildinfo, with its time, and compare with its digests
    #[arg(long, value_name = "MANIFEST|BUILDINFO", conflicts_with_all = ["targets", "all", "arch", "out"])]
    from: Option<PathBuf>,
    /// Print one document; its schema is docs/schema/reproduce.json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

/// Carries out `cargo xtask reproduce`: builds a second time and compares.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let given = args.from.as_deref();
    let given = given
        .map(|from| given_release(from, workspace))
        .transpose()?;
    let pipeline = match &given {
        Some(first) => args.sources.pipeline_at(workspace, first.manifest.epoch)?,
        None => args.sources.pipeline(workspace)?,
    };
    let chosen = match &given {
        Some(first) if first.partial => {
            let from = args.from.as_deref().unwrap_or(Path::new(""));
            vec![Rebuild::read(from)?.target(&pipeline.targets)?]
        }
        Some(first) => {
            let names = first.manifest.targets.keys();
            let named: Result<Vec<_>, _> =
                names.map(|name| pipeline.targets.target(name)).collect();
            named?
        }
        None => args.choice.select(&pipeline)?,
    };
    require(&pipeline, workspace, &console)?;
    let executable = workspace.cache.join("reproduce/xtask");
    process::copy_this_program(&executable)?;
    let reproduction = Reproduction {
        pipeline: &pipeline,
        chosen: &chosen,
        executable: &executable,
        listener: &console,
    };
    let first = match given {
        Some(first) => first,
        None => reproduction.first(&workspace.root.join(&args.out))?,
    };
    let document = reproduction.run(&first)?;
    match args.json {
        true => print_json(&document)?,
        false => print(&table(&document))?,
    }
    match document.reproduced {
        true => Ok(()),
        false => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

/// The release of a manifest, or the packages of a `.buildinfo`.
fn given_release(from: &Path, workspace: &Workspace) -> Result<FirstRelease, Failure> {
    let packaging = workspace.packaging();
    let first = match is_buildinfo(from) {
        false => FirstRelease::of_manifest(from)?,
        true => {
            let targets = Targets::load(&packaging.join("targets.toml"))?;
            FirstRelease::of_buildinfo(from, &targets)?
        }
    };
    let release = Release::load(&packaging.join("release.toml"))?;
    first.require_release(from, &release)?;
    Ok(first)
}

fn require(pipeline: &Pipeline, workspace: &Workspace, console: &Console) -> Result<(), Failure> {
    let log = workspace.log("install");
    pipeline.host.require_for_builds(&log, console)?;
    Ok(pipeline
        .host
        .require(&[DIFFOSCOPE, NEWUIDMAP], &log, console)?)
}

/// The text of a document: what was varied, each artifact, diffoscope's explanations, and a summary.
fn table(document: &Document) -> String {
    let mut text = String::new();
    for variation in &document.variations {
        text.push_str(&format!("{variation}\n"));
    }
    text.push('\n');
    for artifact in &document.artifacts {
        let short = |digest: &Option<base::digest::Digest>| {
            digest.map_or("-".to_owned(), |digest| digest.short())
        };
        let digests = (short(&artifact.first), short(&artifact.second));
        let words = match &artifact.outcome {
            Outcome::Equal => format!("equal         {}", digests.0),
            Outcome::Different => format!("DIFFERENT     {} / {}", digests.0, digests.1),
            Outcome::Missing => "MISSING       in the second build".to_owned(),
            Outcome::Added => "ADDED         by the second build".to_owned(),
            Outcome::NotCompared(why) => format!("not compared  {why}"),
        };
        text.push_str(&format!("{words}  {}\n", artifact.path));
        for line in artifact.explanation.iter().flat_map(|text| text.lines()) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    let equal = document.count(|outcome| *outcome == Outcome::Equal);
    let left_out = document.count(|outcome| matches!(outcome, Outcome::NotCompared(_)));
    text.push_str(&format!(
        "\n{equal} of {} artifacts are the same, {left_out} were not compared; the second build took {:.0} s\n",
        document.artifacts.len(),
        document.seconds
    ));
    text
}
