//! Reads a `.deb`: its control fields, its list of files, and the contents of those that the caller wants.
//!
//! The package may come from anywhere. Everything is streamed, nothing is unpacked to disk, and each size has a limit, so
//! that neither a broken nor a malicious package costs more than the limits say.

mod tar;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use liblzma::read::XzDecoder;
use liblzma::stream::Stream;
use miette::Diagnostic;
use thiserror::Error;

use self::tar::read_tar;
use crate::exit::{Exit, ExitKind};

const AR_MAGIC: &[u8; 8] = b"!<arch>\n";

/// What a package may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one unpacked tar archive.
    pub archive: u64,
    /// Bytes of one file whose contents are kept.
    pub file: u64,
    /// Bytes of all files whose contents are kept.
    pub kept: u64,
    /// Files in one tar archive.
    pub files: usize,
    /// Bytes of a path or a control file.
    pub text: u64,
    /// Bytes of memory for a decompressor.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive: 8 << 30,
            file: 1 << 30,
            kept: 2 << 30,
            files: 1_000_000,
            text: 1 << 20,
            memory: 256 << 20,
        }
    }
}

/// Why a package could not be read.
#[derive(Debug, Error, Diagnostic)]
pub enum DebError {
    /// The file itself can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The package.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else.
    #[error("it is not a .deb: {0}")]
    NotDeb(&'static str),
    /// It is broken.
    #[error("the .deb is malformed: {0}")]
    Malformed(String),
    /// It exceeds a limit.
    #[error("the .deb is refused: {0}")]
    TooLarge(&'static str),
}

impl ExitKind for DebError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::NotDeb(_) => Exit::Usage,
            Self::Malformed(_) | Self::TooLarge(_) => Exit::CheckFailed,
        }
    }
}

fn malformed(what: impl Into<String>) -> DebError {
    DebError::Malformed(what.into())
}

/// What a file of a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink(String),
    /// Another name of a file of the package.
    Hardlink(String),
    /// A device, a pipe or something unknown.
    Other,
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct PackageFile {
    /// Its path without `./` at the start and without `/` at the end.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Time of modification, in seconds since 1970.
    pub mtime: u64,
    /// Size in bytes.
    pub size: u64,
    /// Its contents, where the caller wanted them.
    pub contents: Option<Vec<u8>>,
}

/// A package.
#[derive(Debug)]
pub struct Deb {
    /// The fields of its control file; continuation lines are joined with line feeds.
    pub control: BTreeMap<String, String>,
    /// The files beside the control file: maintainer scripts, conffiles, triggers, checksums. All have contents.
    pub control_files: Vec<PackageFile>,
    /// The files that it installs, in its order.
    pub files: Vec<PackageFile>,
}

/// Reads a package. `wanted` decides, by path, whose contents are kept.
pub fn read_path(
    path: &Path,
    limits: &Limits,
    wanted: impl FnMut(&str) -> bool,
) -> Result<Deb, DebError> {
    let file = File::open(path).map_err(|source| DebError::Read {
        path: path.to_owned(),
        source,
    })?;
    read(BufReader::new(file), limits, wanted)
}

/// Reads a package from a stream.
pub fn read(
    mut deb: impl Read,
    limits: &Limits,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<Deb, DebError> {
    let mut magic = [0; 8];
    if deb.read_exact(&mut magic).is_err() || magic != *AR_MAGIC {
        return Err(DebError::NotDeb("it does not start like an ar archive"));
    }
    let version = Member::next(&mut deb)?.filter(|member| member.name == "debian-binary");
    let version = version.ok_or(DebError::NotDeb("its first member is not debian-binary"))?;
    let mut text = Vec::new();
    version
        .contents(&mut deb)
        .take(64)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if !text.starts_with(b"2.") {
        return Err(DebError::NotDeb("the version of its format is not 2"));
    }
    version.finish(&mut deb, text.len() as u64)?;

    let mut control = None;
    let mut files = None;
    while let Some(member) = Member::next(&mut deb)? {
        let (stem, compression) = member.name.split_once(".tar").unwrap_or((&member.name, ""));
        let mut contents = member.contents(&mut deb);
        match stem {
            "control" if control.is_none() => {
                control = Some(read_tar(
                    decoder(&mut contents, compression, limits)?,
                    limits,
                    &mut |_| true,
                )?);
            }
            "data" if files.is_none() => {
                files = Some(read_tar(
                    decoder(&mut contents, compression, limits)?,
                    limits,
                    &mut wanted,
                )?);
            }
            "control" | "data" => return Err(malformed(format!("it has two members {stem}"))),
            _ if member.name.starts_with('_') => {} // the format lets tools add members with such names
            _ => return Err(malformed(format!("it has a member `{}`", member.name))),
        }
        let left = contents.limit();
        member.finish(&mut deb, member.size - left)?;
    }
    let mut control_files = control.ok_or_else(|| malformed("it has no control.tar"))?;
    let files = files.ok_or_else(|| malformed("it has no data.tar"))?;
    let at = control_files
        .iter()
        .position(|file| file.path == "control" && file.kind == Kind::File);
    let at = at.ok_or_else(|| malformed("it has no control file"))?;
    let text = control_files.remove(at).contents.unwrap_or_default();
    let text = String::from_utf8(text).map_err(|_| malformed("its control file is not UTF-8"))?;
    Ok(Deb {
        control: control_fields(&text)?,
        control_files,
        files,
    })
}

fn unreadable(source: io::Error) -> DebError {
    malformed(source.to_string())
}

/// A member of the ar archive.
struct Member {
    name: String,
    size: u64,
}

impl Member {
    /// Reads the next header.
    fn next(deb: &mut impl Read) -> Result<Option<Self>, DebError> {
        let mut header = Vec::new();
        deb.by_ref()
            .take(60)
            .read_to_end(&mut header)
            .map_err(unreadable)?;
        if header.is_empty() {
            return Ok(None);
        }
        let field = |range: std::ops::Range<usize>| {
            header
                .get(range)
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
        };
        let (Some(name), Some(size), Some("`\n")) = (field(0..16), field(48..58), field(58..60))
        else {
            return Err(malformed("an ar header is broken"));
        };
        let size = size
            .trim_end()
            .parse()
            .map_err(|_| malformed("an ar header has no size"))?;
        let name = name.trim_end().trim_end_matches('/').to_owned();
        Ok(Some(Self { name, size }))
    }

    fn contents<'a, R: Read>(&self, deb: &'a mut R) -> io::Take<&'a mut R> {
        deb.take(self.size)
    }

    /// Skips what is left of it, and the byte that makes its size even.
    fn finish(&self, deb: &mut impl Read, taken: u64) -> Result<(), DebError> {
        let left = self.size.saturating_sub(taken);
        let skipped =
            io::copy(&mut deb.by_ref().take(left), &mut io::sink()).map_err(unreadable)?;
        if skipped < left {
            return Err(malformed(format!(
                "the member `{}` ends too early",
                self.name
            )));
        }
        // The last member's padding may be missing.
        io::copy(&mut deb.by_ref().take(self.size % 2), &mut io::sink()).map_err(unreadable)?;
        Ok(())
    }
}

fn decoder<'a>(
    source: impl Read + 'a,
    compression: &str,
    limits: &Limits,
) -> Result<Box<dyn Read + 'a>, DebError> {
    let decoder: Box<dyn Read + 'a> = match compression {
        "" => Box::new(source),
        ".gz" => Box::new(flate2::read::GzDecoder::new(source)),
        ".xz" => {
            let stream = Stream::new_stream_decoder(limits.memory, 0)
                .map_err(|e| malformed(e.to_string()))?;
            Box::new(XzDecoder::new_stream(source, stream))
        }
        ".zst" => {
            let mut decoder = zstd::Decoder::new(source).map_err(unreadable)?;
            decoder
                .window_log_max(limits.memory.max(1 << 10).ilog2().min(31))
                .map_err(unreadable)?;
            Box::new(decoder)
        }
        other => {
            return Err(malformed(format!(
                "its members are compressed as `{other}`"
            )));
        }
    };
    Ok(decoder)
}

fn control_fields(text: &str) -> Result<BTreeMap<String, String>, DebError> {
    let mut fields = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            let value = last.as_ref().and_then(|name| fields.get_mut(name));
            let value: &mut String = value
                .ok_or_else(|| malformed("its control file starts with a continuation line"))?;
            value.push('\n');
            value.push_str(line);
        } else {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| malformed(format!("its control file has a line `{line}`")))?;
            if fields
                .insert(name.to_owned(), value.trim().to_owned())
                .is_some()
            {
                return Err(malformed(format!("its control file has two fields {name}")));
            }
            last = Some(name.to_owned());
        }
    }
    Ok(fields)
}
