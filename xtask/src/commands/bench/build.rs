//! `cargo xtask bench build`

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use base::json;
use base::progress::Listener as _;
use base::workspace::Workspace;
use inputs::fetch::mirrors::UserMirrors;
use release::pipeline::Pipeline;
use systest::bench::build::{BuildBench, Compared, Document, table};

use crate::console::Console;
use crate::output::{print, print_json};

/// Measure how long a release takes: from nothing, again, and after a change of one line
///
/// A commit is cloned into the cache, and built there with a cache of its own; it takes as long as five to ten builds. The
/// document is kept in the cache, below bench/, so that a later release can be compared with it.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask bench build
  cargo xtask bench build --against .cache/bench/build-1a2b3c4d.json
  cargo xtask bench build warm extension --commit v3.0.0 --json")]
pub struct Args {
    /// Only these, after `compile` and `cold`, whose results they need [default: all]
    #[arg(value_name = "ROW", value_parser = BuildBench::names().collect::<Vec<_>>())]
    rows: Vec<String>,
    /// The commit that is measured. What is not committed is not measured
    #[arg(long, default_value = "HEAD", value_name = "COMMIT")]
    commit: String,
    /// Compare with this earlier document, and say what has become slower by more than 10 %
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Take every input from this archive (`cargo xtask cache export --inputs` makes it), so that no server's speed is measured
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Print one document; its schema is docs/schema/bench-build.json
    #[arg(long)]
    json: bool,
}

/// Carries out `cargo xtask bench build`: builds in a clone, and prints a table or the document.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let before = args.against.as_deref().map(|path| {
        let name = path.display().to_string();
        Ok::<_, Failure>(Document::parse(&name, &files::read_text(path)?)?)
    });
    let before = before.transpose()?;
    // No archive is contacted here: the builds themselves read the user's choice from the environment.
    let pipeline = Pipeline::load(workspace, None, &UserMirrors::default())?;
    let target = pipeline.host.own_target(&pipeline.targets)?;
    // The builds run in another directory.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let inputs = args.inputs.map(absolute);
    let bench = BuildBench {
        workspace,
        revision: &args.commit,
        target: (target.to_string(), target.distribution.id.clone()),
        rows: &args.rows,
        inputs: inputs.as_deref(),
        listener: &console,
    };
    let kept = |document: &Document| {
        let name = format!("bench/build-{}.json", document.short_commit());
        workspace.cache.join(name)
    };
    let keep = |document: &Document| Ok(files::write(&kept(document), json::pretty(document))?);
    let document = bench.run(&keep)?;
    match args.json {
        true => print_json(&document)?,
        false => print(&table(&document, before.as_ref()))?,
    }
    let path = kept(&document);
    console.note(&format!("kept as {}", workspace.display(&path)));
    if let Some(before) = &before {
        tell(&document, before, &console);
    }
    Ok(())
}

/// Says what has become slower.
fn tell(now: &Document, before: &Document, console: &Console) {
    let compared = Compared { now, before };
    if let Some(why) = compared.differs() {
        console.note(&format!("the ratios mean little: {why}"));
    }
    console.note(&match compared.slower().join(", ") {
        none if none.is_empty() => "no row is slower by more than 10 %".to_owned(),
        slower => format!("slower by more than 10 %: {slower}"),
    });
}
