//! The tar archives of a package.

use std::cell::Cell;
use std::io::{self, Read};

use ::tar::{Archive, EntryType, Header};

use super::{DebError, Kind, Limits, PackageFile, malformed, unreadable};

/// A stream that ends, with an error and a flag, where the limit is.
struct Limited<'a, R> {
    source: R,
    left: u64,
    exceeded: &'a Cell<bool>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded.set(true);
                return Err(io::Error::other("it unpacks to too much"));
            }
        }
        Ok(count)
    }
}

/// Reads a tar archive of limited size.
pub(super) fn read_tar(
    source: impl Read,
    limits: &Limits,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<PackageFile>, DebError> {
    let exceeded = Cell::new(false);
    let limited = Limited {
        source,
        left: limits.archive,
        exceeded: &exceeded,
    };
    let files = read_entries(limited, limits, wanted);
    if exceeded.get() {
        return Err(DebError::TooLarge("it unpacks to too much"));
    }
    files
}

/// Reads the entries. Long names are put together here: the tar crate would read them into memory whatever their size.
fn read_entries(
    source: impl Read,
    limits: &Limits,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<PackageFile>, DebError> {
    let mut archive = Archive::new(source);
    let mut files = Vec::new();
    let mut kept = 0u64;
    let (mut long_name, mut long_link) = (None, None);
    for entry in archive.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        if files.len() >= limits.files {
            return Err(DebError::TooLarge("it has too many files"));
        }
        let size = entry.size();
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                long_name = Some(read_text(&mut entry, limits)?);
                continue;
            }
            EntryType::GNULongLink => {
                long_link = Some(read_text(&mut entry, limits)?);
                continue;
            }
            EntryType::XHeader => {
                let text = read_bytes(&mut entry, limits.text)?;
                for (key, value) in pax_records(&text)? {
                    match key {
                        "path" => long_name = Some(value.to_owned()),
                        "linkpath" => long_link = Some(value.to_owned()),
                        _ => {}
                    }
                }
                continue;
            }
            EntryType::XGlobalHeader => continue,
            _ => {}
        }
        let header = entry.header();
        let path = match long_name.take() {
            Some(path) => path,
            None => utf8(header.path_bytes().as_ref())?,
        };
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let link = match long_link.take() {
            Some(link) => link,
            None => utf8(header.link_name_bytes().unwrap_or_default().as_ref())?,
        };
        let number = |what: &str, value: io::Result<u64>| {
            value.map_err(|_| malformed(format!("the {what} of `{path}` is broken")))
        };
        let mut file = PackageFile {
            mode: header_mode(header, &path)?,
            uid: number("owner", header.uid())?,
            gid: number("group", header.gid())?,
            mtime: number("time", header.mtime())?,
            size,
            kind: match kind {
                EntryType::Regular | EntryType::Continuous => Kind::File,
                EntryType::Directory => Kind::Directory,
                EntryType::Symlink => Kind::Symlink(link),
                EntryType::Link => Kind::Hardlink(link),
                _ => Kind::Other,
            },
            path,
            contents: None,
        };
        if file.kind == Kind::File && wanted(&file.path) {
            if size > limits.file {
                return Err(DebError::TooLarge("a file in it is too large"));
            }
            kept = kept.saturating_add(size);
            if kept > limits.kept {
                return Err(DebError::TooLarge(
                    "the files to look at are too large together",
                ));
            }
            let contents = read_bytes(&mut entry, limits.file)?;
            if contents.len() as u64 != size {
                return Err(malformed(format!("`{}` ends too early", file.path)));
            }
            file.contents = Some(contents);
        }
        files.push(file);
    }
    // Whatever follows the archive's end has to be read too, or the compressed stream would not be checked to its end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
    Ok(files)
}

fn header_mode(header: &Header, path: &str) -> Result<u32, DebError> {
    header
        .mode()
        .map_err(|_| malformed(format!("the mode of `{path}` is broken")))
}

fn read_bytes(entry: &mut impl Read, limit: u64) -> Result<Vec<u8>, DebError> {
    let mut bytes = Vec::new();
    entry
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(DebError::TooLarge("a text in it is too long"));
    }
    Ok(bytes)
}

fn read_text(entry: &mut impl Read, limits: &Limits) -> Result<String, DebError> {
    let mut bytes = read_bytes(entry, limits.text)?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    utf8(&bytes)
}

fn utf8(bytes: &[u8]) -> Result<String, DebError> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("a path is not UTF-8"))?;
    Ok(text.to_owned())
}

/// The records `LENGTH KEY=VALUE\n` of a pax header.
fn pax_records(bytes: &[u8]) -> Result<Vec<(&str, &str)>, DebError> {
    let broken = || malformed("a pax header is broken");
    let mut text = std::str::from_utf8(bytes).map_err(|_| broken())?;
    let mut records = Vec::new();
    while !text.is_empty() {
        let (length, _) = text.split_once(' ').ok_or_else(broken)?;
        let size: usize = length.parse().map_err(|_| broken())?;
        let record = text.get(length.len() + 1..size).ok_or_else(broken)?;
        let record = record.strip_suffix('\n').ok_or_else(broken)?;
        records.push(record.split_once('=').ok_or_else(broken)?);
        text = text.get(size..).ok_or_else(broken)?;
    }
    Ok(records)
}
