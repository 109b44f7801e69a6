//! `cargo xtask verify`

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use pgml_dist::deb::reader::{self, Deb, DebError, Limits};
use pgml_dist::exit::{Exit, ExitKind, Failure};
use pgml_dist::host::Host;
use pgml_dist::symbols::expectation::{Expectation, Libpython, Profile};
use pgml_dist::symbols::report::{Document, Report, Verdict};
use pgml_dist::symbols::rules::Rule;
use pgml_dist::symbols::text::{Explained, Text};
use pgml_dist::symbols::{Rulebook, sql, verify_bytes, verify_library};
use pgml_dist::targets::Targets;
use pgml_dist::verification;
use pgml_dist::workspace::Workspace;
use thiserror::Error;
use walkdir::WalkDir;

use crate::commands::provenance;
use crate::output::print;

/// Check the symbol and ABI rules on any library or package, ours or not
///
/// Exits with 1 when a rule does not hold or can't be proven. docs/verify.md explains the rules.
///
/// Example: cargo xtask verify /usr/lib/x86_64-linux-gnu/libgsl.so.27
#[derive(clap::Args)]
pub struct Args {
    /// Shared libraries, `.deb` packages, or directories with such files
    #[arg(required_unless_present_any = ["explain", "provenance"], value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Judge by this target, such as `debian12-pg15` [default: the oldest target]
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
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
}

#[derive(Debug, Error, Diagnostic)]
enum UsageError {
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is neither an ELF file nor a .deb", path.display())]
    #[diagnostic(help("give a shared library, a .deb or a directory that holds some"))]
    Kind { path: PathBuf },
    #[error("can't use the target `{target}`: {what}")]
    Target { target: String, what: String },
    #[error("can't look into {}: {source}", path.display())]
    Walk {
        path: PathBuf,
        source: walkdir::Error,
    },
}

impl ExitKind for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

#[derive(Debug, Error, Diagnostic)]
enum PackageError {
    #[error("can't judge {}: {source}", path.display())]
    Deb { path: PathBuf, source: DebError },
    #[error("{} has no shared library, so there is nothing that could be proven", path.display())]
    Empty { path: PathBuf },
    #[error("{} has no field Architecture", path.display())]
    NoArchitecture { path: PathBuf },
}

impl ExitKind for PackageError {
    fn exit(&self) -> Exit {
        match self {
            Self::Deb { source, .. } => source.exit(),
            Self::Empty { .. } | Self::NoArchitecture { .. } => Exit::CheckFailed,
        }
    }
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    if let Some(release) = &args.provenance {
        return provenance::verify(release, args.keyring.as_deref(), args.json, workspace);
    }
    let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
    let expectation = expectation(args.target.as_deref(), &targets)?;
    let book = Rulebook::load(&workspace.packaging())?;
    let mut reports = Vec::new();
    for path in &args.files {
        judge(path, &book, &expectation, &mut reports)?;
    }
    let mut out = String::new();
    if let (Some(rule), false) = (args.explain, args.json) {
        out.push_str(&Explained(rule).to_string());
    }
    if args.files.is_empty() {
        return print(&out);
    }
    let document = Document::new(reports);
    if args.json {
        out.push_str(&serde_json::to_string_pretty(&document).unwrap_or_default());
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

/// What a target expects of a library. Without a target: what the oldest distribution has, so that a library which passes
/// loads on all of them.
fn expectation(target: Option<&str>, targets: &Targets) -> Result<Expectation, Failure> {
    let (name, floors, libpython) = match target {
        Some(name) => {
            let host = Host::detect(Path::new("/"));
            let mut found = targets.select(&[name.to_owned()], false, &host)?;
            let (Some(target), true) = (found.pop(), found.is_empty()) else {
                let what = "it means more than one target; name one".to_owned();
                let target = name.to_owned();
                return Err(UsageError::Target { target, what }.into());
            };
            let soname = target.distribution.libpython_soname();
            let floors = verification::floors(&target.distribution);
            (target.to_string(), floors, Libpython::Exactly(soname))
        }
        None => {
            let all = targets.distributions.iter().map(verification::floors);
            let floors = all.reduce(verification::lowest).unwrap_or_default();
            (
                "the oldest target".to_owned(),
                floors,
                Libpython::AnySupported,
            )
        }
    };
    Ok(Expectation {
        target: name,
        profile: Profile::ForeignLibrary,
        architecture: targets.architecture.clone(),
        floors,
        libpython,
        sql_symbols: None,
        before_strip: false,
    })
}

/// Judges whatever lies at a path.
fn judge(
    path: &Path,
    book: &Rulebook,
    expectation: &Expectation,
    reports: &mut Vec<Report>,
) -> Result<(), Failure> {
    if path.is_dir() {
        let before = reports.len();
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|source| UsageError::Walk {
                path: path.to_owned(),
                source,
            })?;
            let candidate =
                entry.file_type().is_file() && is_candidate(&entry.file_name().to_string_lossy());
            if candidate && kind(entry.path())?.is_some() {
                judge(entry.path(), book, expectation, reports)?;
            }
        }
        if reports.len() == before {
            let path = path.to_owned();
            return Err(PackageError::Empty { path }.into());
        }
        return Ok(());
    }
    match kind(path)? {
        Some(FileKind::Elf) => {
            let name = path.display().to_string();
            let expectation = Expectation {
                profile: profile(&name),
                ..expectation.clone()
            };
            reports.push(verify_library(path, &name, book, &expectation)?);
        }
        Some(FileKind::Deb) => judge_package(path, book, expectation, reports)?,
        None => {
            let path = path.to_owned();
            return Err(UsageError::Kind { path }.into());
        }
    }
    Ok(())
}

/// Judges the libraries of a package: by the package's own Architecture, and by the SQL that it brings along.
fn judge_package(
    path: &Path,
    book: &Rulebook,
    expectation: &Expectation,
    reports: &mut Vec<Report>,
) -> Result<(), Failure> {
    let wanted = |file: &str| is_candidate(file) || file.ends_with(".sql");
    let deb = reader::read_path(path, &Limits::default(), wanted).map_err(|source| {
        PackageError::Deb {
            path: path.to_owned(),
            source,
        }
    })?;
    let architecture = deb.control.get("Architecture").cloned();
    let architecture = architecture.ok_or_else(|| PackageError::NoArchitecture {
        path: path.to_owned(),
    })?;
    let sql = sql_symbols(&deb);
    let before = reports.len();
    for file in &deb.files {
        let Some(contents) = file
            .contents
            .as_ref()
            .filter(|bytes| bytes.starts_with(b"\x7fELF"))
        else {
            continue;
        };
        let profile = profile(&file.path);
        let expectation = Expectation {
            profile,
            architecture: architecture.clone(),
            sql_symbols: sql.clone().filter(|_| profile == Profile::Extension),
            ..expectation.clone()
        };
        let name = format!("{}:{}", path.display(), file.path);
        reports.push(verify_bytes(contents, &name, book, &expectation)?);
    }
    if reports.len() == before {
        let path = path.to_owned();
        return Err(PackageError::Empty { path }.into());
    }
    Ok(())
}

/// The C symbols that the SQL of the package's `pgml` extension names.
fn sql_symbols(deb: &Deb) -> Option<BTreeSet<String>> {
    let files = deb.files.iter().filter_map(|file| {
        let text = String::from_utf8_lossy(file.contents.as_ref()?);
        Some((Cow::from(&file.path), text))
    });
    sql::c_symbols_of_scripts(files)
}

fn profile(path: &str) -> Profile {
    match path.rsplit('/').next() {
        Some("pgml.so" | "libpgml.so") => Profile::Extension,
        _ => Profile::ForeignLibrary,
    }
}

/// Whether a name is that of a library or a package.
fn is_candidate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.") || name.ends_with(".deb")
}

enum FileKind {
    Elf,
    Deb,
}

fn kind(path: &Path) -> Result<Option<FileKind>, UsageError> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|source| UsageError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(match start.as_slice() {
        start if start.starts_with(b"\x7fELF") => Some(FileKind::Elf),
        b"!<arch>\n" => Some(FileKind::Deb),
        _ => None,
    })
}
