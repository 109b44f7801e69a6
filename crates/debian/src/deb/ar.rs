//! The ar archive that a package is, read as dpkg reads it: `debian-binary`, `control.tar`, `data.tar`, in this order.

use std::io::{self, Read};
use std::ops::Range;

use super::reader::{DebError, malformed, text, unreadable, unsupported};

pub(super) const MAGIC: &[u8; 8] = b"!<arch>\n";
/// How many bytes of `debian-binary` are read.
const VERSION: u64 = 64;

/// A member of the archive.
pub(super) struct Member {
    /// Its name without padding.
    pub(super) name: String,
    header: Vec<u8>,
    size: u64,
}

/// Reads the bytes that every ar archive starts with.
fn magic(deb: &mut impl Read) -> Result<(), DebError> {
    let mut magic = [0; 8];
    match deb.read_exact(&mut magic).is_ok() && magic == *MAGIC {
        true => Ok(()),
        false => Err(DebError::NotDeb("it does not start like an ar archive")),
    }
}

/// Reads the start of the archive, and `debian-binary`.
pub(super) fn start(deb: &mut impl Read) -> Result<(), DebError> {
    magic(deb)?;
    let version = next(deb)?.filter(|member| member.name == "debian-binary");
    let version = version.ok_or(DebError::NotDeb("its first member is not debian-binary"))?;
    let mut text = Vec::new();
    let mut contents = version.contents(deb);
    let read = contents
        .by_ref()
        .take(VERSION)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if !text.starts_with(b"2.") {
        return Err(DebError::NotDeb("the version of its format is not 2"));
    }
    version.skip_from(deb, read as u64)
}

/// Reads the next header.
pub(super) fn next(deb: &mut impl Read) -> Result<Option<Member>, DebError> {
    let mut header = Vec::new();
    deb.by_ref()
        .take(60)
        .read_to_end(&mut header)
        .map_err(unreadable)?;
    if header.is_empty() {
        return Ok(None);
    }
    let field = |range: Range<usize>| header.get(range).unwrap_or_default();
    if field(58..60) != b"`\n" {
        return Err(malformed("an ar header is broken"));
    }
    let size = std::str::from_utf8(field(48..58)).unwrap_or_default();
    let size = size.trim_end_matches(' ').parse();
    let name = text(field(0..16));
    let name = name.trim_end_matches(' ');
    Ok(Some(Member {
        name: name.strip_suffix('/').unwrap_or(name).to_owned(),
        size: size.map_err(|_| malformed("an ar header has no size"))?,
        header,
    }))
}

/// All members of an archive in memory, each with its contents.
pub(super) fn members(archive: &[u8]) -> Result<Vec<(Member, &[u8])>, DebError> {
    let mut rest = archive;
    magic(&mut rest)?;
    let mut found = Vec::new();
    while let Some(member) = next(&mut rest)? {
        let contents = rest;
        member.skip(&mut rest)?;
        let size = member.size as usize; // they were there to be skipped
        found.push((member, &contents[..size]));
    }
    Ok(found)
}

/// Reads the members behind `data.tar`, which dpkg ignores. A second archive among them is refused, because other readers
/// take that one.
pub(super) fn nothing_else_is_meant(deb: &mut impl Read) -> Result<(), DebError> {
    while let Ok(Some(member)) = next(deb) {
        if let Some((part, _)) = member.part() {
            return Err(unsupported(format!(
                "a second member {part}.tar follows data.tar; dpkg leaves it out and other readers take it"
            )));
        }
        if member.skip(deb).is_err() {
            break; // dpkg does not even read it
        }
    }
    Ok(())
}

impl Member {
    /// Which of the two archives it is, with the compression as the end of its name.
    pub(super) fn part(&self) -> Option<(&str, &str)> {
        let parts = [("control", "control.tar"), ("data", "data.tar")];
        parts
            .into_iter()
            .find_map(|(part, start)| Some((part, self.name.strip_prefix(start)?)))
    }

    /// Whether the format lets a reader skip it.
    pub(super) fn may_be_skipped(&self) -> bool {
        self.name.starts_with('_')
    }

    pub(super) fn out_of_place(&self, wanted: &str) -> DebError {
        malformed(format!("a member `{}` comes before {wanted}", self.name))
    }

    pub(super) fn too_short(&self) -> DebError {
        malformed(format!("the member `{}` ends too early", self.name))
    }

    pub(super) fn contents<'a, R: Read>(&self, deb: &'a mut R) -> io::Take<&'a mut R> {
        deb.take(self.size)
    }

    /// Appends a member with this one's time, owner and mode to an archive.
    pub(super) fn append(&self, archive: &mut Vec<u8>, name: &str, contents: &[u8]) {
        archive.extend_from_slice(format!("{name:<16}").as_bytes());
        archive.extend_from_slice(&self.header[16..48]);
        archive.extend_from_slice(format!("{:<10}`\n", contents.len()).as_bytes());
        archive.extend_from_slice(contents);
        if contents.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }

    /// Moves on to the next header.
    pub(super) fn skip(&self, deb: &mut impl Read) -> Result<(), DebError> {
        self.skip_from(deb, 0)
    }

    fn skip_from(&self, deb: &mut impl Read, taken: u64) -> Result<(), DebError> {
        let left = self.size.saturating_sub(taken);
        let skipped =
            io::copy(&mut deb.by_ref().take(left), &mut io::sink()).map_err(unreadable)?;
        if skipped < left {
            return Err(self.too_short());
        }
        self.padding(deb)
    }

    /// Skips the byte that makes its size even. The last member's may be missing.
    pub(super) fn padding(&self, deb: &mut impl Read) -> Result<(), DebError> {
        io::copy(&mut deb.by_ref().take(self.size % 2), &mut io::sink()).map_err(unreadable)?;
        Ok(())
    }
}
