//! The release as an HTML page: `report.html`, one file without script and without references to anything outside.
//!
//! The page is made from the manifest, the verify reports beside it and `report.json`, which has the facts that differ from
//! run to run (times, results from the cache, the release before). Neither the page nor `report.json` is an artifact: they
//! are not in the manifest or `SHA256SUMS`, so that two equal releases stay equal.

mod page;
pub mod run;
pub mod symbols;
mod timeline;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::exit::Failure;
use base::files;
use build::layout;
use build::plan::{Plan, Step};
use jobs::execute::cache::Cache;
use symcheck::abi3::Abi3;

use self::run::RunRecord;
use self::symbols::SymbolMap;
use crate::publish::{Kind, Manifest};

/// The page, in the output directory.
pub const PAGE: &str = "report.html";
/// What the page shows besides the manifest and the verify reports.
pub const DETAILS: &str = "report.json";
/// The version of [`Details`].
const VERSION: u32 = 1;

/// `report.json`: what the page shows that is not of the release itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Details {
    /// The version of this format.
    pub version: u32,
    /// The release that was in this directory before.
    pub previous: Option<Previous>,
    /// The run that made the release.
    pub run: Option<RunRecord>,
    /// For each target the symbols of its library.
    pub libraries: BTreeMap<String, SymbolMap>,
}

/// The sizes of an earlier release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Previous {
    /// The version of the earlier release.
    pub release: String,
    /// The sizes of the packages of the earlier release.
    pub sizes: Vec<Size>,
}

/// The size of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// The target or distribution that it is for.
    pub target: Option<String>,
    /// The kind of artifact that the package is.
    pub kind: Kind,
    /// The size of the package in bytes.
    pub size: u64,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            version: VERSION,
            previous: None,
            run: None,
            libraries: BTreeMap::new(),
        }
    }
}

impl Details {
    /// Gathers them for a release that is about to take the place of the one in `out`.
    pub fn gather(
        plan: &Plan,
        cache: &Cache,
        manifest: &Manifest,
        out: &Path,
        abi3: &Abi3,
    ) -> Result<Self, Failure> {
        let mut libraries = BTreeMap::new();
        for job in &plan.jobs {
            if let Step::Stamp { target, .. } = &job.step {
                let library = cache.output(job).join(layout::STRIPPED);
                libraries.insert(target.clone(), SymbolMap::read(&library, abi3)?);
            }
        }
        Ok(Self {
            previous: previous(manifest, out),
            run: RunRecord::load(cache.root()),
            libraries,
            ..Self::default()
        })
    }

    /// Reads the details of an output directory. None if there are none that this program can read.
    pub fn load(out: &Path) -> Option<Self> {
        let details: Self = serde_json::from_slice(&std::fs::read(out.join(DETAILS)).ok()?).ok()?;
        (details.version == VERSION).then_some(details)
    }
}

/// The sizes of the release before. A release that is made again does not count as the one before.
fn previous(manifest: &Manifest, out: &Path) -> Option<Previous> {
    let before = crate::publish::read_manifest(out)?;
    if before.plan == manifest.plan {
        return Details::load(out)?.previous;
    }
    let sizes = before.artifacts.into_iter().filter(|a| is_package(a.kind));
    Some(Previous {
        release: before.release,
        sizes: sizes
            .map(|artifact| Size {
                target: artifact.target,
                kind: artifact.kind,
                size: artifact.size,
            })
            .collect(),
    })
}

fn is_package(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Extension | Kind::DebugSymbols | Kind::PythonRuntime
    )
}

/// Writes `report.json` and the page into a new output tree.
pub fn publish(out: &Path, manifest: &Manifest, details: &Details) -> Result<(), Failure> {
    let json = base::json::pretty(details);
    files::write_atomically(&out.join(DETAILS), json)?;
    write(out, manifest)
}

/// Writes the page of an output directory again, after its manifest changed.
pub fn write(out: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let details = Details::load(out).unwrap_or_default();
    let page = page::render(manifest, &details, &page::reports(manifest, out))?;
    Ok(files::write_atomically(&out.join(PAGE), page)?)
}
