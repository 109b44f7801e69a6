//! Compresses a package in blocks, so that what many packages have in common is compressed once.
//!
//! An xz stream is a row of blocks, each compressed by itself. The library of a Postgres major differs between
//! distributions in a few bytes near its start, so its package is cut behind them: the small block in front is compressed
//! for each package, the rest is taken from the job that compressed it for all. The result is what
//! `xz -6 --threads=1 --block-list=…` makes of dpkg-deb's own, uncompressed archive, to the byte. Where blocks end depends on
//! sizes alone, so that as many are compressed at once as there are processors, to the same bytes on every machine.

use std::io::Write as _;
use std::path::Path;
use std::thread;

use flate2::Crc;
use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;
use miette::Diagnostic;
use thiserror::Error;

use super::ar::{self, Member};
use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::process;

/// The level that dpkg-deb compresses with by default.
const PRESET: u32 = 6;
/// The part of a library that may differ between distributions: its headers and string tables lie in it.
pub const HEAD: u64 = 64 * 1024;

const TAR_BLOCK: u64 = 512;
/// The magic bytes of an xz stream, and the flags of one whose check is CRC64.
const STREAM_MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const STREAM_FLAGS: &[u8] = &[0, 4];
const STREAM_END: &[u8] = b"YZ";
/// Bytes of a stream's header, and of its footer.
const FRAME: usize = 12;

/// What can't be put together.
#[derive(Debug, Error, Diagnostic)]
#[error("can't compress the package in blocks: {0}")]
#[diagnostic(help("this is a bug, or a new version of dpkg-deb or liblzma; please report it"))]
pub struct BlockError(String);

impl ExitKind for BlockError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

fn wrong(what: impl Into<String>) -> BlockError {
    BlockError(what.into())
}

/// Where an archive is cut into blocks.
pub enum Cuts {
    /// Around a file, which gets blocks of its own.
    Around {
        /// Its absolute path on the user's system.
        path: String,
        /// How much of its start is left to the block before.
        head: u64,
    },
    /// Every [`STRIDE`] bytes, without regard to the borders of files.
    Even,
}

/// The size of dpkg-deb's own blocks at this level.
const STRIDE: usize = 24 << 20;
/// The size of the blocks of a library: half of ours, so that two processors share it. The package becomes 2 % larger than
/// with one block.
const LIBRARY_STRIDE: usize = 20 << 20;

/// Compresses what the packages of a major share: its library without the first [`HEAD`] bytes, and its debug symbols. Each
/// piece becomes a file that is named by the digest of its contents.
pub fn share(library: &Path, debug: &Path, out: &Path) -> Result<String, Failure> {
    let (library, debug) = (files::read(library)?, files::read(debug)?);
    let body = library.get(HEAD as usize..).unwrap_or_default();
    let (library, debug) = (padded(body, library.len()), padded(&debug, debug.len()));
    let mut pieces: Vec<&[u8]> = library.chunks(LIBRARY_STRIDE).collect();
    pieces.push(&debug);
    let sizes = share_pieces(&pieces, out)?;
    let (debug, library) = sizes.split_last().unwrap_or((&0, &[]));
    Ok(format!(
        "library and debug symbols, {:.1} MB and {:.1} MB",
        library.iter().sum::<usize>() as f64 / 1e6,
        *debug as f64 / 1e6
    ))
}

/// Compresses the whole blocks that an archive begins with, for packages whose archives begin with the same files.
/// `package` is one that dpkg-deb left uncompressed.
pub fn share_beginning(package: &Path, out: &Path) -> Result<String, Failure> {
    let bytes = files::read(package)?;
    let members = members(&bytes)?;
    let data = members.iter().filter(|(member, _)| {
        let part = member.part();
        part.is_some_and(|(part, _)| part == "data")
    });
    let pieces: Vec<&[u8]> = data
        .flat_map(|(_, contents)| contents.chunks_exact(STRIDE))
        .collect();
    files::create_dir(out)?;
    let count = share_pieces(&pieces, out)?.len();
    Ok(format!("{count} blocks of {} MB", STRIDE / 1_000_000))
}

/// Compresses pieces to files that are named by their contents; their compressed sizes.
fn share_pieces(pieces: &[&[u8]], out: &Path) -> Result<Vec<usize>, Failure> {
    let mut sizes = Vec::new();
    for (piece, stream) in pieces.iter().zip(compress_all(pieces)?) {
        sizes.push(stream.len());
        files::write(&out.join(file_name(piece)), stream)?;
    }
    Ok(sizes)
}

/// With zeros up to the end of the tar block that a file of this length ends in.
fn padded(bytes: &[u8], file: usize) -> Vec<u8> {
    let more = (file as u64).next_multiple_of(TAR_BLOCK) as usize - file;
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len() + more, 0);
    bytes
}

fn file_name(piece: &[u8]) -> String {
    format!("{}.xz", Digest::of(piece))
}

/// Compresses a package that dpkg-deb left uncompressed, and returns how many blocks were there already. `shared` has
/// the output of [`share`].
pub fn repack(package: &Path, cuts: &Cuts, shared: &Path, to: &Path) -> Result<usize, Failure> {
    let bytes = files::read(package)?;
    let mut packed = ar::MAGIC.to_vec();
    let mut taken = 0;
    for (member, contents) in members(&bytes)? {
        let (name, contents) = match member.name.as_str() {
            "control.tar" => ("control.tar.xz", compress(contents)?),
            "data.tar" => {
                let mut streams = Vec::new();
                for piece in pieces(contents, cuts)? {
                    let known = shared.join(file_name(piece));
                    let stream = match known.exists() {
                        true => files::read(&known)?,
                        false => compress(piece)?,
                    };
                    taken += usize::from(known.exists());
                    streams.push(stream);
                }
                let blocks: Result<Vec<_>, _> = streams
                    .iter()
                    .map(|stream| Block::of_stream(stream))
                    .collect();
                ("data.tar.xz", join(&blocks?))
            }
            other => (other, contents.to_vec()),
        };
        member.append(&mut packed, name, &contents);
    }
    files::write(to, packed)?;
    Ok(taken)
}

fn members(package: &[u8]) -> Result<Vec<(Member, &[u8])>, BlockError> {
    ar::members(package).map_err(|error| wrong(format!("dpkg-deb's archive: {error}")))
}

/// A tar archive, cut.
fn pieces<'a>(archive: &'a [u8], cuts: &Cuts) -> Result<Vec<&'a [u8]>, Failure> {
    let Cuts::Around { path, head } = cuts else {
        return Ok(archive.chunks(STRIDE).collect());
    };
    let mut reader = tar::Archive::new(archive);
    let entries = reader
        .entries()
        .map_err(FileError::at("read", "data.tar"))?;
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", "data.tar"))?;
        if String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches('.') != path {
            continue;
        }
        let begin = entry.raw_file_position();
        let end = begin + entry.size().next_multiple_of(TAR_BLOCK);
        let body = (begin + head).min(end) as usize;
        let piece = |range: std::ops::Range<usize>| {
            let short = || wrong("a file ends behind the archive");
            archive.get(range).ok_or_else(short)
        };
        let library = piece(body..end as usize)?.chunks(LIBRARY_STRIDE);
        let mut all = vec![piece(0..body)?];
        all.extend(library);
        all.push(piece(end as usize..archive.len())?);
        return Ok(all);
    }
    Err(wrong("the file that should get a block of its own is not there").into())
}

/// A stream for each piece, in their order. The longest are not begun first: pieces are of one size, but for the last.
fn compress_all(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut streams = Vec::with_capacity(pieces.len());
    for some in pieces.chunks(process::jobs()) {
        let done = thread::scope(|scope| {
            let started: Vec<_> = some
                .iter()
                .map(|piece| scope.spawn(|| compress(piece)))
                .collect();
            let ended = started.into_iter().map(|thread| thread.join());
            ended.collect::<Vec<_>>()
        });
        for stream in done {
            streams.push(stream.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
    }
    Ok(streams)
}

/// A stream of one block.
fn compress(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let stream =
        Stream::new_easy_encoder(PRESET, Check::Crc64).map_err(|error| wrong(error.to_string()))?;
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
    Ok(done.map_err(|error| wrong(error.to_string()))?)
}

/// A compressed block, and what the index says of it.
struct Block<'a> {
    bytes: &'a [u8],
    unpadded: u64,
    uncompressed: u64,
}

impl<'a> Block<'a> {
    /// The only block of a stream.
    fn of_stream(stream: &'a [u8]) -> Result<Self, BlockError> {
        let malformed = || wrong("a compressed piece is not one block");
        let footer = stream.len().checked_sub(FRAME).ok_or_else(malformed)?;
        let size = stream.get(footer + 4..footer + 8).ok_or_else(malformed)?;
        // INVARIANT: a slice of four bytes is an array of four.
        let size = u32::from_le_bytes(size.try_into().unwrap_or_default()) as usize;
        let index = footer.checked_sub((size + 1) * 4).ok_or_else(malformed)?;
        let mut numbers = stream.get(index + 1..footer).ok_or_else(malformed)?;
        let (count, unpadded, uncompressed) = (
            number(&mut numbers).ok_or_else(malformed)?,
            number(&mut numbers).ok_or_else(malformed)?,
            number(&mut numbers).ok_or_else(malformed)?,
        );
        let bytes = stream.get(FRAME..index).ok_or_else(malformed)?;
        let whole = bytes.len() as u64 == unpadded.next_multiple_of(4);
        match count == 1 && whole && stream.starts_with(STREAM_MAGIC) {
            true => Ok(Self {
                bytes,
                unpadded,
                uncompressed,
            }),
            false => Err(malformed()),
        }
    }
}

/// Takes a number of variable length off the front: seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn push_number(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// One stream of these blocks.
fn join(blocks: &[Block<'_>]) -> Vec<u8> {
    let mut stream = [STREAM_MAGIC, STREAM_FLAGS, &crc32(STREAM_FLAGS)].concat();
    let mut index = vec![0];
    push_number(&mut index, blocks.len() as u64);
    for block in blocks {
        stream.extend_from_slice(block.bytes);
        push_number(&mut index, block.unpadded);
        push_number(&mut index, block.uncompressed);
    }
    index.resize(index.len().next_multiple_of(4), 0);
    let check = crc32(&index);
    index.extend_from_slice(&check);
    let size = (index.len() / 4 - 1) as u32;
    let footer = [&size.to_le_bytes(), STREAM_FLAGS].concat();
    stream.extend_from_slice(&index);
    stream.extend_from_slice(&crc32(&footer));
    stream.extend_from_slice(&footer);
    stream.extend_from_slice(STREAM_END);
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::process::Program;

    /// Bytes that don't compress to nothing, the same each time.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 26) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn the_blocks_are_those_of_the_xz_tool() {
        // Catches a wrong index or footer, and a compressor that differs from the one that everybody has.
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let bytes = noise(300_001);
        let parts = [&bytes[..70_000], &bytes[70_000..200_000], &bytes[200_000..]];
        let streams = parts.map(|part| compress(part).unwrap());
        let blocks: Vec<Block<'_>> = streams
            .iter()
            .map(|stream| Block::of_stream(stream).unwrap())
            .collect();
        let joined = join(&blocks);
        let args = [
            "-6",
            "--threads=1",
            "--block-list=70000,130000,0",
            "--stdout",
        ];
        let theirs = Program::new("xz").args(args).pipe(&bytes, &log).unwrap();
        assert!(
            joined == theirs,
            "{} and {} bytes",
            joined.len(),
            theirs.len()
        );
        let unpacked = Program::new("xz").arg("-d").pipe(&joined, &log).unwrap();
        assert!(unpacked == bytes);
        assert!(
            Block::of_stream(&joined).is_err(),
            "three blocks are not one"
        );
        assert!(Block::of_stream(&joined[..20]).is_err());
    }

    /// A library of two blocks; most of it is zeros, which compress in no time.
    fn two_blocks() -> Vec<u8> {
        let mut library = noise(300_000);
        library.resize(HEAD as usize + LIBRARY_STRIDE + 1000, 0);
        library
    }

    /// Builds a package with a library that starts with `head`, in blocks; returns it and how many blocks were shared.
    fn package(dir: &Path, head: u8, shared: &Path) -> (std::path::PathBuf, usize) {
        let tree = dir.join(format!("tree{head}"));
        let mut library = two_blocks();
        library[100] = head;
        files::write(&tree.join("usr/lib/x.so"), &library).unwrap();
        files::write(&tree.join("usr/share/doc/x/changelog"), vec![head; 999]).unwrap();
        files::write(
            &tree.join("DEBIAN/control"),
            "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n",
        )
        .unwrap();
        let plain = dir.join(format!("plain{head}.deb"));
        Program::new("dpkg-deb")
            .args(["-Znone", "--root-owner-group", "--build"])
            .args([tree.as_os_str(), plain.as_os_str()])
            .run(&dir.join("log"))
            .unwrap();
        let cuts = Cuts::Around {
            path: "/usr/lib/x.so".into(),
            head: HEAD,
        };
        let deb = dir.join(format!("x{head}.deb"));
        let taken = repack(&plain, &cuts, shared, &deb).unwrap();
        (deb, taken)
    }

    #[test]
    fn what_packages_share_is_compressed_once_and_dpkg_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let [library, debug, shared] =
            ["library", "debug", "shared"].map(|name| dir.path().join(name));
        files::write(&library, two_blocks()).unwrap();
        files::write(&debug, "debug").unwrap();
        share(&library, &debug, &shared).unwrap();
        for head in [1, 2] {
            let (deb, taken) = package(dir.path(), head, &shared);
            assert_eq!(taken, 2, "the library's body was compressed again");
            let (alone, none) = package(dir.path(), head, &dir.path().join("nothing"));
            assert_eq!(none, 0);
            assert!(files::read(&deb).unwrap() == files::read(&alone).unwrap());
            let to = dir.path().join("unpacked");
            Program::new("dpkg-deb")
                .args(["--extract".as_ref(), deb.as_os_str(), to.as_os_str()])
                .run(&dir.path().join("log"))
                .unwrap();
            let mut library = two_blocks();
            library[100] = head;
            assert!(files::read(&to.join("usr/lib/x.so")).unwrap() == library);
            Program::new("dpkg-deb")
                .args(["--info".as_ref(), deb.as_os_str()])
                .run(&dir.path().join("log"))
                .unwrap();
        }
    }

    #[test]
    fn cut_evenly_the_blocks_are_dpkg_debs_and_a_common_beginning_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let build = |name: &str, compression: &str, changelog: Option<&str>| {
            let tree = dir.path().join("tree");
            let _ = std::fs::remove_dir_all(&tree);
            let at = |path: &str| tree.join(path);
            files::write(&at("usr/lib/x"), vec![7; STRIDE + 1000]).unwrap();
            if let Some(changelog) = changelog {
                files::write(&at("usr/share/doc/x/changelog"), changelog).unwrap();
            }
            let control = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n";
            files::write(&at("DEBIAN/control"), control).unwrap();
            let deb = dir.path().join(name);
            let script = "find \"$1\" -exec touch --date=@0 {} +; dpkg-deb $2 --root-owner-group --build \"$1\" \"$3\"";
            Program::new("sh")
                .args(["-c", script, "sh"])
                .args([tree.as_os_str(), compression.as_ref(), deb.as_os_str()])
                .env("SOURCE_DATE_EPOCH", "0")
                .run(&dir.path().join("log"))
                .unwrap();
            deb
        };
        let shared = dir.path().join("shared");
        share_beginning(&build("common", "-Znone", None), &shared).unwrap();
        let plain = build("plain", "-Znone", Some("changes"));
        let ours = dir.path().join("ours.deb");
        assert_eq!(repack(&plain, &Cuts::Even, &shared, &ours).unwrap(), 1);
        let theirs = build("theirs", "-Zxz", Some("changes"));
        let data = |deb: &Path| {
            let program = Program::new("dpkg-deb").arg("--fsys-tarfile").arg(deb);
            program.output(&dir.path().join("log")).unwrap()
        };
        assert!(data(&ours) == data(&theirs));
        let blocks = |deb: &Path| {
            let bytes = files::read(deb).unwrap();
            let data = members(&bytes).unwrap()[2].1.to_vec();
            let list = Program::new("sh").args([
                "-c",
                "cat > \"$1\"; xz --list --robot \"$1\" | grep ^file",
                "sh",
            ]);
            let file = dir.path().join("data.tar.xz");
            let list = list.arg(file).pipe(&data, &dir.path().join("log")).unwrap();
            String::from_utf8(list)
                .unwrap()
                .split('\t')
                .nth(2)
                .map(str::to_owned)
        };
        assert_eq!(blocks(&ours), blocks(&theirs));
    }

    #[test]
    fn a_file_to_cut_at_that_is_missing_is_an_error() {
        let cuts = Cuts::Around {
            path: "/usr/lib/other.so".into(),
            head: 0,
        };
        assert!(pieces(&[0; 1024], &cuts).is_err());
    }
}
