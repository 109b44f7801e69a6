//! The parts of an artifact, as a CycloneDX document, and inside the library as the section that cargo-auditable defines.
//!
//! No part is guessed: a lock, a compiler or a file of the artifact names each part, with the hash that pins it. The serial
//! number is derived from the contents, so that equal artifacts have equal documents.
//!
//! [`part`] is one component, [`crates`] and [`native`] find what is linked into the library, [`wheels`] lists a Python
//! runtime, [`package`] and [`image`] combine the parts for packages and images, [`audit`] writes and reads the section.

pub mod audit;
pub mod crates;
pub mod image;
pub mod native;
pub mod package;
pub mod part;
pub mod wheels;

use std::collections::{BTreeMap, BTreeSet};

use cyclonedx_bom::models::bom::{Bom, UrnUuid};
use cyclonedx_bom::models::component::{Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{DateTime, Validate};
use miette::Diagnostic;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::process::Program;

use self::part::Part;

/// What the names of our files end with: the ending that CycloneDX recommends for its JSON.
pub const SUFFIX: &str = ".cdx.json";

/// Why there is no document.
#[derive(Debug, Error, Diagnostic)]
pub enum SbomError {
    /// The library of the format refuses what was put in.
    #[error("the SBOM of {subject} is not valid CycloneDX: {reason}")]
    #[diagnostic(help(
        "a name, version or licence in a lock is not of the form that the format allows"
    ))]
    Invalid {
        /// The name of the artifact that the document describes.
        subject: String,
        /// The reason that it is invalid, from the library that writes the format.
        reason: String,
    },
    /// `packaging/native.toml` is wrong, or does not fit the locks.
    #[error("packaging/native.toml: {0}")]
    #[diagnostic(help("docs/sbom.md says what an entry has"))]
    Native(String),
    /// What cargo says of the crates was not understood.
    #[error("can't read the tree of crates: {0}")]
    #[diagnostic(help(
        "`cargo tree` writes it; see TREE in crates/build/src/compile/extension.rs"
    ))]
    Tree(String),
    /// The library's own list is not that of its build.
    #[error("the list of crates inside {file} is not the one that was linked: {reason}")]
    #[diagnostic(help("something after the link dropped or changed the section `.dep-v0`"))]
    Section {
        /// The path of the library that was packaged.
        file: String,
        /// The difference between the list in the library and the list of the build.
        reason: String,
    },
}

impl ExitKind for SbomError {
    fn exit(&self) -> Exit {
        match self {
            Self::Native(_) => Exit::Usage,
            _ => Exit::CheckFailed,
        }
    }
}

/// A document in the making.
pub struct Sbom {
    subject: Part,
    created: String,
    parts: Vec<Part>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Sbom {
    /// The document of an artifact, made at the time of the release (as [`time`] writes it).
    pub fn new(subject: Part, created: String) -> Self {
        Self {
            subject,
            created,
            parts: Vec::new(),
            needs: BTreeMap::new(),
        }
    }

    /// Adds what the artifact consists of.
    pub fn add(&mut self, part: Part) {
        let subject = self.subject.reference.clone();
        self.add_below(&subject, part);
    }

    /// Adds what another part, by its reference, consists of or needs.
    pub fn add_below(&mut self, parent: &str, part: Part) {
        self.relate(parent, &part.reference);
        if !self
            .parts
            .iter()
            .any(|known| known.reference == part.reference)
        {
            self.parts.push(part);
        }
    }

    /// Says that one part needs another, both by their references.
    pub fn relate(&mut self, parent: &str, child: &str) {
        let needs = self.needs.entry(parent.to_owned()).or_default();
        needs.insert(child.to_owned());
    }

    /// Returns the finished document as CycloneDX JSON.
    pub fn render(mut self) -> Result<Vec<u8>, SbomError> {
        let name = self.subject.name.clone();
        let invalid = |reason: String| SbomError::Invalid {
            subject: name.clone(),
            reason,
        };
        self.parts.sort_by(|a, b| a.reference.cmp(&b.reference));
        let subject = self.subject.component().map_err(invalid)?;
        let parts: Result<Vec<Component>, String> =
            self.parts.iter().map(Part::component).collect();
        let created = DateTime::try_from(self.created.clone());
        let metadata = Metadata {
            timestamp: Some(created.map_err(|error| invalid(error.to_string()))?),
            component: Some(subject),
            ..Metadata::default()
        };
        let needs = self.needs.into_iter().map(|(parent, children)| Dependency {
            dependency_ref: parent,
            dependencies: children.into_iter().collect(),
        });
        let mut bom = Bom {
            version: 1,
            serial_number: None,
            metadata: Some(metadata),
            components: Some(Components(parts.map_err(invalid)?)),
            dependencies: Some(Dependencies(needs.collect())),
            ..Bom::default()
        };
        let json = |bom: &Bom| {
            let mut bytes = Vec::new();
            let written = bom.clone().output_as_json_v1_5(&mut bytes);
            bytes.push(b'\n');
            written
                .map(|()| bytes)
                .map_err(|error| invalid(error.to_string()))
        };
        bom.serial_number = Some(UrnUuid(serial_number(&Digest::of(json(&bom)?))));
        let verdict = bom.validate();
        if !verdict.passed() {
            return Err(invalid(format!("{verdict:?}")));
        }
        json(&bom)
    }
}

/// A name-based UUID (version 8: made by a rule of one's own) from a digest.
fn serial_number(digest: &Digest) -> String {
    let hex = digest.to_string();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32],
    );
    format!("urn:uuid:{a}-{b}-8{c}-8{d}-{e}")
}

/// Seconds since 1970 as the documents want them: `2026-11-22T00:00:00Z`.
pub fn time(epoch: u64, log: &std::path::Path) -> Result<String, Failure> {
    let words = Program::new("date")
        .args([
            "--utc".into(),
            format!("--date=@{epoch}"),
            "+%Y-%m-%dT%H:%M:%SZ".into(),
        ])
        .output(log)?;
    Ok(String::from_utf8_lossy(&words).trim().to_owned())
}

#[cfg(test)]
mod tests;
