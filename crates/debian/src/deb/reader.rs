//! Reads a `.deb`: its control fields, its list of files, and the contents of those that the caller wants.
//!
//! The package may come from anywhere. Everything is streamed, nothing is unpacked to disk, and each size has a limit, so
//! that neither a broken nor a malicious package costs more than the limits say.
//!
//! A package is read as dpkg reads it, or it is refused. Where dpkg, tar and other readers would see different files,
//! nothing says which of them is installed, so such a package is refused too.

mod control;
mod decoder;
mod listing;
mod tar;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use self::tar::read_tar;
use super::ar::{self, Member};
use base::deb822::Stanza;
use base::exit::{Exit, ExitKind};

pub use listing::{ListingError, confirm};

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
        /// The package, as the user named it.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It is something else.
    #[error("it is not a .deb: {0}")]
    NotDeb(&'static str),
    /// The package breaks the format, so that dpkg would refuse it too.
    #[error("the .deb is malformed: {0}")]
    Malformed(String),
    /// dpkg or tar may take it, but it is not read here, or not everybody would read the same in it.
    #[error("the .deb is refused: {0}")]
    Unsupported(String),
    /// It exceeds a limit.
    #[error("the .deb is refused: {0}")]
    TooLarge(&'static str),
}

impl ExitKind for DebError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::NotDeb(_) => Exit::Usage,
            Self::Malformed(_) | Self::Unsupported(_) | Self::TooLarge(_) => Exit::CheckFailed,
        }
    }
}

pub(super) fn malformed(what: impl Into<String>) -> DebError {
    DebError::Malformed(what.into())
}

pub(super) fn unsupported(what: impl Into<String>) -> DebError {
    DebError::Unsupported(what.into())
}

pub(super) fn unreadable(source: io::Error) -> DebError {
    malformed(source.to_string())
}

/// What a file of a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file with contents of its own.
    File,
    /// A directory, which other packages may share.
    Directory,
    /// A symbolic link, with its target as the archive has it.
    Symlink(String),
    /// Another name of a file.
    Hardlink {
        /// The path of the file, as the archive has it.
        target: String,
        /// The regular file in [`Deb::files`] that it means in the end; `None` where the package has no such file, so that
        /// dpkg takes one of the installed system.
        file: Option<usize>,
    },
    /// A device or a pipe.
    Device,
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct PackageFile {
    /// Its path without `./` at the start and without `/` at the end. Bytes that are not text are written as `\xNN`.
    pub path: String,
    /// Its type, with the target of a link.
    pub kind: Kind,
    /// The permission bits, without the type.
    pub mode: u32,
    /// The numeric id of the owner.
    pub uid: u64,
    /// The numeric id of the group.
    pub gid: u64,
    /// Time of modification, in seconds since 1970.
    pub mtime: u64,
    /// The size of its contents in bytes.
    pub size: u64,
    /// Its contents, where the caller wanted them.
    pub contents: Option<Vec<u8>>,
}

/// A package that was read to its end and not refused.
#[derive(Debug)]
pub struct Deb {
    /// The fields of its control file.
    pub control: Stanza,
    /// The files beside the control file: maintainer scripts, conffiles, triggers, checksums. All have contents.
    pub control_files: Vec<PackageFile>,
    /// The files that it installs, in its order.
    pub files: Vec<PackageFile>,
}

impl Deb {
    /// A field of the control file.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.control.get(name)
    }

    /// The contents that a file has once the package is unpacked, where they were wanted: a hard link has its target's.
    pub fn contents<'a>(&'a self, file: &'a PackageFile) -> Option<&'a [u8]> {
        let holder = match file.kind {
            Kind::Hardlink { file, .. } => self.files.get(file?)?,
            _ => file,
        };
        holder.contents.as_deref()
    }
}

/// Decides by its path and by its first bytes (at most [`HEAD`]) whether a file's contents are kept.
pub type Wanted<'w> = dyn FnMut(&str, &[u8]) -> bool + 'w;

/// How many of a file's first bytes are shown to [`Wanted`].
pub const HEAD: usize = 16;

/// Reads a package. `wanted` decides whose contents are kept.
pub fn read_path(
    path: &Path,
    limits: &Limits,
    wanted: impl FnMut(&str, &[u8]) -> bool,
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
    mut wanted: impl FnMut(&str, &[u8]) -> bool,
) -> Result<Deb, DebError> {
    ar::start(&mut deb)?;
    let mut control_files = loop {
        let member = ar::next(&mut deb)?.ok_or_else(|| malformed("it has no control.tar"))?;
        match member.part() {
            Some(("control", compression)) => {
                let keep = &mut |_: &str, _: &[u8]| true;
                break read_part(&member, compression, &mut deb, limits, keep)?;
            }
            _ if member.may_be_skipped() => member.skip(&mut deb)?,
            _ => return Err(member.out_of_place("control.tar")),
        }
    };
    let files = loop {
        let member = ar::next(&mut deb)?.ok_or_else(|| malformed("it has no data.tar"))?;
        match member.part() {
            Some(("data", compression)) => {
                break read_part(&member, compression, &mut deb, limits, &mut wanted)?;
            }
            Some(_) => return Err(malformed("it has two members control.tar")),
            None if member.may_be_skipped() => member.skip(&mut deb)?,
            None => return Err(member.out_of_place("data.tar")),
        }
    };
    ar::nothing_else_is_meant(&mut deb)?;
    let at = control_files
        .iter()
        .rposition(|file| file.path == "control" && file.kind == Kind::File);
    let at = at.ok_or_else(|| malformed("it has no control file"))?;
    let text = control_files.remove(at).contents.unwrap_or_default();
    Ok(Deb {
        control: control::stanza(&String::from_utf8_lossy(&text))?,
        control_files,
        files,
    })
}

/// Reads one of the two tar archives, to the last byte of its member.
fn read_part(
    member: &Member,
    compression: &str,
    deb: &mut impl Read,
    limits: &Limits,
    wanted: &mut Wanted<'_>,
) -> Result<Vec<PackageFile>, DebError> {
    let mut source = BufReader::new(member.contents(deb));
    let files = read_tar(
        decoder::decoder(&mut source, compression, limits)?,
        limits,
        wanted,
    )
    .map_err(|error| error.within(&member.name))?;
    if !source.fill_buf().map_err(unreadable)?.is_empty() {
        return Err(unsupported(format!(
            "something follows the end of the compressed archive in `{}`",
            member.name
        )));
    }
    match source.into_inner().limit() {
        0 => member.padding(deb)?,
        _ => return Err(member.too_short()),
    }
    Ok(files)
}

impl DebError {
    /// Says in which member something is wrong.
    fn within(self, member: &str) -> Self {
        match self {
            Self::Malformed(what) => Self::Malformed(format!("{member}: {what}")),
            Self::Unsupported(what) => Self::Unsupported(format!("{member}: {what}")),
            other => other,
        }
    }
}

/// Bytes as text: what is no text, and control characters, as `\xNN`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character.is_control() {
                true => text.push_str(&format!("\\x{:02x}", u32::from(character))),
                false => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
