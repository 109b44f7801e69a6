//! Where a release comes from, as an in-toto statement with SLSA's provenance: which artifacts were made, from which source
//! tree, locks and compiler, by which plan.
//!
//! It has nothing of a single run (no time, host or run number): like every other file it is a function of the release, so
//! that two builders' statements can be compared byte by byte. [`source_tree`] lists the source tree, [`check`] checks the
//! statement of a release on this machine.

pub mod check;
pub mod here;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use build::plan::{Plan, Step};
use jobs::execute::cache::Cache;
use jobs::source_tree::{self, SourceTree};

use crate::publish::{Artifact, Facts, Kind, Manifest, products_digest};

/// The directory in a release.
pub const DIRECTORY: &str = "provenance";
/// The statement's name there.
pub const STATEMENT: &str = "statement.intoto.json";
/// The name of its signature there.
pub const SIGNATURE: &str = "statement.intoto.json.asc";

/// in-toto's name of the form of a statement.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// SLSA's name of the form of the predicate.
const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// Our name of the way of building, with the version of its parameters; docs/provenance.md explains them.
const BUILD_TYPE: &str = "urn:pgml-dist:dist:v1";
/// The id of the builder in statements: this program, on any machine.
const BUILDER: &str = "urn:pgml-dist:xtask";
/// The name of the whole source tree among the dependencies.
pub const SOURCE: &str = "source";
/// The name of the compiler among the dependencies.
pub const TOOLCHAIN: &str = "toolchain";
/// The annotation that holds the text that a digest is of.
const WORDS: &str = "words";

/// An in-toto statement about the files of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The files of the release, which the statement is about.
    pub subject: Vec<Resource>,
    predicate_type: String,
    /// How they were made.
    pub predicate: Predicate,
}

/// Something with a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name: the path of a file.
    pub name: String,
    digest: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// How the artifacts were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// What was built, and from which inputs.
    pub build_definition: BuildDefinition,
    run_details: RunDetails,
}

/// From what the artifacts were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    build_type: String,
    /// What the user asked for.
    pub external_parameters: Parameters,
    /// What follows from that and from the source.
    pub internal_parameters: PlanDigest,
    /// What was read: the source tree, its locks, the compiler.
    pub resolved_dependencies: Vec<Resource>,
}

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The version of the release, for example `3.0.0`.
    pub release: String,
    /// The targets that were built, for example `debian12-pg15`.
    pub targets: Vec<String>,
    /// The time of every file, seconds since 1970.
    pub epoch: u64,
}

/// What identifies the plan of the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDigest {
    /// The digest of the keys of all jobs.
    pub plan: Digest,
    /// The compiler of each target's library, with its version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compilers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RunDetails {
    builder: Builder,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Builder {
    id: String,
    version: BTreeMap<String, String>,
}

impl Resource {
    fn new(name: &str, digest: &Digest) -> Self {
        Self {
            name: name.to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), digest.to_string())]),
            annotations: BTreeMap::new(),
        }
    }

    /// The SHA-256 digest, if the resource has a valid one.
    pub fn sha256(&self) -> Option<Digest> {
        self.digest.get("sha256")?.parse().ok()
    }

    /// The text that the digest is of: empty for a file.
    pub fn digested_text(&self) -> &str {
        self.annotations.get(WORDS).map_or("", String::as_str)
    }
}

/// Whether a file of the source tree pins inputs from outside.
fn is_lock(name: &str) -> bool {
    name.starts_with("packaging/lock/")
        || name.ends_with("Cargo.lock")
        || name.ends_with("requirements.lock")
        || name.ends_with("requirements-catboost.lock")
}

/// The inputs of a release's artifacts, with digests: the source tree, each lock in it, and the compiler's output for
/// `--version --verbose`.
fn dependencies(tree: &SourceTree, toolchain: &str) -> Vec<Resource> {
    let mut found = vec![Resource::new(SOURCE, &tree.digest())];
    let locks = tree.names().filter(|name| is_lock(name));
    found.extend(locks.filter_map(|name| Some(Resource::new(name, tree.get(name)?))));
    let mut compiler = Resource::new(TOOLCHAIN, &Digest::of(toolchain));
    compiler
        .annotations
        .insert(WORDS.into(), toolchain.to_owned());
    found.push(compiler);
    found
}

/// The compiler of each library of a release, by its target.
fn compilers(manifest: &Manifest) -> BTreeMap<String, String> {
    let targets = manifest.targets.iter();
    let named = targets.filter_map(|(name, target)| {
        let toolchain = target.toolchain.as_ref()?;
        Some((name.clone(), toolchain.version.clone()))
    });
    named.collect()
}

impl Statement {
    /// The statement of a release.
    pub fn new(manifest: &Manifest, tree: &SourceTree, toolchain: &str) -> Self {
        let subject = |artifact: &Artifact| Resource::new(&artifact.path, &artifact.sha256);
        Self {
            kind: STATEMENT_TYPE.into(),
            subject: manifest.artifacts.iter().map(subject).collect(),
            predicate_type: PREDICATE_TYPE.into(),
            predicate: Predicate {
                build_definition: BuildDefinition {
                    build_type: BUILD_TYPE.into(),
                    external_parameters: Parameters {
                        release: manifest.release.clone(),
                        targets: manifest.targets.keys().cloned().collect(),
                        epoch: manifest.epoch,
                    },
                    internal_parameters: PlanDigest {
                        plan: manifest.plan,
                        compilers: compilers(manifest),
                    },
                    resolved_dependencies: dependencies(tree, toolchain),
                },
                run_details: RunDetails {
                    builder: Builder {
                        id: BUILDER.into(),
                        version: BTreeMap::from([(
                            "xtask".to_owned(),
                            env!("CARGO_PKG_VERSION").to_owned(),
                        )]),
                    },
                },
            },
        }
    }

    /// The same statement about another thing of the release, such as an image in a registry.
    pub fn about(&self, name: &str, digest: &Digest) -> Self {
        Self {
            subject: vec![Resource::new(name, digest)],
            ..self.clone()
        }
    }

    /// The statement as indented JSON that ends with a newline.
    pub fn to_json(&self) -> Vec<u8> {
        base::json::document(self).into_bytes()
    }

    /// Reads a statement. The error says what this program does not understand.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let known = [
            (&read.kind, STATEMENT_TYPE),
            (&read.predicate_type, PREDICATE_TYPE),
            (&read.predicate.build_definition.build_type, BUILD_TYPE),
        ];
        match known.iter().find(|(found, wanted)| found != wanted) {
            None => Ok(read),
            Some((found, wanted)) => Err(format!("it says `{found}` where `{wanted}` belongs")),
        }
    }
}

/// Writes the statement of a new release, the list of its source tree and a signature, and adds them to its artifacts. The
/// signature is not among the artifacts: it proves itself by the key.
pub fn publish(
    next: &Path,
    manifest: &mut Manifest,
    plan: &Plan,
    cache: &Cache,
    facts: &Facts<'_>,
) -> Result<(), Failure> {
    let source = plan.jobs.iter().find(|job| job.step == Step::Source);
    let source = source.ok_or_else(|| {
        FileError::at("find the job", "source")(std::io::ErrorKind::NotFound.into())
    })?;
    let list = cache.output(source).join(source_tree::LIST);
    let tree = SourceTree::load(&list)?;
    let stated = Manifest {
        plan: products_digest(plan),
        ..manifest.clone()
    };
    let statement = Statement::new(&stated, &tree, facts.toolchain);
    for (name, bytes) in [
        (STATEMENT, statement.to_json()),
        (source_tree::LIST, tree.list().into_bytes()),
    ] {
        let path = format!("{DIRECTORY}/{name}");
        manifest.artifacts.push(Artifact {
            kind: Kind::Provenance,
            target: None,
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            path: path.clone(),
        });
        files::write(&next.join(path), bytes)?;
    }
    manifest.artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    let file = next.join(DIRECTORY).join(STATEMENT);
    facts
        .key
        .sign_detached(&file, SIGNATURE, facts.epoch, facts.log)
}

#[cfg(test)]
mod tests;
