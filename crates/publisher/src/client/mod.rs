//! A client of the OCI distribution protocol: what a registry has, and what is to be put there. It waits for each
//! answer.

mod auth;
pub mod credentials;
mod error;
mod request;
mod tls;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use base::digest::Digest;

use self::auth::Authorization;
use self::credentials::Credential;
pub use self::error::RegistryError;
use self::request::Request;
pub use self::request::{Answer, Body};

/// What is accepted as a manifest: an image, or an index of images.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";
/// The largest manifest that is read, in bytes: registries refuse larger ones.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// The largest document beside an image that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(120);

/// A manifest as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Manifest {
    /// The document; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

/// A registry.
pub struct Registry {
    agent: Agent,
    /// `https://registry.example.org`.
    base: String,
    host: String,
    credential: Option<Credential>,
    /// What was granted, by repository.
    granted: Mutex<HashMap<String, Authorization>>,
}

impl Registry {
    /// The registry of a host. It is asked by TLS, unless it is on this machine's loopback interface or `plain_http`
    /// says otherwise.
    pub fn new(
        host: &str,
        plain_http: bool,
        credential: Option<Credential>,
    ) -> Result<Self, RegistryError> {
        let scheme = match plain_http || is_loopback(host) {
            true => "http",
            false => "https",
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("pgml-dist/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE));
        if scheme == "https" {
            config = config.tls_config(tls::config()?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            base: format!("{scheme}://{host}"),
            host: host.to_owned(),
            credential,
            granted: Mutex::default(),
        })
    }

    /// Its name and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a blob is there.
    pub fn has_blob(&self, repository: &str, digest: &Digest) -> Result<bool, RegistryError> {
        let path = format!("/v2/{repository}/blobs/sha256:{digest}");
        let answer = self.send(&Request::new("HEAD", &path, repository))?;
        self.there(&answer, "ask for a blob", repository)
    }

    /// Uploads a blob. The registry compares its digest.
    pub fn push_blob(
        &self,
        repository: &str,
        digest: &Digest,
        body: &Body<'_>,
    ) -> Result<(), RegistryError> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let begin = Request::new("POST", &path, repository).body(Body::Bytes(b""));
        let answer = self.send(&begin)?;
        self.require(&answer, 202, "begin an upload", repository)?;
        let place = answer
            .header("location")
            .ok_or_else(|| self.malformed("begins an upload without saying where"))?;
        let join = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{join}digest=sha256:{digest}");
        let upload = Request::new("PUT", &place, repository)
            .content_type("application/octet-stream")
            .body(body.clone());
        let answer = self.send(&upload)?;
        self.require(&answer, 201, "upload a blob", repository)
    }

    /// A blob of a few megabytes, compared with its digest.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let path = format!("/v2/{repository}/blobs/sha256:{digest}");
        let answer = self.send(&Request::new("GET", &path, repository).limit(LARGEST_DOCUMENT))?;
        self.require(&answer, 200, "get a blob", repository)?;
        match Digest::of(&answer.body) == *digest {
            true => Ok(answer.body),
            false => Err(self.malformed("has other bytes under the digest of a blob")),
        }
    }

    /// The manifest of a tag, or of a digest written `sha256:…`; `None` where there is none.
    pub fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let request = Request::new("GET", &path, repository)
            .accept(MANIFESTS)
            .limit(LARGEST_MANIFEST);
        let answer = self.send(&request)?;
        if !self.there(&answer, "get a manifest", repository)? {
            return Ok(None);
        }
        let digest = Digest::of(&answer.body);
        let named = reference.strip_prefix("sha256:");
        if named.is_some_and(|named| named != digest.to_string()) {
            return Err(self.malformed("has other bytes under the digest of a manifest"));
        }
        Ok(Some(Manifest {
            digest,
            bytes: answer.body,
        }))
    }

    /// Puts a manifest under a tag or its own digest.
    pub fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let request = Request::new("PUT", &path, repository)
            .content_type(media_type)
            .body(Body::Bytes(bytes));
        let answer = self.send(&request)?;
        self.require(&answer, 201, "put a manifest", repository)
    }

    /// The index of the artifacts that refer to a manifest, where the registry keeps one by itself.
    pub fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Option<Value>, RegistryError> {
        let path = format!("/v2/{repository}/referrers/sha256:{subject}");
        let request = Request::new("GET", &path, repository)
            .accept("application/vnd.oci.image.index.v1+json")
            .limit(LARGEST_MANIFEST);
        let answer = self.send(&request)?;
        let is_index = answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/vnd.oci.image.index.v1+json"));
        // A registry that does not know the question answers as to any other that it does not know.
        if matches!(answer.status, 404 | 405) || (answer.status == 200 && !is_index) {
            return Ok(None);
        }
        self.require(&answer, 200, "get the referrers", repository)?;
        Ok(serde_json::from_slice(&answer.body).ok())
    }

    /// Whether an answer says that something is there; any other than yes and no is an error.
    fn there(
        &self,
        answer: &Answer,
        what: &'static str,
        repository: &str,
    ) -> Result<bool, RegistryError> {
        match answer.status {
            404 => Ok(false),
            _ => self.require(answer, 200, what, repository).map(|()| true),
        }
    }

    fn require(
        &self,
        answer: &Answer,
        status: u16,
        what: &'static str,
        repository: &str,
    ) -> Result<(), RegistryError> {
        if answer.status == status {
            return Ok(());
        }
        let place = format!("{}/{repository}", self.host);
        Err(match answer.status {
            401 | 403 => RegistryError::Denied {
                place,
                said: answer.said(),
                anonymous: self.credential.is_none(),
            },
            status => RegistryError::Refused {
                place,
                what,
                status,
                said: answer.said(),
            },
        })
    }

    fn malformed(&self, what: &'static str) -> RegistryError {
        let host = self.host.clone();
        RegistryError::Malformed { host, what }
    }
}

/// Whether a registry is on this machine's loopback interface, where container engines speak plain HTTP too.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
