//! An image as `dist` wrote it: an OCI layout in a tar archive, whose blobs are read where they lie.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::FileError;

use crate::client::Body;

/// The annotation with the tag of an entry of `index.json`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The largest document that is read into memory, in bytes.
const LARGEST: u64 = 64 << 20;

/// The archive is not what `dist` writes.
#[derive(Debug, Error, Diagnostic)]
#[error("{} is no image archive of `dist`: {what}", path.display())]
#[diagnostic(help("`cargo xtask dist --only image` makes it again"))]
pub struct ArchiveError {
    path: PathBuf,
    what: String,
}

impl ExitKind for ArchiveError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// What names a blob, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// The descriptor itself.
    pub json: Value,
}

impl Described {
    /// Reads a descriptor; `None` where it has no SHA-256 digest.
    pub fn read(json: &Value) -> Option<Self> {
        let digest = json["digest"].as_str()?.strip_prefix("sha256:")?;
        Some(Self {
            digest: digest.parse().ok()?,
            size: json["size"].as_u64()?,
            json: json.clone(),
        })
    }

    /// One of its fields that are text.
    pub fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }
}

/// An archive, and where in it each file lies.
pub struct Archive {
    path: PathBuf,
    places: BTreeMap<String, (u64, u64)>,
    /// The image.
    pub image: Described,
    /// The artifacts that refer to it, such as its SBOM.
    pub artifacts: Vec<Described>,
}

impl Archive {
    /// Reads the table of an archive.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = || FileError::at("read", path);
        let file = File::open(path).map_err(unreadable())?;
        let mut tar = tar::Archive::new(file);
        let mut places = BTreeMap::new();
        for entry in tar.entries_with_seek().map_err(unreadable())? {
            let entry = entry.map_err(unreadable())?;
            let name = entry.path().map_err(unreadable())?;
            let place = (entry.raw_file_position(), entry.size());
            places.insert(name.to_string_lossy().into_owned(), place);
        }
        let wrong = |what: &str| ArchiveError {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let index = *places
            .get("index.json")
            .ok_or_else(|| wrong("it has no index.json"))?;
        let index = read(path, index)?;
        let index: Value = serde_json::from_slice(&index)
            .map_err(|error| wrong(&format!("its index.json is damaged: {error}")))?;
        let (mut images, mut artifacts) = (Vec::new(), Vec::new());
        for entry in index["manifests"].as_array().into_iter().flatten() {
            let found = Described::read(entry)
                .ok_or_else(|| wrong("an entry of its index.json has no digest"))?;
            match entry["annotations"][REF_NAME].is_string() {
                true => images.push(found),
                false => artifacts.push(found),
            }
        }
        let image = images.first().ok_or_else(|| wrong("no entry has a tag"))?;
        if images.iter().any(|other| other.digest != image.digest) {
            return Err(wrong("it has several images").into());
        }
        Ok(Self {
            image: image.clone(),
            artifacts,
            path: path.to_owned(),
            places,
        })
    }

    /// Where a blob lies.
    pub fn blob(&self, digest: &Digest) -> Result<Body<'_>, Failure> {
        let (offset, size) = self.place(digest)?;
        Ok(Body::Part {
            file: &self.path,
            offset,
            size,
        })
    }

    /// A document, compared with its digest.
    pub fn document(&self, digest: &Digest) -> Result<Vec<u8>, Failure> {
        let bytes = read(&self.path, self.place(digest)?)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(self.wrong(format!("the blob {} is damaged", digest.short()))),
        }
    }

    /// What a manifest of the archive names: its configuration and its layers.
    pub fn parts(&self, manifest: &[u8]) -> Result<Vec<Described>, Failure> {
        let json: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let layers = json["layers"].as_array().into_iter().flatten();
        let parts = layers.chain([&json["config"]]).map(Described::read);
        let parts: Option<Vec<Described>> = parts.collect();
        parts.ok_or_else(|| self.wrong("a manifest names a blob without a digest".into()))
    }

    fn place(&self, digest: &Digest) -> Result<(u64, u64), Failure> {
        let place = self.places.get(&format!("blobs/sha256/{digest}"));
        let missing = || self.wrong(format!("the blob {} is not in it", digest.short()));
        place.copied().ok_or_else(missing)
    }

    fn wrong(&self, what: String) -> Failure {
        let path = self.path.clone();
        ArchiveError { path, what }.into()
    }
}

fn read(path: &Path, (offset, size): (u64, u64)) -> Result<Vec<u8>, FileError> {
    let unreadable = || FileError::at("read", path);
    let mut file = File::open(path).map_err(unreadable())?;
    file.seek(SeekFrom::Start(offset)).map_err(unreadable())?;
    let mut bytes = Vec::new();
    file.take(size.min(LARGEST))
        .read_to_end(&mut bytes)
        .map_err(unreadable())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(dir: &Path, files: &[(&str, &str)]) -> PathBuf {
        let path = dir.join("x.oci.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap();
        path
    }

    #[test]
    fn blobs_are_found_and_damaged_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (Digest::of("{}"), Digest::of("other"));
        let index = format!(
            r#"{{"manifests":[{{"digest":"sha256:{good}","size":2,"annotations":{{"{REF_NAME}":"1"}}}},
                {{"digest":"sha256:{bad}","size":2,"artifactType":"a/b"}}]}}"#
        );
        let blob = |digest: &Digest| format!("blobs/sha256/{digest}");
        let files = [
            ("index.json", index.as_str()),
            (&blob(&good), "{}"),
            (&blob(&bad), "{}"),
        ];
        let archive = Archive::open(&archive(dir.path(), &files)).unwrap();
        assert_eq!(archive.image.digest, good);
        assert_eq!(archive.artifacts[0].text("artifactType"), "a/b");
        assert_eq!(archive.document(&good).unwrap(), b"{}");
        assert!(archive.document(&bad).is_err());
        assert!(archive.document(&Digest::of("missing")).is_err());
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for index in ["", "{}", r#"{"manifests":[{"digest":"x"}]}"#] {
            let path = archive(dir.path(), &[("index.json", index)]);
            assert!(Archive::open(&path).is_err(), "{index}");
        }
        assert!(Archive::open(&archive(dir.path(), &[])).is_err());
    }
}
