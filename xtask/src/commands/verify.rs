//! `cargo xtask verify`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use pgml_dist::execute::to_run;
use pgml_dist::exit::{Exit, ExitKind, Failure};
use pgml_dist::files;
use pgml_dist::lock::Lock;
use pgml_dist::pipeline::Pipeline;
use pgml_dist::plan::Purpose;
use pgml_dist::providers::{self, Choice, Providers};
use pgml_dist::runtime;
use pgml_dist::subjects::{Subjects, read_package};
use pgml_dist::symbols::elf::ElfError;
use pgml_dist::symbols::expectation::{Expectation, ExpectedServer, Libpython, Profile};
use pgml_dist::symbols::instructions::FunctionNames;
use pgml_dist::symbols::report::{Document, Verdict};
use pgml_dist::symbols::rules::Rule;
use pgml_dist::symbols::scope::FileSystem;
use pgml_dist::symbols::surroundings::{Around, Runtime};
use pgml_dist::symbols::text::{Explained, Text};
use pgml_dist::symbols::{Judgement, Rulebook, verify_bytes};
use pgml_dist::targets::{self, Target, Targets};
use pgml_dist::verification;
use pgml_dist::workspace::Workspace;
use thiserror::Error;

use super::{Sources, provenance};
use crate::console::Console;
use crate::output::print;

/// What `--target` says to judge by what all targets have in common.
const ANY: &str = "any";

/// Check the symbol and ABI rules on any library or package, ours or not
///
/// Exits with 1 when a rule does not hold or can't be proven. docs/verify.md explains the rules.
///
/// Example: cargo xtask verify --target debian12-pg15 /usr/lib/x86_64-linux-gnu/libgsl.so.27
#[derive(clap::Args)]
pub struct Args {
    /// Shared libraries, `.deb` packages, or directories with such files; they also find each other
    #[arg(required_unless_present_any = ["explain", "provenance"], value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Judge by this target, such as `debian12-pg15`, or by what all have in common (`any`) [default: the one that the
    /// package is for, else this machine's own]
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Libraries, packages or directories that are there as well, but are not judged
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// The Python runtime that S11 loads: a `pgml-python` package or a directory [default: the target's, of `dist/`]
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,
    /// A file with the names of a stripped library's functions: its debug symbols, their package, or the library before
    /// strip [default: the `-dbgsym` package beside the package]
    #[arg(long, value_name = "FILE")]
    debug: Option<PathBuf>,
    /// Explain a rule; with files, also list all that it found in them
    #[arg(long, value_name = "RULE")]
    explain: Option<Rule>,
    /// Check where a release comes from: its files, and the source tree, locks and compiler that are here
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "target", "explain"])]
    provenance: Option<PathBuf>,
    /// The keyring that the provenance has to be signed by [default: that of the release's own repository]
    #[arg(long, value_name = "FILE", requires = "provenance")]
    keyring: Option<PathBuf>,
    /// Print one JSON document (schemas: docs/schema/verify.json, docs/schema/provenance.json)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, Error, Diagnostic)]
enum UsageError {
    #[error("can't use the target `{target}`: {what}")]
    Target { target: String, what: String },
    #[error("{} has no symbol table: {source}", path.display())]
    Debug { path: PathBuf, source: ElfError },
    #[error("{} has no debug symbols", path.display())]
    NoDebug { path: PathBuf },
}

impl ExitKind for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    if let Some(release) = &args.provenance {
        return provenance::verify(release, args.keyring.as_deref(), args.json, workspace);
    }
    let mut out = String::new();
    if let (Some(rule), false) = (args.explain, args.json) {
        out.push_str(&Explained(rule).to_string());
    }
    if args.files.is_empty() {
        return print(&out);
    }
    let document = judge(&args, workspace)?;
    if args.json {
        out.push_str(&serde_json::to_string_pretty(&document).unwrap_or_default()); // INVARIANT: plain data
        out.push('\n');
    } else {
        for report in &document.libraries {
            let explained = args.explain;
            out.push_str(&Text { report, explained }.to_string());
        }
    }
    print(&out)?;
    match document.verdict {
        Verdict::Passed => Ok(()),
        Verdict::Failed | Verdict::NotProven => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

fn judge(args: &Args, workspace: &Workspace) -> Result<Document, Failure> {
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let book = Rulebook::load(&workspace.packaging())?;
    let named = args.target.as_deref();
    let subjects = Subjects::read(&args.files)?;
    let beside = Subjects::read(&args.with)?;
    let names = match &args.debug {
        Some(path) => Some(function_names(path)?),
        None => args
            .files
            .iter()
            .find_map(|path| debug_package(path))
            .map(|path| function_names(&path))
            .transpose()?,
    };

    let (expectation, target) = match named {
        Some(ANY) => (oldest(&targets), None),
        named => {
            let pipeline = args.sources.pipeline(workspace)?;
            let target = target(named, &subjects, &targets, &pipeline)?;
            (expected(&target), Some((pipeline, target)))
        }
    };
    let providers = match &target {
        None => None,
        Some((pipeline, target)) => {
            let providers = providers(pipeline, target, subjects.file_system(&beside))?;
            let found = runtime_of(args.runtime.as_deref(), workspace, target)?;
            let (providers, runtime) = match found {
                Ok((runtime, files)) => (providers.with(files), Ok(runtime)),
                Err(why) => (providers, Err(why)),
            };
            Some((providers, runtime))
        }
    };
    let around = match &providers {
        Some((providers, runtime)) => {
            Around::Known(Box::new(providers.surroundings(&book, runtime.clone())?))
        }
        None => Around::NotAsked("no target was chosen (`--target any`)".to_owned()),
    };
    let mut reports = Vec::new();
    for library in &subjects.libraries {
        let architecture = library.architecture.clone();
        let expectation = Expectation {
            profile: library.profile,
            architecture: architecture.unwrap_or(expectation.architecture.clone()),
            sql_symbols: library.sql_symbols.clone(),
            ..expectation.clone()
        };
        let by = Judgement {
            book: &book,
            expectation: &expectation,
            around: &around,
            names: names.as_ref(),
        };
        reports.push(verify_bytes(
            &library.bytes,
            &library.name,
            &library.place,
            &by,
        )?);
    }
    Ok(Document::new(reports))
}

/// The target that a library is judged by.
fn target(
    named: Option<&str>,
    subjects: &Subjects,
    all: &Targets,
    pipeline: &Pipeline,
) -> Result<Target, Failure> {
    let mut packages = subjects.packages.iter();
    let of_package = packages.find_map(|(name, version, architecture)| {
        let major = name.strip_prefix("postgresql-")?.strip_suffix("-pgml")?;
        let (_, distribution) = version.rsplit_once('~')?;
        Some(format!("{distribution}-pg{major}-{architecture}"))
    });
    let wanted: Vec<String> = named
        .map(str::to_owned)
        .or(of_package)
        .into_iter()
        .collect();
    // Libraries of a package are judged among those of its architecture.
    let mut packages = subjects.packages.iter();
    let architecture = packages.find_map(|(.., name)| all.require_architecture(name).ok());
    let choice = targets::Choice {
        patterns: &wanted,
        architecture: architecture.map(|architecture| architecture.name.as_str()),
        ..targets::Choice::default()
    };
    let mut found = all.select(&choice, &pipeline.host)?;
    match (found.pop(), found.is_empty()) {
        (Some(target), true) => Ok(target),
        _ => {
            let what = "it means more than one target; name one".to_owned();
            let target = wanted.join(" ");
            Err(UsageError::Target { target, what }.into())
        }
    }
}

/// The libraries around a target's, fetched and unpacked where that was not done before.
fn providers(
    pipeline: &Pipeline,
    target: &Target,
    given: FileSystem,
) -> Result<Providers, Failure> {
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
    Providers::new(&pipeline.targets, target, &choice, given, &|id| {
        match plan.job(id) {
            Some(job) => Ok(cache.output(job)),
            None => Err(Failure::already_reported(Exit::Usage)), // INVARIANT: the plan has what the choice names
        }
    })
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
        let libraries = providers::libraries_below(&path, runtime::PREFIX)?;
        let mount: Mounting = Box::new(move |files| files.directory(runtime::PREFIX, &path));
        return Ok(Ok((Runtime::new(name, libraries), mount)));
    }
    let package = read_package(&path, providers::is_library)?;
    let mut contents = BTreeMap::new();
    for file in package.files {
        if let Some(bytes) = file.contents.filter(|bytes| bytes.starts_with(b"\x7fELF")) {
            contents.insert(format!("/{}", file.path), bytes);
        }
    }
    let runtime = Runtime::new(name, contents.keys().cloned().collect());
    let mount: Mounting = Box::new(move |files| files.memory(contents, BTreeMap::new()));
    Ok(Ok((runtime, mount)))
}

/// The package with the debug symbols of a package, beside it.
fn debug_package(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (package, rest) = name.split_once('_')?;
    let beside = path.with_file_name(format!("{package}-dbgsym_{rest}"));
    (name.ends_with(".deb") && beside.is_file()).then_some(beside)
}

fn function_names(path: &Path) -> Result<FunctionNames, Failure> {
    let bytes = match path.extension().is_some_and(|extension| extension == "deb") {
        false => files::read(path)?,
        true => {
            let package = read_package(path, |file| file.ends_with(".debug"))?;
            let found = package.files.into_iter().find_map(|file| file.contents);
            found.ok_or_else(|| UsageError::NoDebug {
                path: path.to_owned(),
            })?
        }
    };
    FunctionNames::read(&bytes).map_err(|source| {
        UsageError::Debug {
            path: path.to_owned(),
            source,
        }
        .into()
    })
}

/// What a target expects of a library.
fn expected(target: &Target) -> Expectation {
    Expectation {
        target: target.to_string(),
        profile: Profile::ForeignLibrary,
        architecture: target.distribution.architecture.name.clone(),
        floors: verification::floors(&target.distribution),
        server: Some(ExpectedServer {
            major: target.major,
            headers: None,
        }),
        libpython: Libpython::Exactly(target.distribution.libpython_soname()),
        sql_symbols: None,
        before_strip: false,
    }
}

/// What the oldest distribution has, so that a library which passes is not too new for any.
fn oldest(targets: &Targets) -> Expectation {
    let all = targets.distributions.iter().map(verification::floors);
    Expectation {
        target: "the oldest target".to_owned(),
        profile: Profile::ForeignLibrary,
        architecture: targets.first_architecture().name.clone(),
        floors: all.reduce(verification::lowest).unwrap_or_default(),
        server: None,
        libpython: Libpython::AnySupported,
        sql_symbols: None,
        before_strip: false,
    }
}
