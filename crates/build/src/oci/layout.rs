//! An image layout in one tar archive: what the OCI image specification calls an image layout (`oci-layout`, `index.json`,
//! `blobs/sha256/…`), and beside it `manifest.json`, by which Docker engines older than 25 load the same blobs.
//!
//! This module uses only the types of oci-spec: it names files by their digests and sorts them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, MediaType, OciLayoutBuilder};
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use base::digest::Digest;
use base::exit::Failure;
use base::files::FileError;

use super::OciError;

/// Where the bytes of a blob are.
enum Blob {
    Bytes(Vec<u8>),
    File(PathBuf, u64),
}

/// A layout under construction.
#[derive(Default)]
pub struct Layout {
    blobs: BTreeMap<Digest, Blob>,
}

/// JSON with the keys of every object in byte order: oci-spec keeps annotations in hash maps, whose order differs from run
/// to run.
pub fn canonical_json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    fn sorted(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let map: BTreeMap<_, _> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
                serde_json::Value::Object(map.into_iter().collect())
            }
            serde_json::Value::Array(list) => list.into_iter().map(sorted).collect(),
            other => other,
        }
    }
    let value = serde_json::to_value(value).map_err(|error| OciError::Format(error.to_string()))?;
    // INVARIANT: a `Value` has string keys only.
    Ok(base::json::compact(&sorted(value)))
}

/// A descriptor of a blob.
pub fn descriptor(
    media_type: MediaType,
    digest: &Digest,
    size: u64,
) -> Result<Descriptor, Failure> {
    let digest: oci_spec::image::Digest = format!("sha256:{digest}")
        .parse()
        .map_err(|error| OciError::Format(format!("{error}")))?;
    Ok(Descriptor::new(media_type, size, digest))
}

/// The path of a blob in a layout.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{digest}")
}

impl Layout {
    /// Adds a blob that is in memory.
    pub fn add(&mut self, media_type: MediaType, bytes: Vec<u8>) -> Result<Descriptor, Failure> {
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        self.blobs.insert(digest, Blob::Bytes(bytes));
        descriptor(media_type, &digest, size)
    }

    /// Adds a file as a blob. Its digest is not computed again: the job that wrote the file computed it.
    pub fn add_file(
        &mut self,
        media_type: MediaType,
        path: &Path,
        digest: &Digest,
        size: u64,
    ) -> Result<Descriptor, Failure> {
        self.blobs
            .insert(*digest, Blob::File(path.to_owned(), size));
        descriptor(media_type, digest, size)
    }

    /// Writes the archive. `index` is `index.json`; `docker` is `manifest.json`, where a Docker engine can run the image.
    pub fn write(
        self,
        path: &Path,
        index: Vec<u8>,
        docker: Option<Vec<u8>>,
        mtime: u64,
    ) -> Result<(), Failure> {
        let layout = OciLayoutBuilder::default()
            .image_layout_version("1.0.0")
            .build()
            .map_err(|error| OciError::Format(error.to_string()))?;
        let mut files: BTreeMap<String, Blob> = BTreeMap::new();
        files.insert("index.json".into(), Blob::Bytes(index));
        files.insert("oci-layout".into(), Blob::Bytes(canonical_json(&layout)?));
        if let Some(docker) = docker {
            files.insert("manifest.json".into(), Blob::Bytes(docker));
        }
        for (digest, blob) in self.blobs {
            files.insert(blob_path(&digest), blob);
        }
        let file = File::create(path).map_err(FileError::at("write", path))?;
        write_tar(file, files, mtime).map_err(FileError::at("write", path))?;
        Ok(())
    }
}

fn write_tar(file: File, files: BTreeMap<String, Blob>, mtime: u64) -> io::Result<()> {
    let mut tar = Builder::new(BufWriter::with_capacity(1 << 20, file));
    let header = |kind: EntryType, mode: u32, size: u64| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(mtime);
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    for dir in ["blobs/", "blobs/sha256/"] {
        tar.append_data(
            &mut header(EntryType::Directory, 0o755, 0),
            dir,
            io::empty(),
        )?;
    }
    for (name, blob) in files {
        match blob {
            Blob::Bytes(bytes) => {
                let size = bytes.len() as u64;
                tar.append_data(
                    &mut header(EntryType::Regular, 0o644, size),
                    name,
                    &bytes[..],
                )?;
            }
            Blob::File(path, size) => {
                let contents = File::open(path)?;
                tar.append_data(&mut header(EntryType::Regular, 0o644, size), name, contents)?;
            }
        }
    }
    tar.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn json_does_not_depend_on_the_order_of_a_hash_map() {
        // Each HashMap has its own order; among 40 keys two are never alike by chance.
        let map = || -> HashMap<String, u32> { (0..40).map(|n| (format!("key{n}"), n)).collect() };
        let first = canonical_json(&map()).unwrap();
        assert!((0..8).all(|_| canonical_json(&map()).unwrap() == first));
    }

    #[test]
    fn a_layout_names_blobs_by_their_digest_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tar");
        let mut layout = Layout::default();
        let blob = layout.add(MediaType::ImageConfig, b"{}".to_vec()).unwrap();
        layout
            .write(&path, b"[]".to_vec(), Some(b"[]".to_vec()), 5)
            .unwrap();
        let mut archive = tar::Archive::new(File::open(&path).unwrap());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        let digest = blob.as_digest_sha256().unwrap();
        assert_eq!(
            names,
            [
                "blobs/",
                "blobs/sha256/",
                &format!("blobs/sha256/{digest}"),
                "index.json",
                "manifest.json",
                "oci-layout"
            ]
        );
    }
}
