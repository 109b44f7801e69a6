//! Publishes a release: its images to a registry, its apt repository to a server, and signatures of both.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::FileError;
use base::progress::Listener;
use base::workspace::Workspace;
use build::oci::config::ImageConfig;
use release::provenance::Statement;
use release::provenance::check;
use release::publish::{Kind, Manifest, read_manifest};
use targets::Targets;

use crate::archive::Archive;
use crate::client::{Registry, credentials};
use crate::images::{self, INDEX_TYPE, Tagged};
use crate::push::{Counts, Push};
use crate::sign::key::Key;
use crate::{apt, sign};

/// The version of [`Document`].
const VERSION: u32 = 1;

/// Why nothing is published.
#[derive(Debug, Error, Diagnostic)]
pub enum PublishError {
    /// There is no release.
    #[error("{} has no release that this program reads", path.display())]
    #[diagnostic(help("`cargo xtask dist` makes one; `--from DIR` names another place"))]
    NoRelease {
        /// The directory.
        path: PathBuf,
    },
    /// It was built from inputs for development only.
    #[error("this release is not one to publish: {what}")]
    #[diagnostic(help(
        "build it where the archives have release inputs; `--development` publishes it all the same, for trying out"
    ))]
    Development {
        /// Which targets, and which inputs.
        what: String,
    },
    /// A file is not the one that was built.
    #[error("{path} is not the file that the manifest names")]
    #[diagnostic(help("`cargo xtask dist` makes it again"))]
    Changed {
        /// Its path in the release.
        path: String,
    },
    /// The place is none.
    #[error("`{place}` is no place in a registry: {what}")]
    #[diagnostic(help("such as `registry.example.org/team` or `127.0.0.1:5000/team`"))]
    Place {
        /// What was given.
        place: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Nothing was asked for.
    #[error("there is nothing to do")]
    #[diagnostic(help(
        "name a registry with `--to`, a server with `--apt`, or a directory for signatures with `--signatures` and `--key`"
    ))]
    Nothing,
}

impl ExitKind for PublishError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoRelease { .. } => Exit::CannotHere,
            Self::Development { .. } | Self::Changed { .. } => Exit::CheckFailed,
            Self::Place { .. } | Self::Nothing => Exit::Usage,
        }
    }
}

/// A place in a registry, below which images get their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The registry's name, and its port.
    pub host: String,
    /// What comes before the names of images; may be empty.
    pub namespace: String,
}

impl Place {
    /// Reads `registry.example.org/team`.
    pub fn parse(text: &str) -> Result<Self, PublishError> {
        let wrong = |what| PublishError::Place {
            place: text.to_owned(),
            what,
        };
        if text.contains("://") || text.contains('@') {
            return Err(wrong("it is a name without a scheme and a user"));
        }
        let (host, namespace) = text.split_once('/').unwrap_or((text, ""));
        let is_host = host.contains(['.', ':']) || host == "localhost";
        if !is_host {
            return Err(wrong(
                "it begins with the name of a host, which has a dot or a port",
            ));
        }
        let is_part = |part: &str| {
            let allowed =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            !part.is_empty() && part.chars().all(allowed)
        };
        let namespace = namespace.trim_end_matches('/');
        if !namespace.is_empty() && !namespace.split('/').all(is_part) {
            return Err(wrong(
                "names in a registry have lower-case letters, digits, `.`, `_` and `-`",
            ));
        }
        // The name that people write is not the name of the server.
        let host = match host {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        Ok(Self {
            host: host.to_owned(),
            namespace: namespace.to_owned(),
        })
    }

    /// The registry, with this user's credentials for the place.
    pub fn registry(&self, plain_http: bool) -> Result<Registry, Failure> {
        let credential = credentials::find(&self.host, &self.namespace)?;
        Ok(Registry::new(&self.host, plain_http, credential)?)
    }

    fn repository(&self, name: &str) -> String {
        match self.namespace.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.namespace),
        }
    }
}

/// What is to be done.
pub struct Options<'a> {
    /// The directory of the release.
    pub release: &'a Path,
    /// Where its images go.
    pub to: Option<&'a Place>,
    /// Whether the registry has no TLS.
    pub plain_http: bool,
    /// Where its apt repository goes.
    pub apt: Option<&'a str>,
    /// The key that signs.
    pub key: Option<&'a Key>,
    /// The directory for the signatures of files.
    pub signatures: Option<&'a Path>,
    /// Whether nothing is written anywhere.
    pub dry_run: bool,
    /// Whether a release from inputs for development, or with a repository that the local key signed, is published.
    pub development: bool,
    /// Whether users' keyring may be replaced by one that they can't follow.
    pub replace_keyring: bool,
}

/// An index in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Published {
    /// Its name without a tag: `registry.example.org/team/pgml`.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// The architectures that were pushed.
    pub architectures: Vec<String>,
}

/// What was published: what `cargo xtask publish --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The release's version, `3.0.0-1`.
    pub release: String,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// What was uploaded, or would be.
    pub uploaded: Counts,
    /// The indexes of images.
    pub images: Vec<Published>,
    /// Where the apt repository was copied to.
    pub apt: Option<String>,
    /// The number of files that were signed.
    pub signed_files: usize,
}

/// Publishes a release.
pub fn publish(
    options: &Options<'_>,
    workspace: &Workspace,
    listener: &dyn Listener,
) -> Result<Document, Failure> {
    if options.to.is_none() && options.apt.is_none() && options.signatures.is_none() {
        return Err(PublishError::Nothing.into());
    }
    let release = options.release;
    let manifest = read_manifest(release).ok_or_else(|| PublishError::NoRelease {
        path: release.to_owned(),
    })?;
    require_releasable(&manifest, options.development)?;
    let log = workspace.log("publish-apt");
    if let Some(destination) = options.apt {
        apt::require_keys(&release.join("apt"), destination, options, &log, listener)?;
    }
    let mut document = Document {
        version: VERSION,
        release: manifest.release.clone(),
        dry_run: options.dry_run,
        uploaded: Counts::default(),
        images: Vec::new(),
        apt: None,
        signed_files: 0,
    };
    if let Some(place) = options.to {
        require_unchanged(release, &manifest)?;
        let registry = place.registry(options.plain_http)?;
        let push = Push::new(&registry, options.dry_run, listener);
        let statement = check::read(release)?;
        let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
        let config = ImageConfig::load(&workspace.root)?;
        for tagged in images::of_release(release, &manifest, &targets, &config)? {
            let one = push_tagged(&push, place, &tagged, &statement, options.key)?;
            listener.note(&format!("{}: {}", one.name, one.tags.join(", ")));
            document.images.push(one);
        }
        document.uploaded = push.counts();
    }
    // The repository's packages are there before anything points to them.
    if let Some(destination) = options.apt {
        let copy = match options.dry_run {
            true => apt::try_copy,
            false => apt::copy,
        };
        copy(&release.join("apt"), destination, &log, listener)?;
        document.apt = Some(destination.to_owned());
    }
    if let (Some(to), Some(key), false) = (options.signatures, options.key, options.dry_run) {
        document.signed_files = sign::files::sign(release, &manifest, key, to)?;
    }
    Ok(document)
}

fn require_releasable(manifest: &Manifest, development: bool) -> Result<(), PublishError> {
    if manifest.releasable || development {
        return Ok(());
    }
    let targets = manifest.targets.iter();
    let what: Vec<String> = targets
        .filter(|(_, state)| !state.development.is_empty())
        .map(|(name, state)| format!("{name} is built from {}", state.development.join(", ")))
        .collect();
    Err(PublishError::Development {
        what: what.join("; "),
    })
}

/// Compares the images with the digests that the build wrote down.
fn require_unchanged(release: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let artifacts = manifest.artifacts.iter();
    for artifact in artifacts.filter(|artifact| artifact.kind == Kind::Image) {
        let path = release.join(&artifact.path);
        let (digest, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
        if digest != artifact.sha256 {
            let path = artifact.path.clone();
            return Err(PublishError::Changed { path }.into());
        }
    }
    Ok(())
}

/// Pushes the images of one set of tags, what refers to them, their index, and the tags.
fn push_tagged(
    push: &Push<'_>,
    place: &Place,
    tagged: &Tagged,
    statement: &Statement,
    key: Option<&Key>,
) -> Result<Published, Failure> {
    let repository = place.repository(&tagged.repository);
    for archive in &tagged.images {
        push.of_archive(&repository, archive, &archive.image.digest)?;
        push_artifacts(push, &repository, tagged, archive, statement, key)?;
    }
    let first = tagged.tags.first().map(String::as_str).unwrap_or_default();
    let there = push.registry.manifest(&repository, first)?;
    let index = tagged.index(there.map(|there| there.json()).as_ref())?;
    let digest = Digest::of(&index);
    push.manifest(&repository, None, INDEX_TYPE, &index)?;
    if let Some(key) = key {
        push.sign(&repository, &digest, key)?;
    }
    for tag in &tagged.tags {
        push.manifest(&repository, Some(tag), INDEX_TYPE, &index)?;
    }
    let architectures = tagged.images.iter().map(|archive| {
        let architecture = &archive.image.json["platform"]["architecture"];
        architecture.as_str().unwrap_or_default().to_owned()
    });
    Ok(Published {
        name: format!("{}/{repository}", place.host),
        tags: tagged.tags.clone(),
        digest: format!("sha256:{digest}"),
        architectures: architectures.collect(),
    })
}

/// Pushes an image's SBOM, the statement of where it comes from, and the signatures of both it and the statement.
fn push_artifacts(
    push: &Push<'_>,
    repository: &str,
    tagged: &Tagged,
    archive: &Archive,
    statement: &Statement,
    key: Option<&Key>,
) -> Result<(), Failure> {
    let image = &archive.image;
    let mut referring = Vec::new();
    for artifact in &archive.artifacts {
        push.of_archive(repository, archive, &artifact.digest)?;
        referring.push(artifact.json.clone());
    }
    let statement = statement.about(&tagged.repository, &image.digest).to_json();
    referring.push(push.statement(repository, image, &statement)?);
    push.refer(repository, &image.digest, &referring)?;
    if let Some(key) = key {
        push.sign(repository, &image.digest, key)?;
        push.attest(repository, &image.digest, &statement, key)?;
    }
    Ok(())
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for image in &self.images {
            for tag in &image.tags {
                writeln!(f, "{}:{tag}", image.name)?;
            }
            let architectures = image.architectures.join(", ");
            writeln!(f, "    {}  {architectures}", image.digest)?;
        }
        let Counts {
            blobs,
            bytes,
            manifests,
            present,
        } = self.uploaded;
        let verb = match self.dry_run {
            true => "would be uploaded",
            false => "uploaded",
        };
        if !self.images.is_empty() {
            let megabytes = bytes as f64 / 1e6;
            writeln!(
                f,
                "{blobs} blobs ({megabytes:.1} MB) and {manifests} manifests {verb}, {present} were there"
            )?;
        }
        if let Some(apt) = &self.apt {
            let verb = if self.dry_run {
                "would be copied"
            } else {
                "copied"
            };
            writeln!(f, "apt repository {verb} to {apt}")?;
        }
        if self.signed_files > 0 {
            writeln!(f, "{} files signed", self.signed_files)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_host_and_a_namespace() {
        let place = |text: &str| Place::parse(text).map(|place| (place.host, place.namespace));
        let both = |host: &str, namespace: &str| (host.to_owned(), namespace.to_owned());
        assert_eq!(
            place("r.example.org/a/b/").unwrap(),
            both("r.example.org", "a/b")
        );
        assert_eq!(place("localhost/a").unwrap(), both("localhost", "a"));
        assert_eq!(place("127.0.0.1:5000").unwrap(), both("127.0.0.1:5000", ""));
        assert_eq!(
            place("docker.io/a").unwrap(),
            both("registry-1.docker.io", "a")
        );
        for wrong in [
            "",
            "team",
            "team/a",
            "https://r.example.org/a",
            "u:p@r.example.org/a",
            "r.example.org/A",
            "r.example.org/a//b",
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
