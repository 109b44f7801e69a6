//! Checks the statement of a release against the files beside it, and against the source tree, the locks and the compiler of
//! this machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::process::Program;
use debian::apt::repository::KEYRING;
use jobs::source_tree::{LIST, SourceTree};

use super::{
    DIRECTORY, Resource, SIGNATURE, SOURCE, STATEMENT, Statement, TOOLCHAIN, dependencies, is_lock,
};
use crate::publish;

/// The version of [`Document`].
const VERSION: u32 = 1;

/// There is nothing to check.
#[derive(Debug, Error, Diagnostic)]
#[error("{} is no provenance that this program reads: {reason}", path.display())]
#[diagnostic(help(
    "name the directory of a release, such as `dist`; it has `provenance/{STATEMENT}`"
))]
pub struct NoStatement {
    path: PathBuf,
    reason: String,
}

impl ExitKind for NoStatement {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// How one part of a statement was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "result", content = "what")]
pub enum Found {
    /// It is as the statement says; a short description of it.
    Same(String),
    /// It differs from the statement; one line for each difference.
    Different(Vec<String>),
    /// It could not be checked; the reason.
    NotChecked(String),
}

/// A part of a statement, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// The part of the statement that was checked: `artifacts`, `source`, `locks`, …
    pub part: String,
    /// How it was found.
    #[serde(flatten)]
    pub found: Found,
}

/// The result of checking a release's statement: what `cargo xtask verify --provenance DIR --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The release's version, `3.0.0-1`.
    pub release: String,
    /// Whether everything that was checked is as the statement says.
    pub holds: bool,
    /// The result for each part of the statement.
    pub checks: Vec<Check>,
}

/// The state of this machine, which a statement is compared with.
pub struct LocalState<'a> {
    /// The digests of the files of the source tree here.
    pub tree: &'a SourceTree,
    /// What the compiler says of itself.
    pub toolchain: &'a str,
    /// The digest of the plan for the statement's targets and time, or why there is none.
    pub plan: Result<Digest, String>,
    /// The keyring that has to have the signing key; the release's own where none is given.
    pub keyring: Option<&'a Path>,
    /// The file that receives the output of gpgv.
    pub log: &'a Path,
}

/// Reads the statement of a release.
pub fn read(release: &Path) -> Result<Statement, NoStatement> {
    let path = release.join(DIRECTORY).join(STATEMENT);
    let json = files::read(&path).map_err(|error| error.to_string());
    json.and_then(|json| Statement::from_json(&json))
        .map_err(|reason| NoStatement { path, reason })
}

/// Compares a release and what is here with its statement.
pub fn check(
    release: &Path,
    statement: &Statement,
    here: &LocalState<'_>,
) -> Result<Document, Failure> {
    let mut checks = Vec::new();
    let mut add = |part: &str, found: Found| {
        let part = part.to_owned();
        checks.push(Check { part, found });
    };
    add("signature", signature(release, here)?);
    add("artifacts", artifacts(release, statement)?);
    checks.extend(inputs(statement, here, Some(release))?);
    let definition = &statement.predicate.build_definition;
    Ok(Document::new(
        definition.external_parameters.release.clone(),
        checks,
    ))
}

/// Compares what is here with what a statement says of its inputs. A release, where there is one, has the list of its source
/// tree, so that changed files are named.
pub fn inputs(
    statement: &Statement,
    here: &LocalState<'_>,
    release: Option<&Path>,
) -> Result<Vec<Check>, Failure> {
    let definition = &statement.predicate.build_definition;
    let stated = by_name(&definition.resolved_dependencies);
    let actual = dependencies(here.tree, here.toolchain);
    let actual = by_name(&actual);
    let mut checks = Vec::new();
    let mut add = |part: &str, found: Found| {
        let part = part.to_owned();
        checks.push(Check { part, found });
    };
    add(SOURCE, source(release, &stated, here)?);
    let locks = |of: &BTreeMap<String, &Resource>| -> BTreeMap<String, Digest> {
        let locks = of.iter().filter(|(name, _)| is_lock(name));
        locks
            .filter_map(|(name, lock)| Some((name.clone(), lock.sha256()?)))
            .collect()
    };
    let (then, now) = (locks(&stated), locks(&actual));
    let differences = jobs::job::differences(&then, &now);
    add(
        "locks",
        found(differences, || format!("{} locks", now.len())),
    );
    add(TOOLCHAIN, toolchain(&stated, here));
    let plan = &definition.internal_parameters.plan;
    add(
        "plan",
        match &here.plan {
            Ok(now) if now == plan => Found::Same(plan.short()),
            Ok(now) => Found::Different(vec![format!(
                "{} here, {} in the statement: the same targets would be built from other inputs",
                now.short(),
                plan.short()
            )]),
            Err(why) => Found::Different(vec![format!("there is none for these targets: {why}")]),
        },
    );
    Ok(checks)
}

impl Document {
    /// The result of these checks.
    pub fn new(release: String, checks: Vec<Check>) -> Self {
        let differs = |check: &Check| matches!(check.found, Found::Different(_));
        Self {
            version: VERSION,
            release,
            holds: !checks.iter().any(differs),
            checks,
        }
    }
}

fn by_name(resources: &[Resource]) -> BTreeMap<String, &Resource> {
    resources
        .iter()
        .map(|resource| (resource.name.clone(), resource))
        .collect()
}

fn found(differences: Vec<String>, same: impl FnOnce() -> String) -> Found {
    match differences.is_empty() {
        true => Found::Same(same()),
        false => Found::Different(differences),
    }
}

fn signature(release: &Path, here: &LocalState<'_>) -> Result<Found, Failure> {
    let directory = release.join(DIRECTORY);
    let file = directory.join(SIGNATURE);
    if !file.exists() {
        return Ok(match here.keyring {
            None => Found::NotChecked("the statement is not signed".into()),
            Some(_) => Found::Different(vec!["the statement is not signed".into()]),
        });
    }
    let own = release.join("apt").join(KEYRING);
    let keyring = here.keyring.unwrap_or(&own);
    let gpgv = Program::new("gpgv")
        .arg("--keyring")
        // gpgv takes a name without a slash for one in its home.
        .arg(std::path::absolute(keyring).map_err(FileError::at("find", keyring))?)
        .args([&file, &directory.join(STATEMENT)])
        .output(here.log);
    Ok(match (gpgv, here.keyring) {
        (Ok(_), Some(keyring)) => Found::Same(format!("by a key of {}", keyring.display())),
        (Ok(_), None) => Found::Same(
            "by the key of the release's own repository; check its owner with `--keyring FILE`"
                .into(),
        ),
        (Err(error), _) => Found::Different(vec![error.to_string()]),
    })
}

/// Compares the files of the release with the statement's subjects.
fn artifacts(release: &Path, statement: &Statement) -> Result<Found, Failure> {
    let mut differences = Vec::new();
    for subject in &statement.subject {
        let path = release.join(&subject.name);
        match Digest::of_file(&path) {
            Ok((digest, _)) if Some(digest) == subject.sha256() => {}
            Ok(_) => differences.push(format!("{} changed", subject.name)),
            Err(_) if !path.exists() => differences.push(format!("{} is gone", subject.name)),
            Err(error) => return Err(FileError::at("read", path)(error).into()),
        }
    }
    for file in files::files_below(release)? {
        let name = file.to_string_lossy();
        let ours = publish::WRITTEN_BESIDE.contains(&name.as_ref()) || file.starts_with(DIRECTORY);
        if !ours && !statement.subject.iter().any(|subject| subject.name == name) {
            differences.push(format!("{name} is new"));
        }
    }
    Ok(found(differences, || {
        format!("{} files", statement.subject.len())
    }))
}

/// Compares the source tree here with the list in the release, and the list with the statement.
fn source(
    release: Option<&Path>,
    stated: &BTreeMap<String, &Resource>,
    here: &LocalState<'_>,
) -> Result<Found, Failure> {
    let wanted = stated.get(SOURCE).and_then(|source| source.sha256());
    if wanted == Some(here.tree.digest()) {
        return Ok(Found::Same(here.tree.digest().short()));
    }
    let Some(release) = release else {
        let (here, then) = (here.tree.digest(), wanted.unwrap_or(Digest::of("")));
        return Ok(Found::Different(vec![format!(
            "{} here, {} in the statement",
            here.short(),
            then.short()
        )]));
    };
    let list = SourceTree::load(&release.join(DIRECTORY).join(LIST))?;
    Ok(Found::Different(match wanted == Some(list.digest()) {
        true => list.differences(here.tree),
        false => vec![format!("{LIST} is not the list that the statement is of")],
    }))
}

fn toolchain(stated: &BTreeMap<String, &Resource>, here: &LocalState<'_>) -> Found {
    let Some(then) = stated.get(TOOLCHAIN) else {
        return Found::Different(vec!["the statement names none".into()]);
    };
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    match then.sha256() == Some(Digest::of(here.toolchain)) {
        true => Found::Same(first(here.toolchain)),
        false => Found::Different(vec![format!(
            "`{}` here, `{}` in the statement",
            first(here.toolchain),
            first(then.digested_text())
        )]),
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            match &check.found {
                Found::Same(what) => writeln!(f, "{:10} same         {what}", check.part)?,
                Found::NotChecked(why) => writeln!(f, "{:10} not checked  {why}", check.part)?,
                Found::Different(what) => {
                    for line in what {
                        writeln!(f, "{:10} DIFFERENT    {line}", check.part)?;
                    }
                }
            }
        }
        Ok(())
    }
}
