//! The verify step: the stamped library against its own target, and the same code before it was stripped.
//!
//! Two reports are kept. The library as packaged is judged by every rule; the unstripped one still has the symbol table
//! that shows whether OpenBLAS and its kernels are really inside (S7). Either one failing ends the job, so that no
//! package can be built from it.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::judge::{self, Judge};
use super::system_libraries::SystemLibraries;
use crate::layout;
use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::workspace::Workspace;
use symcheck::elf::Facts;
use symcheck::expectation::{Expectation, Libpython};
use symcheck::instructions::FunctionNames;
use symcheck::needs::Needs;
use symcheck::report::{Document, Report, Status, Verdict};
use symcheck::stamp::STUB_SONAME;
use symcheck::surroundings::{Environment, PythonRuntime, Runtime};
use symcheck::version::Version;
use symcheck::{Judgement, Rulebook, VerifyError, verify_library};
use targets::Target;

/// The reports, in the job's output and in `dist/`.
pub const REPORT: &str = "verify.json";
/// What the report calls the library as it will be packaged.
const PACKAGED: &str = "pgml.so";
/// What the report calls the same code before that.
const COMPILED: &str = "pgml.so before strip and stamp";

/// The library of one target, in its two forms, and what loads it.
pub struct Input<'a> {
    /// The data that the rules judge by.
    pub book: Rulebook,
    /// The stamped library, as it will be packaged.
    pub library: &'a Path,
    /// The library before strip and stamp.
    pub unstripped: &'a Path,
    /// The target that it was stamped for.
    pub target: &'a Target,
    /// The release of Postgres whose headers it was compiled with, where they say it.
    pub headers: Option<Version>,
    /// What the target's server loads.
    pub providers: SystemLibraries,
    /// The Python runtime of the target's distribution, and what is added to it, which the process has at
    /// [`layout::PYTHON_PREFIX`].
    pub runtime: &'a [PathBuf],
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

/// Verifies, and writes [`REPORT`] and what the library needs, as a package's dependencies are written from it.
pub fn verify(input: Input<'_>, workspace: &Workspace, out: &Path) -> Result<String, Failure> {
    let Input {
        library,
        unstripped,
        target,
        ..
    } = input;
    let judge = judge(input, workspace)?;
    let packaged = judge_packaged(&judge, library, unstripped)?;
    let compiled = judge_compiled(&judge, unstripped)?;
    let target = target.to_string();
    let confirmed = packaged.binutils.as_ref().map_or(0, |check| check.symbols);
    let server = packaged.server.clone().unwrap_or_default();
    let document = Document::new(vec![packaged, compiled]);
    let json = base::json::pretty(&document);
    refuse_unless_passed(&document, &json, &target, workspace)?;
    files::write(&out.join(REPORT), json)?;
    let bytes = files::read(library)?;
    let facts = Facts::read(&bytes).map_err(|source| symcheck::VerifyError::Elf {
        file: PACKAGED.into(),
        source,
    })?;
    let needs = Needs {
        server: server.oldest,
        unfixed: server.unfixed,
        ..Needs::of(&facts)
    };
    needs.save(out)?;
    Ok(format!(
        "every rule holds for {target}; nm and readelf agree on {confirmed} symbols"
    ))
}

/// What the extension is judged by, among its target's libraries and with its distribution's runtime.
fn judge(input: Input<'_>, workspace: &Workspace) -> Result<Judge, Failure> {
    let target = input.target;
    let name = format!("the runtime of {}", target.distribution.title);
    let runtime = Runtime::below(name, input.runtime, layout::PYTHON_PREFIX)?;
    let runtime = PythonRuntime::Known(runtime);
    let judge = Judge::for_target(input.book, target, input.providers, runtime, Vec::new());
    Ok(judge.of_extension(input.headers, judge::sql_symbols(workspace)?))
}

/// Judges the library as it will be packaged.
fn judge_packaged(judge: &Judge, library: &Path, unstripped: &Path) -> Result<Report, Failure> {
    let names =
        FunctionNames::read(&files::read(unstripped)?).map_err(|source| VerifyError::Elf {
            file: COMPILED.into(),
            source,
        })?;
    let by = Judgement {
        book: &judge.book,
        expectation: &judge.expectation,
        environment: &judge.environment()?,
        names: Some(&names),
    };
    Ok(verify_library(library, PACKAGED, &by)?)
}

/// Judges the same code as it was compiled, while it still has its symbol table and the stub's libpython.
fn judge_compiled(judge: &Judge, unstripped: &Path) -> Result<Report, Failure> {
    let elsewhere = "judged on the library as packaged".to_owned();
    let by = Judgement {
        book: &judge.book,
        expectation: &Expectation {
            libpython: Libpython::Exactly(STUB_SONAME.to_owned()),
            before_strip: true,
            ..judge.expectation.clone()
        },
        environment: &Environment::NotAsked(elsewhere),
        names: None,
    };
    Ok(verify_library(unstripped, COMPILED, &by)?)
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
