//! The tar archives of a package. What dpkg, GNU tar and others read in different ways is refused: sparse files, entries
//! with a size that have no contents, two names for one entry, anything behind the end of the archive.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read};

use ::tar::{Archive, Entry, EntryType, Header};

use super::{
    DebError, HEAD, Kind, Limits, PackageFile, Wanted, malformed, text, unreadable, unsupported,
};

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
    wanted: &mut Wanted<'_>,
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

/// The names and sizes that records before an entry give it.
#[derive(Default)]
struct Given {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads the entries. Long names are put together here: the tar crate would read them into memory without a limit.
fn read_entries(
    source: impl Read,
    limits: &Limits,
    wanted: &mut Wanted<'_>,
) -> Result<Vec<PackageFile>, DebError> {
    let mut archive = Archive::new(source);
    let mut files: Vec<PackageFile> = Vec::new();
    let mut by_path: HashMap<String, usize> = HashMap::new();
    let mut kept = 0u64;
    let mut given = Given::default();
    let mut pending = false;
    for entry in archive.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        if files.len() >= limits.files {
            return Err(DebError::TooLarge("it has too many files"));
        }
        pending = given.take(&mut entry, limits)?;
        if pending {
            continue;
        }
        let mut file = described(&entry, std::mem::take(&mut given))?;
        if let Kind::Hardlink { target, file } = &mut file.kind {
            // What the first name of a chain means is known by the time that the others come.
            *file = by_path
                .get(target.as_str())
                .and_then(|at| match files.get(*at)?.kind {
                    Kind::File => Some(*at),
                    Kind::Hardlink { file, .. } => file,
                    _ => None,
                });
        }
        if file.kind == Kind::File {
            file.contents = contents(&mut entry, &file, limits, &mut kept, wanted)?;
        }
        by_path.insert(file.path.clone(), files.len());
        files.push(file);
    }
    if pending {
        return Err(malformed("it ends behind a long name"));
    }
    only_zeros(archive.into_inner())?;
    Ok(files)
}

/// Reads what follows the archive's end, without which the compressed stream would not be checked to its own.
fn only_zeros(mut rest: impl Read) -> Result<(), DebError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = rest.read(&mut buffer).map_err(unreadable)?;
        match buffer.get(..count) {
            None | Some([]) => return Ok(()),
            Some(bytes) if bytes.iter().all(|byte| *byte == 0) => {}
            Some(_) => {
                return Err(unsupported(
                    "something follows the end of the tar archive, which dpkg leaves out and other readers may take",
                ));
            }
        }
    }
}

impl Given {
    /// Takes a record that describes the next entry. Returns whether the entry is one.
    fn take(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        limits: &Limits,
    ) -> Result<bool, DebError> {
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = read_name(entry, limits)?;
                once(&mut self.path, name)?;
            }
            EntryType::GNULongLink => {
                let name = read_name(entry, limits)?;
                once(&mut self.link, name)?;
            }
            kind @ (EntryType::XHeader | EntryType::XGlobalHeader) => {
                let bytes = read_bytes(entry, limits.text)?;
                for (key, value) in pax_records(&bytes)? {
                    self.record(key, value, kind == EntryType::XGlobalHeader)?;
                }
                return Ok(true);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes a record of a pax header.
    fn record(&mut self, key: &[u8], value: &[u8], global: bool) -> Result<(), DebError> {
        match key {
            _ if key.starts_with(b"GNU.sparse.") => return Err(sparse("a file")),
            b"path" | b"linkpath" | b"size" if global => {
                return Err(unsupported(format!(
                    "a global pax header gives all files one {}",
                    text(key)
                )));
            }
            b"path" => once(&mut self.path, value.to_vec())?,
            b"linkpath" => once(&mut self.link, value.to_vec())?,
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                self.size = Some(size.ok_or_else(|| malformed("a pax header has no size"))?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn once(slot: &mut Option<Vec<u8>>, name: Vec<u8>) -> Result<(), DebError> {
    match slot.replace(name) {
        None => Ok(()),
        Some(_) => Err(unsupported("an entry has two long names")),
    }
}

fn sparse(what: &str) -> DebError {
    unsupported(format!(
        "{what} is sparse: dpkg does not install it, though dpkg-deb, which calls tar, unpacks it"
    ))
}

/// An entry without its contents.
fn described(entry: &Entry<'_, impl Read>, given: Given) -> Result<PackageFile, DebError> {
    let header = entry.header();
    let name = given.path.unwrap_or_else(|| header.path_bytes().into());
    let link = given
        .link
        .or_else(|| Some(header.link_name_bytes()?.into()))
        .unwrap_or_default();
    let path = path(&name)?;
    let size = entry.size();
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(text(&link)),
        EntryType::Link => Kind::Hardlink {
            target: self::path(&link)?,
            file: None,
        },
        EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Device,
        EntryType::GNUSparse => return Err(sparse(&format!("`{path}`"))),
        other => {
            return Err(unsupported(format!(
                "`{path}` is of a type that dpkg does not know (`{}`)",
                text(&[other.as_byte()])
            )));
        }
    };
    if kind != Kind::File && size != 0 {
        return Err(unsupported(format!(
            "`{path}` has a size but is no regular file, which readers take in different ways"
        )));
    }
    if given.size.is_some_and(|given| given != size) {
        return Err(unsupported(format!(
            "the size of `{path}` is another one in its pax header"
        )));
    }
    let number = |what: &str, value: io::Result<u64>| {
        value.map_err(|_| malformed(format!("the {what} of `{path}` is broken")))
    };
    Ok(PackageFile {
        mode: header_mode(header, &path)?,
        uid: number("owner", header.uid())?,
        gid: number("group", header.gid())?,
        mtime: number("time", header.mtime())?,
        size,
        kind,
        path,
        contents: None,
    })
}

/// The contents of a regular file, where they are wanted.
fn contents(
    entry: &mut Entry<'_, impl Read>,
    file: &PackageFile,
    limits: &Limits,
    kept: &mut u64,
    wanted: &mut Wanted<'_>,
) -> Result<Option<Vec<u8>>, DebError> {
    let mut bytes = Vec::new();
    entry
        .by_ref()
        .take(HEAD as u64)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if !wanted(&file.path, &bytes) {
        return Ok(None);
    }
    if file.size > limits.file {
        return Err(DebError::TooLarge("a file in it is too large"));
    }
    *kept = kept.saturating_add(file.size);
    if *kept > limits.kept {
        return Err(DebError::TooLarge(
            "the files to look at are too large together",
        ));
    }
    bytes.append(&mut read_bytes(entry, limits.file)?);
    match bytes.len() as u64 == file.size {
        true => Ok(Some(bytes)),
        false => Err(malformed(format!("`{}` ends too early", file.path))),
    }
}

/// A path from the root, without what means nothing in it.
fn path(name: &[u8]) -> Result<String, DebError> {
    let name = text(name);
    let parts: Vec<&str> = name
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    match parts.contains(&"..") {
        true => Err(unsupported(format!("the path `{name}` leads upwards"))),
        false => Ok(parts.join("/")),
    }
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

/// A long name, which ends where tar's end: at the first zero.
fn read_name(entry: &mut impl Read, limits: &Limits) -> Result<Vec<u8>, DebError> {
    let mut bytes = read_bytes(entry, limits.text)?;
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    Ok(bytes)
}

/// A keyword and its value.
type PaxRecord<'a> = (&'a [u8], &'a [u8]);

/// The records `LENGTH KEY=VALUE\n` of a pax header. A value may be any bytes.
fn pax_records(mut bytes: &[u8]) -> Result<Vec<PaxRecord<'_>>, DebError> {
    let broken = || malformed("a pax header is broken");
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ');
        let space = space.ok_or_else(broken)?;
        let size = std::str::from_utf8(&bytes[..space]).ok();
        let size: usize = size.and_then(|size| size.parse().ok()).ok_or_else(broken)?;
        let record = bytes.get(space + 1..size).ok_or_else(broken)?;
        let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
        let equals = record.iter().position(|byte| *byte == b'=');
        let (key, value) = record.split_at(equals.ok_or_else(broken)?);
        records.push((key, &value[1..]));
        bytes = bytes.get(size..).ok_or_else(broken)?;
    }
    Ok(records)
}
