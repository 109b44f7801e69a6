//! Puts what is missing into a registry, in an order in which no tag ever names something that is not whole: blobs,
//! manifests, what refers to them, and the tags last.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::Serialize;

use base::digest::Digest;
use base::exit::Failure;
use base::progress::Listener;

use crate::archive::Archive;
use crate::client::{Body, Registry};
use crate::images::MANIFEST_TYPE;

/// What was uploaded, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Blobs that were not there.
    pub blobs: u64,
    /// The bytes of those.
    pub bytes: u64,
    /// Manifests and tags that were not there, or were others.
    pub manifests: u64,
    /// Blobs and manifests that were there already.
    pub present: u64,
}

#[derive(Default)]
struct Counters {
    blobs: AtomicU64,
    bytes: AtomicU64,
    manifests: AtomicU64,
    present: AtomicU64,
}

/// A registry as the place that is pushed to.
pub struct Push<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// Whether nothing is uploaded, only counted.
    pub dry_run: bool,
    /// Receives a line for each upload of a blob.
    pub listener: &'a dyn Listener,
    counters: Counters,
}

impl<'a> Push<'a> {
    /// Nothing was pushed so far.
    pub fn new(registry: &'a Registry, dry_run: bool, listener: &'a dyn Listener) -> Self {
        Self {
            registry,
            dry_run,
            listener,
            counters: Counters::default(),
        }
    }

    /// What was uploaded so far.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            blobs: of(&self.counters.blobs),
            bytes: of(&self.counters.bytes),
            manifests: of(&self.counters.manifests),
            present: of(&self.counters.present),
        }
    }

    /// Uploads a blob unless it is there.
    pub fn blob(
        &self,
        repository: &str,
        digest: &Digest,
        size: u64,
        body: &Body<'_>,
    ) -> Result<(), Failure> {
        if self.registry.has_blob(repository, digest)? {
            self.counters.present.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.counters.blobs.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(size, Ordering::Relaxed);
        if self.dry_run {
            return Ok(());
        }
        let name = format!("{repository}@{}", digest.short());
        let megabytes = size as f64 / 1e6;
        self.listener.began(&name);
        let pushed = self.registry.push_blob(repository, digest, body);
        self.listener.ended(&name);
        pushed?;
        if size > 1_000_000 {
            self.listener
                .note(&format!("{name}: {megabytes:.1} MB uploaded"));
        }
        Ok(())
    }

    /// Puts a manifest under a tag, or under its digest where `tag` is none, unless it is there.
    pub fn manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, Failure> {
        let digest = Digest::of(bytes);
        let reference = tag.map_or_else(|| format!("sha256:{digest}"), str::to_owned);
        let there = self.registry.manifest(repository, &reference)?;
        if there.is_some_and(|there| there.digest == digest) {
            self.counters.present.fetch_add(1, Ordering::Relaxed);
            return Ok(digest);
        }
        self.counters.manifests.fetch_add(1, Ordering::Relaxed);
        if !self.dry_run {
            self.registry
                .push_manifest(repository, &reference, media_type, bytes)?;
        }
        Ok(digest)
    }

    /// Pushes a manifest of an archive with all that it names.
    pub fn of_archive(
        &self,
        repository: &str,
        archive: &Archive,
        manifest: &Digest,
    ) -> Result<(), Failure> {
        let bytes = archive.document(manifest)?;
        for part in archive.parts(&bytes)? {
            let body = archive.blob(&part.digest)?;
            self.blob(repository, &part.digest, part.size, &body)?;
        }
        self.manifest(repository, None, MANIFEST_TYPE, &bytes)?;
        Ok(())
    }

    /// Pushes a document of a few megabytes as a blob, and returns its digest.
    pub fn document(&self, repository: &str, bytes: &[u8]) -> Result<Digest, Failure> {
        let digest = Digest::of(bytes);
        self.blob(repository, &digest, bytes.len() as u64, &Body::Bytes(bytes))?;
        Ok(digest)
    }
}
