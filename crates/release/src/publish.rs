//! Puts the results of a plan into `dist/`, as a whole or not at all.
//!
//! A new tree is made beside the old one and exchanged with it in one rename: readers see the last good release until the
//! next one is complete.

mod state;
pub mod table;
mod tree;

pub use state::{State, TargetState, states};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::json;
use base::workspace::Workspace;
use build::plan::{Plan, Step};
use debian::apt::signing::SigningKey;
use jobs::execute::cache::Cache;
use symcheck::abi3::Abi3;
use targets::Targets;
use targets::release::Release;

use self::tree::Tree;
use crate::buildinfo;
use crate::outdated::Summary;
use crate::provenance;
use crate::report::{self, Details};

/// The version of `manifest.json`.
pub const VERSION: u32 = 4;
/// The manifest's name in the output tree.
pub const MANIFEST: &str = "manifest.json";

/// The files of the output that are no artifacts: they describe the artifacts, and tests write into them.
pub const WRITTEN_BESIDE: [&str; 4] = [MANIFEST, "SHA256SUMS", report::DETAILS, report::PAGE];

/// What a file of the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A Debian package of the extension.
    Extension,
    /// A Debian package of debug symbols.
    DebugSymbols,
    /// A Debian package of the Python runtime.
    PythonRuntime,
    /// What the symbol checker found.
    Verification,
    /// What a package or an image is made of.
    Sbom,
    /// The inputs of each build of packages, for a rebuild.
    Buildinfo,
    /// Where the release comes from.
    Provenance,
    /// A file of the apt repository.
    AptRepository,
    /// A container image as an OCI archive.
    Image,
}

/// One file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Its path below the output directory.
    pub path: String,
    /// The kind of artifact that the file is.
    pub kind: Kind,
    /// The target or distribution that it is for; `None` if it is for all.
    pub target: Option<String>,
    /// The size of the file in bytes.
    pub size: u64,
    /// The SHA-256 digest of the file, in hexadecimal.
    #[schemars(with = "String")]
    pub sha256: Digest,
}

/// `manifest.json`: the contents of a release, and the results of its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this format.
    pub version: u32,
    /// The release's version, `3.0.0-1`.
    pub release: String,
    /// The time of every file of the release, seconds since 1970.
    pub epoch: u64,
    /// Whether it may be released: none of its inputs is for development only.
    pub releasable: bool,
    /// The digest of all keys of the plan: equal for equal source, locks and targets.
    #[schemars(with = "String")]
    pub plan: Digest,
    /// The release whose root file system compiled, `debian11`; `None` if nothing had to be compiled for it.
    pub builder: Option<String>,
    /// The locked packages that were older than the archives' newest when this was published.
    pub outdated: Summary,
    /// Every file, by path.
    pub artifacts: Vec<Artifact>,
    /// The state of each target, by its name.
    pub targets: BTreeMap<String, TargetState>,
}

/// The digest of all keys of a plan, and of which results are wanted: plans of the same jobs may differ in that. The order
/// in which targets were named does not matter.
pub fn plan_digest(plan: &Plan) -> Digest {
    let keys = plan
        .jobs
        .iter()
        .map(|job| format!("{} {}", job.id, job.key));
    let goals = plan.goals.iter().map(|goal| format!("goal {goal}"));
    let mut lines: Vec<String> = keys.chain(goals).collect();
    lines.sort_unstable();
    Digest::of(lines.join("\n"))
}

/// The same without the apt repository, whose key depends on who signs it and on what it is published beside: what anybody
/// can compute again.
pub fn products_digest(plan: &Plan) -> Digest {
    let mut products = plan.clone();
    products.jobs.retain(|job| job.step != Step::AptRepository);
    plan_digest(&products)
}

/// The manifest of an output directory, where there is one that this program reads.
pub fn read_manifest(out: &Path) -> Option<Manifest> {
    read_manifest_file(&out.join(MANIFEST))
}

/// A manifest that this program reads.
pub fn read_manifest_file(path: &Path) -> Option<Manifest> {
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (manifest.version == VERSION).then_some(manifest)
}

/// Whether the output directory holds this plan's results and none of its files was changed or lost since.
///
/// Contents are not read again: sizes show accidental damage, and `SHA256SUMS` shows the rest.
pub fn is_current(out: &Path, plan: &Plan) -> bool {
    read_manifest(out).is_some_and(|manifest| {
        manifest.plan == plan_digest(plan)
            && manifest.artifacts.iter().all(|artifact| {
                out.join(&artifact.path)
                    .metadata()
                    .is_ok_and(|meta| meta.len() == artifact.size)
            })
    })
}

/// The directories that an interrupted run left beside `out`: an incomplete tree, or the tree before.
fn leftovers(out: &Path) -> impl Iterator<Item = PathBuf> {
    let beside = ["partial", "old"].map(|suffix| sibling(out, suffix));
    // Without `out` the tree before is the last good release.
    let known = out.exists();
    beside
        .into_iter()
        .filter(move |path| known && path.exists())
}

/// Whether an interrupted run left something beside `out`.
pub fn has_leftovers(out: &Path) -> bool {
    leftovers(out).next().is_some()
}

/// Removes what an interrupted run left beside `out`.
pub fn remove_leftovers(out: &Path) -> Result<(), FileError> {
    leftovers(out).try_for_each(|path| files::remove_dir(&path))
}

/// What a release is published with besides the results of its plan.
pub struct Facts<'a> {
    /// What all packages share.
    pub release: &'a Release,
    /// The time of every file.
    pub epoch: u64,
    /// Python's limited API, by which the report finds the library that a symbol comes from.
    pub abi3: &'a Abi3,
    /// What the compiler says of itself.
    pub toolchain: &'a str,
    /// The locked packages that are older than their archives' newest.
    pub outdated: &'a Summary,
    /// The source tree with its locks, and the distributions.
    pub source: (&'a Workspace, &'a Targets),
    /// The key that signs.
    pub key: &'a SigningKey,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// Copies the results of a plan into a new tree and puts it in the place of `out`.
pub fn publish(
    out: &Path,
    plan: &Plan,
    cache: &Cache,
    facts: &Facts<'_>,
) -> Result<Manifest, Failure> {
    let next = sibling(out, "partial");
    files::remove_dir(&next)?;
    files::create_dir(&next)?;
    let filled = fill(&next, plan, cache, facts).and_then(|manifest| {
        let details = Details::gather(plan, cache, &manifest, out, facts.abi3)?;
        report::publish(&next, &manifest, &details)?;
        Ok(manifest)
    });
    if filled.is_err() {
        // On a full disk an incomplete tree must not keep the space that the next run needs. The first error says more than
        // one from removing the tree.
        let _ = files::remove_dir(&next);
    }
    let manifest = filled?;
    exchange(&next, out)?;
    Ok(manifest)
}

/// Makes the new tree.
fn fill(next: &Path, plan: &Plan, cache: &Cache, facts: &Facts<'_>) -> Result<Manifest, Failure> {
    let mut tree = Tree::new(next);
    // What is a goal, and not what one needs: of a plan for the repository alone, only that.
    for job in plan.jobs.iter().filter(|job| plan.goals.contains(&job.id)) {
        tree.add_results(&job.step, &cache.output(job))?;
    }
    // Every job of the plan is done, or nothing would be published.
    let mut targets = states(plan, &|id| match plan.job(id) {
        Some(_) => State::Yes,
        None => State::No("not asked for: `--only` left it out".into()),
    });
    for (name, target) in &mut targets {
        target.read_needs(plan, cache, name)?;
    }
    let mut manifest = Manifest {
        version: VERSION,
        release: format!("{}-{}", facts.release.version, facts.release.revision),
        epoch: facts.epoch,
        releasable: build::plan::require_release(plan).is_ok(),
        plan: plan_digest(plan),
        builder: build::plan::builder_release(plan).map(str::to_owned),
        outdated: facts.outdated.clone(),
        targets,
        artifacts: tree.into_artifacts(),
    };
    let (workspace, targets) = facts.source;
    let context = buildinfo::Context {
        workspace,
        targets,
        log: facts.log,
    };
    buildinfo::publish(next, &mut manifest, &context)?;
    provenance::publish(next, &mut manifest, plan, cache, facts)?;
    let artifacts = manifest.artifacts.iter();
    let sums: String = artifacts
        .map(|artifact| format!("{}  {}\n", artifact.sha256, artifact.path))
        .collect();
    files::write(&next.join("SHA256SUMS"), sums)?;
    write_manifest(next, &manifest)?;
    Ok(manifest)
}

/// Writes the manifest of an output directory.
pub fn write_manifest(out: &Path, manifest: &Manifest) -> Result<(), FileError> {
    let json = json::pretty(manifest);
    files::write_atomically(&out.join(MANIFEST), json)
}

fn sibling(out: &Path, suffix: &str) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Puts `next` in the place of `out` in one step, and removes what was there.
fn exchange(next: &Path, out: &Path) -> Result<(), FileError> {
    if !out.exists() {
        return files::rename(next, out);
    }
    match renameat_with(CWD, next, CWD, out, RenameFlags::EXCHANGE) {
        Ok(()) => files::remove_dir(next),
        // For file systems that can't exchange directories (some network ones): the old tree is renamed first.
        Err(_) => {
            let old = sibling(out, "old");
            files::remove_dir(&old)?;
            files::rename(out, &old)?;
            files::rename(next, out)?;
            files::remove_dir(&old)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_tree_takes_the_old_ones_place() {
        let dir = tempfile::tempdir().unwrap();
        let (next, out) = (dir.path().join("dist.partial"), dir.path().join("dist"));
        for content in ["first", "second"] {
            files::write(&next.join("file"), content).unwrap();
            exchange(&next, &out).unwrap();
            assert_eq!(files::read_text(&out.join("file")).unwrap(), content);
            assert!(!next.exists());
        }
        files::write(&next.join("file"), "of an interrupted run").unwrap();
        assert!(has_leftovers(&out));
        remove_leftovers(&out).unwrap();
        assert!(!has_leftovers(&out) && out.exists());
    }

    #[test]
    fn a_lost_or_cut_file_makes_the_tree_stale() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path();
        let plan = Plan::default();
        assert!(!is_current(out, &plan));
        let artifact = Artifact {
            path: "x.deb".into(),
            kind: Kind::Extension,
            target: None,
            size: 4,
            sha256: Digest::of("1234"),
        };
        let manifest = Manifest {
            version: VERSION,
            release: "1-1".into(),
            epoch: 0,
            releasable: true,
            plan: plan_digest(&plan),
            builder: None,
            outdated: Summary::default(),
            artifacts: vec![artifact],
            targets: BTreeMap::new(),
        };
        write_manifest(out, &manifest).unwrap();
        assert!(!is_current(out, &plan));
        files::write(&out.join("x.deb"), "1234").unwrap();
        assert!(is_current(out, &plan));
        files::write(&out.join("x.deb"), "123").unwrap();
        assert!(!is_current(out, &plan));
    }
}
