//! `cargo xtask lock`

use pgml_dist::exit::{Exit, Failure};
use pgml_dist::fetch::mirrors::Mirrors;
use pgml_dist::lock::{self, Lock};
use pgml_dist::targets::{Distribution, Targets};
use pgml_dist::workspace::Workspace;

use crate::console::Console;

/// Pin every input by hash, or check that what is pinned still fits
///
/// With neither flag it does what --check does: reads the lock files and packaging/targets.toml, contacts nothing.
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask lock --update debian12")]
pub struct Args {
    /// Make the locks of these distributions anew from their archives [default: all whose archive is enabled]
    #[arg(long)]
    update: bool,
    /// Say whether the locks fit packaging/targets.toml
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Distributions, by id or code name
    #[arg(value_name = "DISTRO")]
    distributions: Vec<String>,
    /// An archive that may be contacted besides those of this machine's apt: NAME, or NAME=URI
    #[arg(long = "mirror", value_name = "NAME[=URI]", env = "PGML_DIST_MIRRORS")]
    mirrors: Vec<String>,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let named: Result<Vec<&Distribution>, _> = args
        .distributions
        .iter()
        .map(|name| targets.require_distribution(name))
        .collect();
    let named = named?;
    match args.update {
        true => update(&targets, named, &args.mirrors, workspace),
        false => check(&targets, named, workspace),
    }
}

fn update<'a>(
    targets: &'a Targets,
    mut distributions: Vec<&'a Distribution>,
    user: &[String],
    workspace: &Workspace,
) -> Result<(), Failure> {
    let console = Console::new();
    let mirrors = Mirrors::discover(targets, user, &workspace.log("mirrors"))?;
    if distributions.is_empty() {
        distributions = targets
            .distributions
            .iter()
            .filter(|d| d.reachable(&mirrors))
            .collect();
    }
    for distribution in distributions {
        let dir = workspace.cache.join("apt").join(&distribution.id);
        let lock = lock::update(targets, distribution, &mirrors, &dir, &console)?;
        lock.save(&Lock::path(workspace, &distribution.id))?;
    }
    Ok(())
}

fn check<'a>(
    targets: &'a Targets,
    mut distributions: Vec<&'a Distribution>,
    workspace: &Workspace,
) -> Result<(), Failure> {
    if distributions.is_empty() {
        let locked = |d: &&Distribution| Lock::path(workspace, &d.id).exists();
        distributions = targets.distributions.iter().filter(locked).collect();
    }
    let mut stale = false;
    for distribution in distributions {
        if let Err(error) = Lock::open(workspace, targets, distribution) {
            eprintln!("{:?}", miette::Report::new(error));
            stale = true;
        }
    }
    match stale {
        true => Err(Failure::already_reported(Exit::CheckFailed)),
        false => Ok(()),
    }
}
