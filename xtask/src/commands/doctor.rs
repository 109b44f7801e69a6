//! `cargo xtask doctor`

use std::path::{Path, PathBuf};

use base::exit::{Exit, Failure};
use base::workspace::Workspace;
use inputs::host::doctor::{Report, Resources, State, examine};
use inputs::host::{Host, advisories};
use inputs::toolchain::Toolchain;
use targets::Targets;

use super::mirrors::MirrorArgs;
use crate::output::{print, print_json};

/// Show what this machine can do, and what to install for the rest
///
/// It looks at the machine and tries things out. It changes nothing and contacts no server.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask doctor
  cargo xtask doctor --json | jq .able
  cargo xtask doctor --advisories")]
pub struct Args {
    /// Look up the locked crates in an advisory database instead, and exit with 1 if one of them is concerned
    #[arg(long)]
    advisories: bool,
    /// A copy of RustSec's database [default: the one that cargo-audit or cargo-deny keeps]
    #[arg(long, value_name = "DIR", requires = "advisories")]
    advisory_db: Option<PathBuf>,
    /// Report as one JSON document (schemas: docs/schema/doctor.json, docs/schema/advisories.json)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    mirrors: MirrorArgs,
}

/// Carries out `cargo xtask doctor`: checks this machine and prints the report.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    if args.advisories {
        return advisories(&args, workspace);
    }
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let host = Host::detect(Path::new("/"));
    let mirrors = args.mirrors.discover(&targets, workspace)?;
    // Without one it can compile for nothing, which the report says.
    let toolchain = Toolchain::find(workspace).ok();
    let rust_targets = toolchain.map_or_else(Vec::new, |toolchain| toolchain.targets);
    let resources = Resources::look(&workspace.cache, &rust_targets);
    let report = examine(&host, &targets, &mirrors, resources);
    match args.json {
        true => print_json(&report)?,
        false => print(&table(&report))?,
    }
    match report.able {
        true => Ok(()),
        false => Err(Failure::already_reported(Exit::CannotHere)),
    }
}

fn advisories(args: &Args, workspace: &Workspace) -> Result<(), Failure> {
    let env = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = env("CARGO_HOME").or_else(|| env("HOME").map(|home| home.join(".cargo")));
    let kept = || home.as_deref().and_then(advisories::kept_in);
    let database = args.advisory_db.clone().or_else(kept);
    let result = advisories::check(workspace, database.as_deref())?;
    if args.json {
        print_json(&result)?;
    } else {
        let mut out = String::new();
        for one in &result.found {
            let (package, locked, lock) = (&one.package, &one.locked, &one.lock);
            out.push_str(&format!(
                "{} {package} {locked} ({lock}): {}\n",
                one.advisory, one.title
            ));
        }
        for what in &result.not_checked {
            out.push_str(&format!("not checked: {what}\n"));
        }
        let (found, crates) = (result.found.len(), result.crates);
        let (advisories, database) = (result.advisories, result.database.display());
        out.push_str(&format!(
            "{found} of {advisories} advisories in {database} concern one of the {crates} locked crates\n"
        ));
        print(&out)?;
    }
    match result.found.is_empty() {
        true => Ok(()),
        false => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

fn table(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = format!(
        "{}, {}{}\n\n",
        machine.os,
        machine.target.as_deref().unwrap_or("none of the targets"),
        if machine.root { ", as root" } else { "" }
    );
    let width = report
        .checks
        .iter()
        .map(|c| c.name.len())
        .max()
        .unwrap_or(0);
    for check in &report.checks {
        let state = match (check.state, check.optional) {
            (State::Ok, _) => "yes",
            (State::Installable, _) => "installs it",
            (State::Missing, true) => "no (optional)",
            (State::Missing, false) => "NO",
        };
        out.push_str(&format!(
            "{:width$}  {state:13}  {}\n",
            check.name, check.detail
        ));
        if let Some(fix) = &check.fix {
            out.push_str(&format!("{:width$}  {:13}  {fix}\n", "", "->"));
        }
    }
    out.push_str("\nArchives that may be contacted:\n");
    for archive in &report.archives {
        let by = match archive.enabled_by.as_deref() {
            Some("apt") => "yes, by this machine's apt".to_owned(),
            Some(_) => "yes, by the user".to_owned(),
            None => format!("no; `--mirror {}` enables it", archive.name),
        };
        let of = match archive.distributions.is_empty() {
            true => String::new(),
            false => format!(" ({})", archive.distributions.join(", ")),
        };
        out.push_str(&format!("  {:16} {by}{of}\n", archive.name));
    }
    out
}
