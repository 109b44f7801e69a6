//! The crates that are linked into the library, as cargo resolves them for the features of one build: normal dependencies
//! only, without procedural macros and without the dependencies of build scripts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use targets::lock::crates::{CrateLock, LockedCrate};

use super::part::Part;
use super::{Sbom, SbomError};

/// The version of the format of the file.
const VERSION: u32 = 1;

/// The crates of one build; the first is the library itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateTree {
    version: u32,
    /// The crates, each once.
    pub crates: Vec<LinkedCrate>,
}

/// A crate that is linked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedCrate {
    /// The name of the crate on its registry.
    pub name: String,
    /// The version of the crate that the lock pins.
    pub version: String,
    /// Its licence, as its `Cargo.toml` says.
    pub licence: String,
    /// The crates that it needs, by their place in the list.
    pub needs: BTreeSet<usize>,
}

impl CrateTree {
    /// Reads what `cargo tree --prefix depth --format '|{p}|{l}'` prints: a line for each crate below the one that needs it,
    /// the whole tree below it only where it comes first.
    pub fn parse(text: &str) -> Result<Self, SbomError> {
        let mut crates: Vec<LinkedCrate> = Vec::new();
        // The crates from the root down to the line before.
        let mut above: Vec<usize> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let wrong = || SbomError::Tree(format!("`{line}` is none of its lines"));
            let line = line.trim_end().trim_end_matches(" (*)");
            let mut fields = line.splitn(3, '|');
            let (Some(depth), Some(package), Some(licence)) =
                (fields.next(), fields.next(), fields.next())
            else {
                return Err(wrong());
            };
            let depth: usize = depth.parse().map_err(|_| wrong())?;
            // `pgml v3.0.0 (/src/extension)`
            let mut words = package.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                return Err(wrong());
            };
            let version = version.strip_prefix('v').ok_or_else(wrong)?;
            let known = crates
                .iter()
                .position(|known| known.name == name && known.version == version);
            let at = known.unwrap_or_else(|| {
                crates.push(LinkedCrate {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    licence: licence.to_owned(),
                    needs: BTreeSet::new(),
                });
                crates.len() - 1
            });
            if depth > above.len() || (depth == 0 && at != 0) {
                return Err(wrong());
            }
            above.truncate(depth);
            if let Some(parent) = above.last() {
                crates[*parent].needs.insert(at);
            }
            above.push(at);
        }
        match crates.is_empty() {
            true => Err(SbomError::Tree("it is empty".into())),
            false => Ok(Self {
                version: VERSION,
                crates,
            }),
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn from_json(json: &[u8]) -> Result<Self, SbomError> {
        let read: Self =
            serde_json::from_slice(json).map_err(|error| SbomError::Tree(error.to_string()))?;
        match read.version == VERSION {
            true => Ok(read),
            false => Err(SbomError::Tree(format!("its format is {}", read.version))),
        }
    }

    /// The contents of the crate tree's file in the job's output.
    pub fn to_json(&self) -> Vec<u8> {
        base::json::pretty(self)
    }

    /// `name version|licence`, a line each, in order: what a copyright file lists.
    pub fn lines(&self) -> String {
        let lines: BTreeSet<String> = self
            .crates
            .iter()
            .map(|found| format!("{} {}|{}\n", found.name, found.version, found.licence))
            .collect();
        lines.into_iter().collect()
    }

    /// A crate, as the lock has it.
    pub fn locked<'a>(
        found: &LinkedCrate,
        lock: &'a CrateLock,
    ) -> Result<&'a LockedCrate, SbomError> {
        lock.get(&found.name, &found.version).ok_or_else(|| {
            let (name, version) = (&found.name, &found.version);
            SbomError::Tree(format!("{name} {version} is not in extension/Cargo.lock"))
        })
    }

    /// Adds all of them to a document: the library's own crate below `parent`, the others as they need each other.
    pub fn describe(
        &self,
        lock: &CrateLock,
        parent: &str,
        sbom: &mut Sbom,
    ) -> Result<(), SbomError> {
        let part = |found: &LinkedCrate| {
            Self::locked(found, lock).map(|locked| Part::of_crate(locked, &found.licence))
        };
        let parts: Vec<Part> = self.crates.iter().map(part).collect::<Result<_, _>>()?;
        sbom.add_below(parent, parts[0].clone());
        for (found, from) in self.crates.iter().zip(&parts) {
            for to in &found.needs {
                sbom.add_below(&from.reference, parts[*to].clone());
            }
        }
        Ok(())
    }
}
