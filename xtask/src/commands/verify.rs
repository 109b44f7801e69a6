//! `cargo xtask verify`

mod scene;

use std::path::{Path, PathBuf};

use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::json;
use base::progress::Listener as _;
use base::workspace::Workspace;
use build::verify::packages::Debs;
use debian::deb::reader::{self, DebError, Limits};
use miette::Diagnostic;
use symcheck::elf::ElfError;
use symcheck::input_files::InputFiles;
use symcheck::instructions::FunctionNames;
use symcheck::report::{Document, Verdict};
use symcheck::rules::Rule;
use symcheck::text;
use symcheck::{Judgement, Rulebook};
use targets::Targets;
use thiserror::Error;

use super::mirrors::MirrorArgs;
use super::provenance;
use crate::console::Console;
use crate::output::print;
use crate::publisher::is_image;

/// Check the symbol and ABI rules on any library or package, ours or not
///
/// Exits with 1 when a rule does not hold or can't be proven. docs/verify.md explains the rules.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask verify --root / /usr/lib/postgresql/15/lib/plr.so
  cargo xtask verify --target debian12-pg15 /usr/lib/x86_64-linux-gnu/libgsl.so.27
  cargo xtask verify --explain S11
  cargo xtask verify --provenance dist")]
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
    /// Extensions that the server has opened before, libraries or packages, which take their part in S1, S2 and S11
    #[arg(long, value_name = "FILE")]
    beside: Vec<PathBuf>,
    /// The system whose server and libraries are there: `/` for this machine's own, or a directory with one [default: the
    /// target's locked packages]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The Python runtime that S11 loads: a `pgml-python` package or a directory [default: the target's, of `dist/`]
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,
    /// A file with the names of a stripped library's functions: its debug symbols, their package, or the library before
    /// strip [default: the `-dbgsym` package beside the package; in a directory, if one package has one]
    #[arg(long, value_name = "FILE")]
    debug: Option<PathBuf>,
    /// Explain a rule; with files, also list all that it found in them
    #[arg(long, value_name = "RULE")]
    explain: Option<Rule>,
    /// Check where a release, or an image in a registry, comes from: its files, and the source tree, locks and compiler that
    /// are here
    #[arg(long, value_name = "DIR|IMAGE", conflicts_with_all = ["files", "target", "explain"])]
    provenance: Option<PathBuf>,
    /// The keyring that the provenance has to be signed by [default: that of the release's own repository]
    #[arg(long, value_name = "FILE", requires = "provenance")]
    keyring: Option<PathBuf>,
    /// The public key that an image in a registry has to be signed by, as cosign makes it
    #[arg(
        long,
        value_name = "FILE",
        requires = "provenance",
        conflicts_with = "keyring"
    )]
    key: Option<PathBuf>,
    /// Print one JSON document (schemas: docs/schema/verify.json, docs/schema/provenance.json)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    mirrors: MirrorArgs,
}

#[derive(Debug, Error, Diagnostic)]
enum UsageError {
    #[error("can't use the target `{target}`: {what}")]
    Target { target: String, what: String },
    #[error("the packages are for several targets: {0}")]
    #[diagnostic(help(
        "all files are judged in one server: give those of one target at a time, or name one by `--target`"
    ))]
    Several(String),
    #[error("`{option}` has no meaning without a target")]
    WithoutTarget { option: &'static str },
    #[error("can't read {}: {source}", path.display())]
    Package { path: PathBuf, source: DebError },
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

/// Judges the files, explains a rule, or checks a release's provenance.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    if let Some(image) = args.provenance.as_ref().filter(|image| is_image(image)) {
        return provenance::verify_image(image, args.key.as_deref(), args.json, workspace);
    }
    if let Some(release) = &args.provenance {
        return provenance::verify(release, args.keyring.as_deref(), args.json, workspace);
    }
    if args.files.is_empty() {
        let explained = args.explain.filter(|_| !args.json);
        return print(&explained.map(text::explanation).unwrap_or_default());
    }
    let document = judge_aloud(&args, workspace)?;
    print(&match args.json {
        true => json::document(&document),
        false => text::of_document(&document, args.explain),
    })?;
    match document.verdict {
        Verdict::Passed => Ok(()),
        Verdict::Failed | Verdict::NotProven => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

/// What the lines of progress begin with.
const JOB: &str = "verify";

/// Judges all that was given, and says on standard error how far it is: packages and runtimes take seconds.
fn judge_aloud(args: &Args, workspace: &Workspace) -> Result<Document, Failure> {
    let console = Console::new();
    console.started(JOB, &format!("reading {} files", args.files.len()));
    let document = judge(args, workspace, &console);
    console.finished(
        JOB,
        &match &document {
            Ok(document) => format!("{} libraries judged", document.libraries.len()),
            Err(_) => "failed".to_owned(),
        },
    );
    document
}

fn judge(args: &Args, workspace: &Workspace, console: &Console) -> Result<Document, Failure> {
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let book = Rulebook::load(&workspace.packaging())?;
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let given = InputFiles::read(&args.files, root, Some(&Debs))?;
    let names = match &args.debug {
        Some(path) => Some(function_names(path)?),
        None => args
            .files
            .iter()
            .find_map(|path| match path.is_dir() {
                true => debug_package_below(path),
                false => debug_package(path),
            })
            .map(|path| function_names(&path))
            .transpose()?,
    };
    let judge = scene::judge(book, args, &given, &targets, workspace)?;
    let environment = judge.environment()?;
    let by = Judgement {
        book: &judge.book,
        expectation: &judge.expectation,
        environment: &environment,
        names: names.as_ref(),
    };
    console.progress(JOB, &format!("judging {} libraries", given.count()));
    Ok(given.judge(&by)?)
}

/// The package with the debug symbols of a package, beside it.
fn debug_package(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (package, rest) = name.split_once('_')?;
    let beside = path.with_file_name(format!("{package}-dbgsym_{rest}"));
    (name.ends_with(".deb") && beside.is_file()).then_some(beside)
}

/// The package with the debug symbols of the only package of a directory that has one. Of several it would be those of one,
/// and the others' functions have other places.
fn debug_package_below(dir: &Path) -> Option<PathBuf> {
    let files = files::files_below(dir).ok()?; // judging the directory has the error
    let mut found = files
        .iter()
        .filter_map(|file| debug_package(&dir.join(file)));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn function_names(path: &Path) -> Result<FunctionNames, Failure> {
    let bytes = match path.extension().is_some_and(|extension| extension == "deb") {
        false => files::read(path)?,
        true => {
            let wanted = |file: &str, _: &[u8]| file.ends_with(".debug");
            let package = read_package(path, wanted)?;
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

/// Reads a package that is not judged.
fn read_package(
    path: &Path,
    wanted: impl FnMut(&str, &[u8]) -> bool,
) -> Result<reader::Deb, UsageError> {
    reader::read_path(path, &Limits::default(), wanted).map_err(|source| UsageError::Package {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a directory whose library is called not proven although its debug symbols lie there, and symbols of one of two
    /// packages that are taken for those of the other.
    #[test]
    fn the_debug_symbols_of_a_directory_s_package_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let write = |name: &str| files::write(&dir.join(name), "x").unwrap();
        write("other_1_amd64.deb");
        write("sub/postgresql-15-pgml_1_amd64.deb");
        assert_eq!(debug_package_below(dir), None);
        write("sub/postgresql-15-pgml-dbgsym_1_amd64.deb");
        let expected = dir.join("sub/postgresql-15-pgml-dbgsym_1_amd64.deb");
        assert_eq!(debug_package_below(dir), Some(expected.clone()));
        assert_eq!(
            debug_package(&dir.join("sub/postgresql-15-pgml_1_amd64.deb")),
            Some(expected)
        );
        write("other-dbgsym_1_amd64.deb");
        assert_eq!(debug_package_below(dir), None);
    }
}
