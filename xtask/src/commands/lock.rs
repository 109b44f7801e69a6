//! `cargo xtask lock`

use std::path::PathBuf;

use pgml_dist::exit::{Exit, Failure};
use pgml_dist::lock::{self, Lock, WheelLock, WheelSet};
use pgml_dist::store::Store;
use pgml_dist::targets::{Distribution, Targets, TargetsError};
use pgml_dist::workspace::Workspace;

use super::mirrors::MirrorArgs;
use crate::console::Console;

/// Pin every input by hash, or check that what is pinned still fits
///
/// With neither flag it does what --check does: reads the lock files and packaging/targets.toml, contacts nothing.
#[derive(clap::Args)]
#[command(after_help = "Example: cargo xtask lock --update debian12")]
pub struct Args {
    /// Make these locks anew from their archives [default: all whose archive is enabled]
    #[arg(long)]
    update: bool,
    /// Say whether the locks fit packaging/targets.toml
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Distributions, by id or code name, and sets of wheels: python3.11, postgres14
    #[arg(value_name = "DISTRO")]
    inputs: Vec<String>,
    #[command(flatten)]
    mirrors: MirrorArgs,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let named: Result<Vec<Input>, _> = args
        .inputs
        .iter()
        .map(|name| Input::named(&targets, name))
        .collect();
    let named = named?;
    match args.update {
        true => update(&targets, named, &args.mirrors, workspace),
        false => check(&targets, named, workspace),
    }
}

/// What has a lock of its own.
enum Input<'a> {
    Distribution(&'a Distribution),
    Wheels(Box<WheelSet>),
}

impl<'a> Input<'a> {
    fn named(targets: &'a Targets, name: &str) -> Result<Self, TargetsError> {
        let set = WheelSet::all(targets)
            .into_iter()
            .find(|s| s.name() == name);
        match set {
            Some(set) => Ok(Self::Wheels(Box::new(set))),
            None => targets.require_distribution(name).map(Self::Distribution),
        }
    }

    fn all(targets: &'a Targets) -> impl Iterator<Item = Self> {
        let distributions = targets.distributions.iter().map(Self::Distribution);
        distributions.chain(
            WheelSet::all(targets)
                .into_iter()
                .map(|set| Self::Wheels(Box::new(set))),
        )
    }

    fn path(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Distribution(d) => Lock::path(workspace, &d.id),
            Self::Wheels(set) => WheelLock::path(workspace, set),
        }
    }
}

fn update(
    targets: &Targets,
    named: Vec<Input<'_>>,
    mirrors: &MirrorArgs,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let console = Console::new();
    let mirrors = mirrors.discover(targets, workspace)?;
    let inputs = match named.is_empty() {
        false => named,
        true => {
            let reachable = |input: &Input<'_>| match input {
                Input::Distribution(d) => d.reachable(&mirrors),
                Input::Wheels(_) => true,
            };
            Input::all(targets).filter(reachable).collect()
        }
    };
    let store = Store::new(workspace.store());
    for input in inputs {
        let path = input.path(workspace);
        match input {
            Input::Distribution(d) => {
                let dir = workspace.cache.join("apt").join(&d.id);
                lock::update(targets, d, &mirrors, &dir, &console)?.save(&path)?;
            }
            Input::Wheels(set) => {
                WheelLock::update(workspace, targets, &set, &store, &console)?.save(&path)?;
            }
        }
    }
    Ok(())
}

fn check(targets: &Targets, named: Vec<Input<'_>>, workspace: &Workspace) -> Result<(), Failure> {
    let inputs = match named.is_empty() {
        false => named,
        // A distribution whose archive nobody has enabled yet has no lock, and that is no fault of the tree.
        true => Input::all(targets)
            .filter(|input| input.path(workspace).exists())
            .collect(),
    };
    let mut stale = false;
    for input in inputs {
        let checked = match &input {
            Input::Distribution(d) => Lock::open(workspace, targets, d).map(drop),
            Input::Wheels(set) => WheelLock::open(workspace, targets, set).map(drop),
        };
        if let Err(error) = checked {
            eprintln!("{:?}", miette::Report::new(error));
            stale = true;
        }
    }
    match stale {
        true => Err(Failure::already_reported(Exit::CheckFailed)),
        false => Ok(()),
    }
}
