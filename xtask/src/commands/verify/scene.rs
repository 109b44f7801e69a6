//! What the libraries are judged among, by the options: the target, its server and libraries, what is opened beside, the
//! Python runtime.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::workspace::Workspace;
use build::layout;
use build::plan::Purpose;
use build::verify::judge::Judge;
use build::verify::packages::Debs;
use build::verify::system_libraries::{Choice, SystemLibraries};
use jobs::execute::to_run;
use release::pipeline::Pipeline;
use symcheck::Rulebook;
use symcheck::input_files::InputFiles;
use symcheck::scope::FileSystem;
use symcheck::surroundings::{PythonRuntime, Runtime, is_library};
use targets::lock::Lock;
use targets::{Target, Targets};

use super::{Args, UsageError, read_package};
use crate::console::Console;

/// What `--target` says to judge by what all targets have in common.
const ANY: &str = "any";

/// Prepares the judge that the options ask for.
pub(super) fn judge(
    book: Rulebook,
    args: &Args,
    given_files: &InputFiles,
    targets: &Targets,
    workspace: &Workspace,
) -> Result<Judge, Failure> {
    let named = args.target.as_deref();
    if named == Some(ANY) {
        for (option, given) in [
            ("--root", args.root.is_some()),
            ("--beside", !args.beside.is_empty()),
        ] {
            if given {
                return Err(UsageError::WithoutTarget { option }.into());
            }
        }
        return Ok(Judge::for_every_target(book, targets));
    }
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let with = InputFiles::read(&args.with, root, Some(&Debs))?;
    let beside = InputFiles::read(&args.beside, root, Some(&Debs))?;
    let pipeline = args.mirrors.pipeline(workspace)?;
    let target = target(named, given_files, targets, &pipeline)?;
    let given = given_files.file_system(&[&beside, &with], &book.policy.loading);
    let providers = match &args.root {
        Some(root) => SystemLibraries::of_root(root, &target, given)?,
        None => providers(&pipeline, &target, given)?,
    };
    let (providers, runtime) = match runtime_of(args.runtime.as_deref(), workspace, &target)? {
        Ok((runtime, files)) => (providers.with(files), PythonRuntime::Known(runtime)),
        Err(why) => (providers, PythonRuntime::Unknown(why)),
    };
    let beside = beside.places();
    Ok(Judge::for_target(book, &target, providers, runtime, beside))
}

/// The target that a library is judged by.
fn target(
    named: Option<&str>,
    given_files: &InputFiles,
    all: &Targets,
    pipeline: &Pipeline,
) -> Result<Target, Failure> {
    let wanted: Vec<String> = match named {
        Some(named) => vec![named.to_owned()],
        None => targets_of(given_files).into_iter().collect(),
    };
    // Libraries of a package are judged among those of its architecture.
    let architectures = given_files.packages.iter();
    let architectures = architectures.filter_map(|(.., name)| all.require_architecture(name).ok());
    let architectures: BTreeSet<&str> = architectures.map(|one| one.name.as_str()).collect();
    if named.is_none() {
        one_at_most(&wanted.iter().map(String::as_str).collect())?;
        one_at_most(&architectures)?;
    }
    let choice = inputs::host::Choice {
        patterns: &wanted,
        architecture: architectures.first().copied(),
        ..inputs::host::Choice::default()
    };
    let mut found = pipeline.host.select(all, &choice)?;
    match (found.pop(), found.is_empty()) {
        (Some(target), true) => Ok(target),
        _ => {
            let what = "it means more than one target; name one".to_owned();
            let target = wanted.join(" ");
            Err(UsageError::Target { target, what }.into())
        }
    }
}

/// The targets that the packages of the extension are for.
fn targets_of(given_files: &InputFiles) -> BTreeSet<String> {
    let packages = given_files.packages.iter();
    let of_package = packages.filter_map(|(name, version, architecture)| {
        let major = name.strip_prefix("postgresql-")?.strip_suffix("-pgml")?;
        let (_, distribution) = version.rsplit_once('~')?;
        Some(format!("{distribution}-pg{major}-{architecture}"))
    });
    of_package.collect()
}

/// All that is given is judged in one process of one server.
fn one_at_most(several: &BTreeSet<&str>) -> Result<(), UsageError> {
    match several.len() {
        0 | 1 => Ok(()),
        _ => {
            let all: Vec<&str> = several.iter().copied().collect();
            Err(UsageError::Several(all.join(", ")))
        }
    }
}

/// The libraries around a target's, fetched and unpacked where that was not done before.
fn providers(
    pipeline: &Pipeline,
    target: &Target,
    given: FileSystem,
) -> Result<SystemLibraries, Failure> {
    let choice = Choice::of(&pipeline.targets, target, &|name| {
        Lock::path(&pipeline.workspace, name).exists()
    });
    let chosen = std::slice::from_ref(target);
    let mut plan = pipeline.whole_plan(chosen, Purpose::Dist)?;
    plan.goals = choice.jobs(target);
    let cache = pipeline.cache();
    if !to_run(&plan, &cache).is_empty() {
        let outcome = pipeline.execute(&plan, chosen, &Console::new())?;
        if let Some(exit) = outcome.exit() {
            return Err(Failure::already_reported(exit));
        }
    }
    SystemLibraries::new(
        &pipeline.targets,
        target,
        &choice,
        given,
        &|id| match plan.job(id) {
            Some(job) => Ok(cache.output(job)),
            None => Err(Failure::bug(format!("the plan lacks the job `{id}`"))),
        },
    )
}

/// Puts a runtime's files into a process.
type Mounting = Box<dyn FnOnce(FileSystem) -> FileSystem>;

/// The Python runtime that S11 loads, or why there is none.
fn runtime_of(
    given: Option<&Path>,
    workspace: &Workspace,
    target: &Target,
) -> Result<Result<(Runtime, Mounting), String>, Failure> {
    let distribution = &target.distribution.id;
    let path = match given {
        Some(path) => path.to_owned(),
        None => {
            let dir = workspace.root.join("dist").join(distribution);
            let mut found = files::files_below(&dir).unwrap_or_default(); // there may be no such directory
            found.retain(|file| {
                let name = file.to_string_lossy();
                name.starts_with("pgml-python_") && name.ends_with(".deb")
            });
            match found.pop() {
                Some(file) => dir.join(file),
                None => {
                    return Ok(Err(format!(
                        "dist/{distribution} has no package pgml-python; build it with `cargo xtask dist {target}`, or give one with `--runtime FILE`"
                    )));
                }
            }
        }
    };
    let name = workspace.display(&path).to_string();
    if path.is_dir() {
        let runtime = Runtime::below(name, &[&path], layout::PYTHON_PREFIX)?;
        let mount: Mounting = Box::new(move |files| files.directory(layout::PYTHON_PREFIX, &path));
        return Ok(Ok((runtime, mount)));
    }
    let dir = unpacked(&path, distribution, workspace)?;
    let inside = dir.join(layout::PYTHON_PREFIX.trim_start_matches('/'));
    let runtime = match inside.is_dir() {
        true => Runtime::below(name, &[&inside], layout::PYTHON_PREFIX)?,
        false => Runtime::new(name, Vec::new()),
    };
    let mount: Mounting = Box::new(move |files| files.directory("/", &dir));
    Ok(Ok((runtime, mount)))
}

/// The directory with a runtime package's libraries. They stay in the cache until another package of the distribution comes:
/// unpacking takes longer than everything else.
fn unpacked(package: &Path, distribution: &str, workspace: &Workspace) -> Result<PathBuf, Failure> {
    let (digest, _) = Digest::of_file(package).map_err(FileError::at("read", package))?;
    let all = workspace.cache.join("runtime-libraries");
    let dir = all.join(format!("{distribution}-{digest}"));
    if dir.is_dir() {
        return Ok(dir);
    }
    let partial = all.join(format!("partial-{}", std::process::id()));
    files::create_dir(&partial)?;
    let contents = read_package(package, |file, head| {
        is_library(file) && head.starts_with(b"\x7fELF")
    })?;
    for file in &contents.files {
        if let Some(bytes) = contents.contents(file) {
            files::write(&partial.join(&file.path), bytes)?;
        }
    }
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = old.file_name();
        if name
            .to_string_lossy()
            .starts_with(&format!("{distribution}-"))
        {
            files::remove_dir(&old.path())?;
        }
    }
    match files::rename(&partial, &dir) {
        // Another run was quicker.
        Err(_) if dir.is_dir() => files::remove_dir(&partial)?,
        renamed => renamed?,
    }
    Ok(dir)
}
