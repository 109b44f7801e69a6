//! Artifacts that refer to an image: its SBOM and the statement of where it comes from.
//!
//! Some registries find them by themselves, from the field `subject`. For the others the client keeps an index of
//! them under a tag that is made from the image's digest, as the distribution specification says.

use serde_json::{Value, json};

use base::digest::Digest;
use base::exit::Failure;
use build::oci::layout::canonical_json;

use crate::archive::Described;
use crate::client::Registry;
use crate::images::{INDEX_TYPE, MANIFEST_TYPE};
use crate::push::Push;

/// What in-toto statements are called.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
/// What the configuration of an artifact is that has none.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// That configuration.
const EMPTY: &[u8] = b"{}";
/// The annotation by which tools name the file that they write.
const TITLE: &str = "org.opencontainers.image.title";
/// The annotation by which BuildKit names what a statement says.
const PREDICATE: &str = "in-toto.io/predicate-type";
/// SLSA's name of provenance.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// The file that an in-toto statement becomes when it is pulled.
const FILE: &str = "provenance.intoto.json";

/// The tag of the index of referrers, for registries that keep none by themselves.
fn fallback_tag(subject: &Digest) -> String {
    format!("sha256-{subject}")
}

/// The manifest of an artifact with a statement about an image.
fn statement_manifest(subject: &Described, statement: &[u8]) -> Result<Vec<u8>, Failure> {
    canonical_json(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": STATEMENT_TYPE,
        "config": {
            "mediaType": EMPTY_TYPE,
            "digest": format!("sha256:{}", Digest::of(EMPTY)),
            "size": EMPTY.len(),
        },
        "layers": [{
            "mediaType": STATEMENT_TYPE,
            "digest": format!("sha256:{}", Digest::of(statement)),
            "size": statement.len(),
            "annotations": {TITLE: FILE, PREDICATE: PROVENANCE},
        }],
        "subject": {
            "mediaType": MANIFEST_TYPE,
            "digest": format!("sha256:{}", subject.digest),
            "size": subject.size,
        },
        "annotations": {PREDICATE: PROVENANCE},
    }))
}

impl Push<'_> {
    /// Pushes a statement about an image; returns the entry for the index of referrers.
    pub fn statement(
        &self,
        repository: &str,
        subject: &Described,
        statement: &[u8],
    ) -> Result<Value, Failure> {
        let manifest = statement_manifest(subject, statement)?;
        self.document(repository, EMPTY)?;
        self.document(repository, statement)?;
        let digest = self.manifest(repository, None, MANIFEST_TYPE, &manifest)?;
        Ok(json!({
            "mediaType": MANIFEST_TYPE,
            "digest": format!("sha256:{digest}"),
            "size": manifest.len(),
            "artifactType": STATEMENT_TYPE,
            "annotations": {PREDICATE: PROVENANCE},
        }))
    }

    /// Sees to it that an image's artifacts are found, where the registry does not do it by itself.
    pub fn refer(
        &self,
        repository: &str,
        subject: &Digest,
        artifacts: &[Value],
    ) -> Result<(), Failure> {
        if self.registry.referrers(repository, subject)?.is_some() {
            return Ok(());
        }
        let tag = fallback_tag(subject);
        let there = self.registry.manifest(repository, &tag)?;
        let there = there.map(|there| there.json()).unwrap_or_default();
        let index = merged(&there, artifacts)?;
        self.manifest(repository, Some(&tag), INDEX_TYPE, &index)?;
        Ok(())
    }
}

/// An index of referrers with these artifacts. Those that others put there stay.
fn merged(there: &Value, artifacts: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut manifests = there["manifests"].as_array().cloned().unwrap_or_default();
    for artifact in artifacts {
        if !manifests
            .iter()
            .any(|other| other["digest"] == artifact["digest"])
        {
            manifests.push(artifact.clone());
        }
    }
    canonical_json(&json!({
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": manifests,
    }))
}

/// The artifacts of a kind that refer to an image.
pub fn find(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
    artifact_type: &str,
) -> Result<Vec<Described>, Failure> {
    let index = match registry.referrers(repository, subject)? {
        Some(index) => index,
        None => registry
            .manifest(repository, &fallback_tag(subject))?
            .map(|manifest| manifest.json())
            .unwrap_or_default(),
    };
    let all = index["manifests"].as_array().into_iter().flatten();
    let found = all.filter_map(Described::read);
    Ok(found
        .filter(|artifact| artifact.text("artifactType") == artifact_type)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_listed_once_and_others_stay() {
        let [a, b] = ["a", "b"].map(|digest| json!({"digest": digest}));
        let first = merged(&Value::Null, std::slice::from_ref(&a)).unwrap();
        let there: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(merged(&there, std::slice::from_ref(&a)).unwrap(), first);
        let both: Value =
            serde_json::from_slice(&merged(&there, std::slice::from_ref(&b)).unwrap()).unwrap();
        assert_eq!(both["manifests"], json!([a, b]));
    }
}
