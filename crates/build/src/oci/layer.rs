//! A layer of an image: a gzip-compressed tar archive, the same bytes for the same entries.
//!
//! gzip and not zstd, because umoci before 0.5 rejects zstd; one level, no name and no time in the header. libdeflate compresses
//! what it has in memory, so that the archive is cut into parts of [`MEMBER`] bytes, each a member of the gzip file (RFC 1952,
//! 2.2): readers see them as one. The writer keeps the order of the entries: callers pass them in byte order of their paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use libdeflater::{CompressionLvl, Compressor};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use base::digest::Digest;
use base::exit::Failure;
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

/// Bytes of the archive in one member: large, because matches don't cross the border.
const MEMBER: usize = 16 << 20;
/// libdeflate's level: 3 % smaller than zlib's 6 in three quarters of the time. 9 takes twice as long as 8 for one part in a
/// thousand, 10 four times for 3 %.
const LEVEL: i32 = 8;

/// Compresses what is written as members of a gzip file.
struct Gzip<W> {
    to: W,
    compressor: Compressor,
    /// What the next member will have, less than [`MEMBER`] bytes.
    pending: Vec<u8>,
    compressed: Vec<u8>,
}

impl<W: Write> Gzip<W> {
    fn new(to: W) -> io::Result<Self> {
        let level = CompressionLvl::new(LEVEL)
            .map_err(|_| io::Error::other("libdeflate does not know this level"))?;
        Ok(Self {
            to,
            compressor: Compressor::new(level),
            pending: Vec::with_capacity(MEMBER),
            compressed: Vec::new(),
        })
    }

    fn write_member(&mut self) -> io::Result<()> {
        let bound = self.compressor.gzip_compress_bound(self.pending.len());
        self.compressed.resize(bound, 0);
        let size = self
            .compressor
            .gzip_compress(&self.pending, &mut self.compressed)
            .map_err(io::Error::other)?;
        self.pending.clear();
        self.to.write_all(&self.compressed[..size])
    }

    /// Writes the last member. An archive is never empty: it has its end.
    fn finish(mut self) -> io::Result<W> {
        if !self.pending.is_empty() {
            self.write_member()?;
        }
        Ok(self.to)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(MEMBER - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == MEMBER {
            self.write_member()?;
        }
        Ok(taken)
    }

    /// What is pending stays so: members end at fixed places, so that the bytes don't depend on when the writer flushes.
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a layer into a file.
pub struct LayerWriter {
    path: std::path::PathBuf,
    tar: Builder<Hashing<Gzip<Hashing<BufWriter<File>>>>>,
}

impl LayerWriter {
    /// Creates the file of a layer, to which entries are then added.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create(path).map_err(FileError::at("write", path))?;
        let gzip =
            Gzip::new(Hashing::new(BufWriter::new(file))).map_err(FileError::at("write", path))?;
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

/// Writes files with their modes, and the directories above them, in the order of their paths.
pub(super) fn write_files(
    files: &BTreeMap<String, (u32, Vec<u8>)>,
    epoch: u64,
    to: &Path,
) -> Result<Layer, Failure> {
    let mut layer = LayerWriter::create(to)?;
    let mut written = BTreeSet::new();
    for (path, (mode, contents)) in files {
        let above: Vec<&Path> = Path::new(path).ancestors().skip(1).collect();
        for dir in above.into_iter().rev().filter_map(Path::to_str) {
            if !dir.is_empty() && written.insert(dir) {
                let entry = Entry::of_root(dir, Kind::Directory, 0o755, epoch);
                layer.add(&entry, io::empty())?;
            }
        }
        let kind = Kind::File(contents.len() as u64);
        let entry = Entry::of_root(path.as_str(), kind, *mode, epoch);
        layer.add(&entry, &contents[..])?;
    }
    Ok(layer.finish()?)
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
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut archive)
            .unwrap();
        assert_eq!(layer.diff_id, Digest::of(&archive));
        // No time, no name; the compressor took its time, and the byte that names the operating system says "unknown".
        assert_eq!(bytes[3..10], [0, 0, 0, 0, 0, 2, 255]);
    }

    #[test]
    fn an_archive_of_several_members_reads_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("layer");
        let contents: Vec<u8> = (0..MEMBER + 1000).map(|n| (n % 251) as u8).collect();
        let mut writer = LayerWriter::create(&path).unwrap();
        for name in ["a", "b"] {
            let kind = Kind::File(contents.len() as u64);
            let entry = Entry::of_root(name, kind, 0o644, 7);
            writer.add(&entry, &contents[..]).unwrap();
        }
        let layer = writer.finish().unwrap();
        let mut archive = Vec::new();
        let file = File::open(&path).unwrap();
        flate2::read::MultiGzDecoder::new(file)
            .read_to_end(&mut archive)
            .unwrap();
        assert_eq!(layer.diff_id, Digest::of(&archive));
        assert!(archive.len() > 2 * MEMBER);
    }
}
