//! Signatures of images and of statements about them, where cosign looks for them: in the image's repository, under
//! tags that are made from its digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use base::digest::Digest;
use base::exit::Failure;
use build::oci::layout::canonical_json;

use super::key::{Key, PublicKey};
use crate::archive::Described;
use crate::client::{Manifest, Registry};
use crate::images::MANIFEST_TYPE;
use crate::push::Push;
use crate::referrers::{PROVENANCE, STATEMENT_TYPE};

/// The annotation with the signature of a layer.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What cosign signs for an image.
const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What a signed statement is.
const ENVELOPE_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// What the configuration of such an image is.
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

/// What a tag beside an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Signatures,
    Attestations,
}

impl Beside {
    fn tag(self, subject: &Digest) -> String {
        match self {
            Self::Signatures => format!("sha256-{subject}.sig"),
            Self::Attestations => format!("sha256-{subject}.att"),
        }
    }
}

/// What is signed for an image: its digest, and the repository that it is for.
fn payload(place: &str, subject: &Digest) -> Result<Vec<u8>, Failure> {
    canonical_json(&json!({
        "critical": {
            "identity": {"docker-reference": place},
            "image": {"docker-manifest-digest": format!("sha256:{subject}")},
            "type": "cosign container image signature",
        },
        "optional": null,
    }))
}

/// What the signature of a statement is made of (DSSE's pre-authentication encoding).
fn hashed_statement(statement: &[u8]) -> Sha256 {
    let head = format!(
        "DSSEv1 {} {STATEMENT_TYPE} {} ",
        STATEMENT_TYPE.len(),
        statement.len()
    );
    Sha256::new_with_prefix(head).chain_update(statement)
}

/// A statement with its signature.
fn envelope(statement: &[u8], key: &Key) -> Result<Vec<u8>, Failure> {
    canonical_json(&json!({
        "payloadType": STATEMENT_TYPE,
        "payload": STANDARD.encode(statement),
        "signatures": [{"keyid": "", "sig": key.sign(hashed_statement(statement))}],
    }))
}

/// The image that holds signatures: those that are there, and one more unless it is among them.
fn with_layer(there: &Value, layer: Value) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let mut layers = there["layers"].as_array().cloned().unwrap_or_default();
    if !layers.contains(&layer) {
        layers.push(layer);
    }
    let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let config = canonical_json(&json!({
        "architecture": "",
        "os": "",
        "config": {},
        "created": "0001-01-01T00:00:00Z",
        "history": vec![json!({"created": "0001-01-01T00:00:00Z"}); layers.len()],
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }))?;
    let manifest = canonical_json(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": CONFIG_TYPE,
            "digest": format!("sha256:{}", Digest::of(&config)),
            "size": config.len(),
        },
        "layers": layers,
    }))?;
    Ok((config, manifest))
}

impl Push<'_> {
    /// Signs an image or an index, and puts the signature where cosign looks for it.
    pub fn sign(&self, repository: &str, subject: &Digest, key: &Key) -> Result<(), Failure> {
        let place = format!("{}/{repository}", self.registry.host());
        let payload = payload(&place, subject)?;
        let signature = key.sign(Sha256::new_with_prefix(&payload));
        let annotations = json!({SIGNATURE: signature});
        let layer = (PAYLOAD_TYPE, payload, annotations);
        self.beside(repository, subject, Beside::Signatures, layer)
    }

    /// Signs a statement about an image, and puts it where cosign looks for it.
    pub fn attest(
        &self,
        repository: &str,
        subject: &Digest,
        statement: &[u8],
        key: &Key,
    ) -> Result<(), Failure> {
        let annotations = json!({SIGNATURE: "", "predicateType": PROVENANCE});
        let layer = (ENVELOPE_TYPE, envelope(statement, key)?, annotations);
        self.beside(repository, subject, Beside::Attestations, layer)
    }

    fn beside(
        &self,
        repository: &str,
        subject: &Digest,
        what: Beside,
        (media_type, bytes, annotations): (&str, Vec<u8>, Value),
    ) -> Result<(), Failure> {
        let digest = self.document(repository, &bytes)?;
        let layer = json!({
            "mediaType": media_type,
            "digest": format!("sha256:{digest}"),
            "size": bytes.len(),
            "annotations": annotations,
        });
        let tag = what.tag(subject);
        let there = self.registry.manifest(repository, &tag)?;
        let json = there.as_ref().map(Manifest::json).unwrap_or_default();
        let (config, manifest) = with_layer(&json, layer)?;
        self.document(repository, &config)?;
        self.manifest(repository, Some(&tag), MANIFEST_TYPE, &manifest)?;
        Ok(())
    }
}

fn layers(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
    what: Beside,
) -> Result<Vec<Described>, Failure> {
    let manifest = registry.manifest(repository, &what.tag(subject))?;
    let json = manifest.map(|manifest| manifest.json()).unwrap_or_default();
    let layers = json["layers"].as_array().into_iter().flatten();
    Ok(layers.filter_map(Described::read).collect())
}

/// Whether a registry has a signature of an image or index by a key. One that is of other bytes or by another key
/// counts as none.
pub fn is_signed(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
    key: &PublicKey,
) -> Result<bool, Failure> {
    let wanted = format!("sha256:{subject}");
    for layer in layers(registry, repository, subject, Beside::Signatures)? {
        let payload = registry.blob(repository, &layer.digest)?;
        let json: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let named = json["critical"]["image"]["docker-manifest-digest"].as_str();
        let signature = layer.json["annotations"][SIGNATURE].as_str();
        let holds = key.verifies(
            Sha256::new_with_prefix(&payload),
            signature.unwrap_or_default(),
        );
        if holds && named == Some(&wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a registry has this statement about an image with a signature by a key.
pub fn is_attested(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
    statement: &[u8],
    key: &PublicKey,
) -> Result<bool, Failure> {
    for layer in layers(registry, repository, subject, Beside::Attestations)? {
        let envelope = registry.blob(repository, &layer.digest)?;
        let json: Value = serde_json::from_slice(&envelope).unwrap_or_default();
        let payload = json["payload"].as_str().unwrap_or_default();
        let payload = STANDARD.decode(payload).unwrap_or_default();
        let signatures = json["signatures"].as_array().into_iter().flatten();
        let holds = |signature: &Value| {
            let signature = signature["sig"].as_str().unwrap_or_default();
            key.verifies(hashed_statement(&payload), signature)
        };
        if payload == statement && signatures.into_iter().any(holds) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_added_once_and_others_stay() {
        let layer = |digest: &str| json!({"digest": digest});
        let (_, first) = with_layer(&Value::Null, layer("a")).unwrap();
        let there: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(with_layer(&there, layer("a")).unwrap().1, first);
        let (config, both) = with_layer(&there, layer("b")).unwrap();
        let both: Value = serde_json::from_slice(&both).unwrap();
        assert_eq!(both["layers"], json!([layer("a"), layer("b")]));
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!(["a", "b"]));
    }
}
