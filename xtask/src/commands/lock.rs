//! `cargo xtask lock`

use std::path::PathBuf;

use base::exit::{Exit, Failure};
use base::progress::Listener;
use base::store::Store;
use base::workspace::Workspace;
use inputs::fetch::mirrors::Mirrors;
use inputs::lock::{Extent, Resolver};
use release::outdated::Report;
use targets::lock::{self, Lock, WheelLock, WheelSet};
use targets::{Distribution, Targets, TargetsError};

use super::mirrors::MirrorArgs;
use crate::console::Console;
use crate::output::{print, print_json};

/// Pin every input by hash, or check that the locks still fit
///
/// Without a flag it does what --check does: it reads the lock files and packaging/targets.toml, and contacts no server.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask lock                               do the locks fit? contacts nobody
  cargo xtask lock --outdated                    what is older than its archives offer
  cargo xtask lock --update --security           move what security updates and updates supersede
  cargo xtask lock --update debian12             make one lock anew")]
pub struct Args {
    /// Make these locks again from their archives [default: all whose archives are enabled]
    #[arg(long)]
    update: bool,
    /// With --update: keep the packages of frozen roles, so that their updates cause no new compile
    #[arg(long, requires = "update")]
    security: bool,
    /// Say whether the locks fit packaging/targets.toml
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// List the locked packages that are older than their archives' newest; exit 1 if users get one of them
    #[arg(long, conflicts_with_all = ["update", "check"])]
    outdated: bool,
    /// With --outdated: one JSON document (docs/schema/outdated.json)
    #[arg(long, requires = "outdated")]
    json: bool,
    /// Distributions, by id or code name, and sets of wheels: python3.11, postgres14
    #[arg(value_name = "DISTRO")]
    inputs: Vec<String>,
    #[command(flatten)]
    mirrors: MirrorArgs,
}

/// Carries out `cargo xtask lock`: updates locks, or lists what is out of date.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let named: Result<Vec<Input>, _> = args
        .inputs
        .iter()
        .map(|name| Input::named(&targets, name))
        .collect();
    let named = named?;
    match (args.update, args.outdated) {
        (true, _) => update(&targets, named, &args, workspace),
        (_, true) => outdated(&targets, named, &args, workspace),
        _ => check(&targets, named, workspace),
    }
}

/// An input that has its own lock.
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
        let all = targets.distributions.iter();
        let distributions = all
            .chain(&targets.with_other_majors)
            .map(Self::Distribution);
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
    args: &Args,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let console = Console::new();
    let mirrors = args.mirrors.discover(targets, workspace)?;
    let inputs = match named.is_empty() {
        false => named,
        true => {
            let reachable = |input: &Input<'_>| match input {
                // For other majors only the locked ones: all of them would be too many by default.
                Input::Distribution(d) => {
                    mirrors.reach(d) && (d.of.is_none() || input.path(workspace).exists())
                }
                // Wheels have no security updates: their versions are those of the list of requirements.
                Input::Wheels(_) => !args.security,
            };
            Input::all(targets).filter(reachable).collect()
        }
    };
    let store = Store::new(workspace.store());
    for input in inputs {
        let path = input.path(workspace);
        match input {
            Input::Distribution(d) => {
                update_distribution(targets, d, &mirrors, args.security, workspace, &console)?;
            }
            Input::Wheels(set) => {
                inputs::lock::wheels::update(workspace, targets, &set, &store, &console)?
                    .save(&path)?;
            }
        }
    }
    Ok(())
}

/// Makes the lock of a distribution again, and prints which packages changed.
fn update_distribution(
    targets: &Targets,
    distribution: &Distribution,
    mirrors: &Mirrors,
    security: bool,
    workspace: &Workspace,
    console: &Console,
) -> Result<(), Failure> {
    let path = Lock::path(workspace, &distribution.id);
    let before = match path.exists() {
        true => Some(Lock::load(&path)?),
        false => None,
    };
    let extent = match &before {
        Some(before) if security => {
            before.check(targets, distribution)?;
            Extent::Updates(before)
        }
        _ => Extent::Whole,
    };
    let resolver = Resolver {
        targets,
        distribution,
        mirrors,
        dir: workspace.apt_root(&distribution.id),
        absent: before.as_ref().map_or(&[], |lock| &lock.absent),
    };
    let after = resolver.lock(extent, console)?;
    let id = &distribution.id;
    let file = workspace.display(&path);
    let Some(before) = &before else {
        after.save(&path)?;
        let count = after.packages.len();
        console.note(&format!("{id}: {count} packages locked; {file} is new"));
        return Ok(());
    };
    if lock::same_but_dates(before, &after) {
        console.note(&format!("{id}: no package moved; {file} stays as it was"));
        return Ok(());
    }
    after.save(&path)?;
    let changes = lock::changes(before, &after);
    for change in &changes {
        console.note(&format!("{id}: {change}"));
    }
    let count = changes.len();
    console.note(&format!("{id}: {count} packages moved; {file} is written"));
    Ok(())
}

/// Lists what is out of date, security updates of what users get first.
fn outdated(
    targets: &Targets,
    named: Vec<Input<'_>>,
    args: &Args,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let console = Console::new();
    let mirrors = args.mirrors.discover(targets, workspace)?;
    let everything = named.is_empty();
    let inputs = match everything {
        false => named,
        true => Input::all(targets).collect(),
    };
    let distributions = inputs.into_iter().filter_map(|input| match input {
        Input::Distribution(d) => Some(d),
        Input::Wheels(_) => None,
    });
    // A distribution that nobody has locked yet has nothing that could be out of date.
    let locked = distributions.filter(|d| !everything || Lock::path(workspace, &d.id).exists());
    let mut report = Report::default();
    for distribution in locked {
        report.ask(targets, distribution, &mirrors, workspace, &console)?;
    }
    report.save(&workspace.cache)?;
    match args.json {
        true => print_json(&report)?,
        false => print(&report.table())?,
    }
    match report.shipped() {
        0 => Ok(()),
        _ => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

fn check(targets: &Targets, named: Vec<Input<'_>>, workspace: &Workspace) -> Result<(), Failure> {
    let inputs = match named.is_empty() {
        false => named,
        // A distribution whose archive is not enabled has no lock, which is no error.
        true => Input::all(targets)
            .filter(|input| input.path(workspace).exists())
            .collect(),
    };
    let mut stale = false;
    for input in &inputs {
        let checked = match input {
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
        false => {
            Console::new().note(&format!(
                "all {} locks fit packaging/targets.toml and what they were made from",
                inputs.len()
            ));
            Ok(())
        }
    }
}
