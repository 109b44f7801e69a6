//! A layer of an image: a gzip-compressed tar archive, the same bytes for the same entries.
//!
//! gzip and not zstd, because umoci before 0.5 rejects zstd; one thread, one level, no name and no time in the header. The
//! writer keeps the order of the entries: callers pass them in byte order of their paths.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use base::digest::Digest;
use base::files::FileError;

/// What identifies a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The digest of the compressed archive, by which it is stored.
    pub digest: Digest,
    /// Bytes of the compressed archive.
    pub size: u64,
    /// The digest of the archive itself, by which an image's configuration names it.
    pub diff_id: Digest,
}

/// What an entry of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory, whose entry carries no content.
    Directory,
    /// A regular file with this many bytes.
    File(u64),
    /// A symbolic link with its target as it is written.
    Symlink(String),
    /// Another name of a file of the same layer.
    Hardlink(String),
}

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, without `/` at either end.
    pub path: String,
    /// The type of the entry, with the size or the link target.
    pub kind: Kind,
    /// The permission bits, as `chmod` takes them.
    pub mode: u32,
    /// The numeric id of the owning user.
    pub uid: u64,
    /// The numeric id of the owning group.
    pub gid: u64,
    /// The modification time in seconds since 1970.
    pub mtime: u64,
}

impl Entry {
    /// An entry that belongs to root.
    pub fn of_root(path: impl Into<String>, kind: Kind, mode: u32, mtime: u64) -> Self {
        Self {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime,
        }
    }
}

/// Hashes and counts what goes through.
struct Hashing<W> {
    to: W,
    hasher: Sha256,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            hasher: Sha256::new(),
            size: 0,
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a layer into a file.
pub struct LayerWriter {
    path: std::path::PathBuf,
    tar: Builder<Hashing<GzEncoder<Hashing<BufWriter<File>>>>>,
}

impl LayerWriter {
    /// Creates the file of a layer, to which entries are then added.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create(path).map_err(FileError::at("write", path))?;
        let gzip = GzEncoder::new(Hashing::new(BufWriter::new(file)), Compression::new(6));
        Ok(Self {
            path: path.to_owned(),
            tar: Builder::new(Hashing::new(gzip)),
        })
    }

    /// Adds an entry; `contents` are those of a file, and empty otherwise.
    pub fn add(&mut self, entry: &Entry, contents: impl Read) -> Result<(), FileError> {
        let mut header = Header::new_gnu();
        header.set_mode(entry.mode & 0o7777);
        header.set_uid(entry.uid);
        header.set_gid(entry.gid);
        header.set_mtime(entry.mtime);
        header.set_size(0);
        let written = match &entry.kind {
            Kind::Directory => {
                header.set_entry_type(EntryType::Directory);
                self.tar
                    .append_data(&mut header, format!("{}/", entry.path), io::empty())
            }
            Kind::File(size) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(*size);
                self.tar.append_data(&mut header, &entry.path, contents)
            }
            Kind::Symlink(target) => {
                header.set_entry_type(EntryType::Symlink);
                self.tar.append_link(&mut header, &entry.path, target)
            }
            Kind::Hardlink(target) => {
                header.set_entry_type(EntryType::Link);
                self.tar.append_link(&mut header, &entry.path, target)
            }
        };
        written.map_err(FileError::at("write", &self.path))
    }

    /// Writes the end of the archive and returns the digests of the layer.
    pub fn finish(self) -> Result<Layer, FileError> {
        let end = || -> io::Result<Layer> {
            let archive = self.tar.into_inner()?;
            let diff_id = archive.hasher.finalize();
            let mut compressed = archive.to.finish()?;
            compressed.flush()?;
            Ok(Layer {
                digest: Digest::from_bytes(compressed.hasher.finalize().into()),
                size: compressed.size,
                diff_id: Digest::from_bytes(diff_id.into()),
            })
        };
        end().map_err(FileError::at("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::files;

    fn write(path: &Path) -> Layer {
        let mut writer = LayerWriter::create(path).unwrap();
        let file = Entry::of_root(format!("a/{}", "x".repeat(150)), Kind::File(3), 0o644, 7);
        writer
            .add(&Entry::of_root("a", Kind::Directory, 0o755, 7), io::empty())
            .unwrap();
        writer.add(&file, &b"abc"[..]).unwrap();
        writer
            .add(
                &Entry::of_root("a/link", Kind::Symlink("../b".into()), 0o777, 7),
                io::empty(),
            )
            .unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn a_layer_is_the_same_bytes_each_time_and_its_digests_are_true() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        let layer = write(&one);
        assert_eq!(layer, write(&two));
        let bytes = files::read(&one).unwrap();
        assert_eq!(
            (layer.digest, layer.size),
            (Digest::of(&bytes), bytes.len() as u64)
        );
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut archive)
            .unwrap();
        assert_eq!(layer.diff_id, Digest::of(&archive));
        // No time, no name; the byte that names the operating system says "unknown".
        assert_eq!(bytes[3..10], [0, 0, 0, 0, 0, 0, 255]);
    }
}
