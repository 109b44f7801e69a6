//! The verify step: the stamped library against its own target, and the same code before it was stripped.
//!
//! Two reports are kept. The library as packaged is judged by every rule; the unstripped one still has the symbol table
//! that shows whether OpenBLAS and its kernels are really inside (S7). Either one failing ends the job, so that no
//! package can be built from it.

use crate::layout;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::verify::system_libraries::{self, Providers};
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self};
use base::workspace::Workspace;
use symcheck::elf::Facts;
use symcheck::expectation::{Expectation, ExpectedServer, Libpython, Profile};
use symcheck::instructions::FunctionNames;
use symcheck::needs::Needs;
use symcheck::report::{Document, Report, Status, Verdict};
use symcheck::sql;
use symcheck::stamp::STUB_SONAME;
use symcheck::surroundings::{Around, Runtime};
use symcheck::version::Version;
use symcheck::{Judgement, Rulebook, VerifyError, verify_library};
use targets::{Distribution, Target};

/// The reports, in the job's output and in `dist/`.
pub const REPORT: &str = "verify.json";
/// What is verified.
pub struct Subject<'a> {
    /// The stamped library, as it will be packaged.
    pub library: &'a Path,
    /// The library before strip and stamp.
    pub unstripped: &'a Path,
    /// The target that it was stamped for.
    pub target: &'a Target,
    /// The release of Postgres whose headers it was compiled with, where they say it.
    pub headers: Option<Version>,
    /// `amd64`.
    pub architecture: &'a str,
    /// What the target's server loads.
    pub providers: &'a Providers,
    /// The Python runtime of the target's distribution, which the process has at [`layout::PYTHON_PREFIX`].
    pub runtime: &'a Path,
}

/// The library may not be packaged.
#[derive(Debug, Error, Diagnostic)]
#[error("{file} may not be packaged for {target}:\n{reasons}")]
#[diagnostic(help(
    "`cargo xtask verify --explain RULE` tells what a rule is for; the whole report is in {report}"
))]
struct Refused {
    file: String,
    target: String,
    reasons: String,
    report: String,
}

impl ExitKind for Refused {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// What a distribution offers to a library.
pub fn floors(distribution: &Distribution) -> BTreeMap<String, Version> {
    [
        ("GLIBC", &distribution.glibc),
        ("GLIBCXX", &distribution.glibcxx),
        ("CXXABI", &distribution.cxxabi),
        ("GCC", &distribution.gcc),
    ]
    .into_iter()
    .filter_map(|(name, version)| Some((name.to_owned(), Version::parse(&version.to_string())?)))
    .collect()
}

/// The lower of two distributions' offers, namespace by namespace.
pub fn lowest(
    mut a: BTreeMap<String, Version>,
    b: BTreeMap<String, Version>,
) -> BTreeMap<String, Version> {
    for (namespace, version) in b {
        let entry = a.entry(namespace).or_insert_with(|| version.clone());
        *entry = version.min(entry.clone());
    }
    a
}

/// The C symbols that the SQL of every edition names.
pub fn sql_symbols(workspace: &Workspace) -> Result<BTreeSet<String>, Failure> {
    let dir = workspace.root.join("extension/sql");
    let mut scripts = Vec::new();
    for file in files::files_below(&dir)? {
        let text = files::read_text(&dir.join(&file))?;
        scripts.push((file.to_string_lossy().into_owned(), text));
    }
    Ok(sql::c_symbols_of_scripts(scripts).unwrap_or_default())
}

/// Verifies, and writes [`REPORT`] and what the library needs, as a package's dependencies are written from it.
pub fn verify(subject: &Subject<'_>, workspace: &Workspace, out: &Path) -> Result<String, Failure> {
    let book = Rulebook::load(&workspace.packaging())?;
    let symbols = sql_symbols(workspace)?;
    let packaged = judge_packaged(subject, &book, symbols.clone())?;
    let compiled = judge_compiled(subject, &book, symbols)?;
    let target = subject.target.to_string();
    let witnessed = packaged
        .witness
        .as_ref()
        .map_or(0, |witness| witness.symbols);
    let server = packaged.server.clone().unwrap_or_default();
    let document = Document::new(vec![packaged, compiled]);
    let json = serde_json::to_vec_pretty(&document).unwrap_or_default(); // INVARIANT: plain data always serialises
    refuse_unless_passed(&document, &json, &target, workspace)?;
    files::write(&out.join(REPORT), json)?;
    let bytes = files::read(subject.library)?;
    let facts = Facts::read(&bytes).map_err(|source| symcheck::VerifyError::Elf {
        file: "pgml.so".into(),
        source,
    })?;
    let needs = Needs {
        server: server.oldest,
        unfixed: server.unfixed,
        ..Needs::of(&facts)
    };
    needs.save(out)?;
    Ok(format!(
        "every rule holds for {target}; nm and readelf agree on {witnessed} symbols"
    ))
}

/// Judges the library as it will be packaged, among its target's libraries.
fn judge_packaged(
    subject: &Subject<'_>,
    book: &Rulebook,
    sql_symbols: BTreeSet<String>,
) -> Result<Report, Failure> {
    let distribution = &subject.target.distribution;
    let names = FunctionNames::read(&files::read(subject.unstripped)?).map_err(|source| {
        VerifyError::Elf {
            file: "pgml.so before strip and stamp".into(),
            source,
        }
    })?;
    let libraries = system_libraries::libraries_below(subject.runtime, layout::PYTHON_PREFIX)?;
    let runtime = Runtime::new(format!("the runtime of {}", distribution.title), libraries);
    let around = subject.providers.surroundings(book, Ok(runtime), &[])?;
    let by = Judgement {
        book,
        expectation: &Expectation {
            sql_symbols: Some(sql_symbols),
            ..expectation(subject)
        },
        around: &Around::Known(Box::new(around)),
        names: Some(&names),
    };
    Ok(verify_library(subject.library, "pgml.so", &by)?)
}

/// Judges the same code as it was compiled, while it still has its symbol table and the stub's libpython.
fn judge_compiled(
    subject: &Subject<'_>,
    book: &Rulebook,
    sql_symbols: BTreeSet<String>,
) -> Result<Report, Failure> {
    let elsewhere = "judged on the library as packaged".to_owned();
    let by = Judgement {
        book,
        expectation: &Expectation {
            libpython: Libpython::Exactly(STUB_SONAME.to_owned()),
            sql_symbols: Some(sql_symbols),
            before_strip: true,
            ..expectation(subject)
        },
        around: &Around::NotAsked(elsewhere),
        names: None,
    };
    let name = "pgml.so before strip and stamp";
    Ok(verify_library(subject.unstripped, name, &by)?)
}

fn expectation(subject: &Subject<'_>) -> Expectation {
    let distribution = &subject.target.distribution;
    Expectation {
        target: subject.target.to_string(),
        profile: Profile::Extension,
        architecture: subject.architecture.to_owned(),
        floors: floors(distribution),
        server: Some(ExpectedServer {
            major: subject.target.major,
            headers: subject.headers.clone(),
        }),
        libpython: Libpython::Exactly(distribution.libpython_soname()),
        sql_symbols: None,
        before_strip: false,
    }
}

/// Fails where a library did not pass, and keeps the whole document, since the job's output goes.
fn refuse_unless_passed(
    document: &Document,
    json: &[u8],
    target: &str,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let mut reports = document.libraries.iter();
    let Some(report) = reports.find(|report| report.verdict != Verdict::Passed) else {
        return Ok(());
    };
    let refused = workspace
        .cache
        .join("refused")
        .join(format!("{target}.json"));
    files::write(&refused, json)?;
    Err(Refused {
        file: report.file.clone(),
        target: target.to_owned(),
        reasons: reasons(report),
        report: refused.display().to_string(),
    }
    .into())
}

/// What of a report keeps a library from being packaged, a line each.
fn reasons(report: &Report) -> String {
    let mut lines = Vec::new();
    for rule in &report.rules {
        if !matches!(rule.status, Status::Fail | Status::NotChecked) {
            continue;
        }
        let finding = |f: &symcheck::report::Finding| {
            format!(
                "  {:?} {}: {} ({})",
                rule.rule, f.subject, f.problem, f.remedy
            )
        };
        lines.extend(rule.findings.iter().map(finding));
        let unchecked = rule.unchecked.iter().filter(|part| part.accepted.is_none());
        lines.extend(unchecked.map(|part| {
            format!(
                "  {:?} not checked: {} ({})",
                rule.rule, part.part, part.reason
            )
        }));
    }
    lines.join("\n")
}
