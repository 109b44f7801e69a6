//! Checks what a registry has: that an image's statement is about it, that both are signed by a key, and that source,
//! locks, compiler and plan of the statement are those of this checkout.

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::workspace::Workspace;
use release::provenance::Statement;
use release::provenance::check::{Check, Document, Found, inputs};
use release::provenance::here::Here;

use crate::archive::Described;
use crate::client::Registry;
use crate::publish::{Place, PublishError};
use crate::referrers::{self, STATEMENT_TYPE};
use crate::sign::image::{is_attested, is_signed};
use crate::sign::key::PublicKey;

/// There is nothing to check.
#[derive(Debug, Error, Diagnostic)]
#[error("{name} {what}")]
#[diagnostic(help("`cargo xtask publish` pushes images with their statements"))]
pub struct NotThere {
    name: String,
    what: &'static str,
}

impl ExitKind for NotThere {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// An image in a registry: `registry.example.org/team/pgml:16` or `…@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    place: Place,
    /// A tag, or a digest with its `sha256:`.
    version: String,
}

impl Reference {
    /// Reads a reference.
    pub fn parse(text: &str) -> Result<Self, PublishError> {
        let (name, version) = match text.split_once('@') {
            Some((name, digest)) => (name, digest),
            None => match text.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => (name, tag),
                _ => (text, "latest"),
            },
        };
        Ok(Self {
            place: Place::parse(name)?,
            version: version.to_owned(),
        })
    }
}

/// Checks the image, or each image of the index, behind a reference.
pub fn verify(
    name: &str,
    plain_http: bool,
    key: Option<&PublicKey>,
    workspace: &Workspace,
) -> Result<Document, Failure> {
    let reference = Reference::parse(name)?;
    let registry = reference.place.registry(plain_http)?;
    let repository = reference.place.namespace.as_str();
    let not_there = |what| NotThere {
        name: name.to_owned(),
        what,
    };
    let manifest = registry
        .manifest(repository, &reference.version)?
        .ok_or_else(|| not_there("is not there"))?;
    let top = manifest.digest;
    let images = images(&manifest.json(), &top);
    let mut checks = Vec::new();
    let mut add = |part: String, found: Found| checks.push(Check { part, found });
    if images.iter().all(|(_, digest)| *digest != top) {
        add("index".into(), signed(&registry, repository, &top, key)?);
    }
    let mut release = String::new();
    let mut last: Option<Statement> = None;
    for (architecture, digest) in &images {
        let part = |what: &str| format!("{what} {architecture}").trim_end().to_owned();
        add(part("image"), signed(&registry, repository, digest, key)?);
        let Some((bytes, statement)) = statement(&registry, repository, digest)? else {
            add(
                part("statement"),
                Found::Different(vec!["there is none".into()]),
            );
            continue;
        };
        add(
            part("statement"),
            about(&registry, repository, digest, &bytes, &statement, key)?,
        );
        release.clone_from(
            &statement
                .predicate
                .build_definition
                .external_parameters
                .release,
        );
        // The images of one release have one predicate; another release's is checked by itself.
        let known = last.as_ref().map(|last| &last.predicate);
        if known != Some(&statement.predicate) {
            let here = Here::of(workspace, &statement)?;
            let log = workspace.log("provenance");
            for check in inputs(&statement, &here.state(None, &log), None)? {
                add(check.part, check.found);
            }
        }
        last = Some(statement);
    }
    if images.is_empty() {
        return Err(not_there("has no images").into());
    }
    Ok(Document::new(release, checks))
}

/// The images behind a manifest, each with its architecture.
fn images(manifest: &Value, digest: &Digest) -> Vec<(String, Digest)> {
    let Some(entries) = manifest["manifests"].as_array() else {
        return vec![(String::new(), *digest)];
    };
    let images = entries.iter().filter_map(|entry| {
        let architecture = entry["platform"]["architecture"].as_str()?;
        Some((architecture.to_owned(), Described::read(entry)?.digest))
    });
    images.collect()
}

fn signed(
    registry: &Registry,
    repository: &str,
    digest: &Digest,
    key: Option<&PublicKey>,
) -> Result<Found, Failure> {
    let Some(key) = key else {
        return Ok(Found::NotChecked(
            "whose it is: name a key with `--key cosign.pub`".into(),
        ));
    };
    Ok(match is_signed(registry, repository, digest, key)? {
        true => Found::Same(format!("{} is signed by this key", digest.short())),
        false => Found::Different(vec![format!(
            "{} is not signed by this key",
            digest.short()
        )]),
    })
}

/// The statement about an image that is among its referrers.
fn statement(
    registry: &Registry,
    repository: &str,
    digest: &Digest,
) -> Result<Option<(Vec<u8>, Statement)>, Failure> {
    for artifact in referrers::find(registry, repository, digest, STATEMENT_TYPE)? {
        let reference = format!("sha256:{}", artifact.digest);
        let manifest = registry.manifest(repository, &reference)?;
        let json = manifest.map(|manifest| manifest.json()).unwrap_or_default();
        let Some(layer) = Described::read(&json["layers"][0]) else {
            continue;
        };
        let bytes = registry.blob(repository, &layer.digest)?;
        if let Ok(statement) = Statement::from_json(&bytes) {
            return Ok(Some((bytes, statement)));
        }
    }
    Ok(None)
}

/// Whether a statement is about this image, and by whom it is signed.
fn about(
    registry: &Registry,
    repository: &str,
    digest: &Digest,
    bytes: &[u8],
    statement: &Statement,
    key: Option<&PublicKey>,
) -> Result<Found, Failure> {
    if !statement
        .subject
        .iter()
        .any(|subject| subject.sha256() == Some(*digest))
    {
        return Ok(Found::Different(vec!["it is about another image".into()]));
    }
    let Some(key) = key else {
        return Ok(Found::NotChecked(
            "it is about this image; whose it is needs `--key`".into(),
        ));
    };
    Ok(
        match is_attested(registry, repository, digest, bytes, key)? {
            true => Found::Same("about this image, signed by this key".into()),
            false => Found::Different(vec!["it is not signed by this key".into()]),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_a_tag_or_a_digest() {
        let version = |text: &str| Reference::parse(text).map(|reference| reference.version);
        assert_eq!(
            version("r.example.org:5000/a/pgml:16-slim").unwrap(),
            "16-slim"
        );
        assert_eq!(version("r.example.org:5000/a/pgml").unwrap(), "latest");
        assert_eq!(
            version("r.example.org/a/pgml@sha256:00").unwrap(),
            "sha256:00"
        );
        assert!(version("dist").is_err());
    }
}
