//! The ar archive that a package is, read as dpkg reads it: `debian-binary`, `control.tar`, `data.tar`, in this order.

use std::io::{self, Read};
use std::ops::Range;

use super::{DebError, malformed, text, unreadable, unsupported};

const MAGIC: &[u8; 8] = b"!<arch>\n";
/// How many bytes of `debian-binary` are read.
const VERSION: u64 = 64;

/// A member of the archive.
pub(super) struct Member {
    /// Its name without padding.
    pub(super) name: String,
    size: u64,
}

/// Reads the start of the archive, and `debian-binary`.
pub(super) fn start(deb: &mut impl Read) -> Result<(), DebError> {
    let mut magic = [0; 8];
    if deb.read_exact(&mut magic).is_err() || magic != *MAGIC {
        return Err(DebError::NotDeb("it does not start like an ar archive"));
    }
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
    }))
}

/// Looks at what follows `data.tar`. dpkg does not, so anything may be there, but for a second archive: other readers take
/// that one.
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

    /// Skips it.
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
