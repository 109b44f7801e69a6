//! Packages: what archives can do beside holding files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::archive::{ar, compress, tar};
use crate::{bad, good, judged, verify};

const CONTROL: &[u8] =
    b"Package: odd\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@example.org>\nDescription: x\n";

/// A package whose parts are given one by one.
pub struct Odd {
    members: Vec<(String, Vec<u8>)>,
}

impl Odd {
    /// A package with a good control archive and a data archive, as it is compressed.
    fn new(compression: &str, data: Vec<u8>) -> Self {
        let control = compress(&tar(&[("./control", CONTROL)]), ".xz");
        Self {
            members: vec![
                ("debian-binary".into(), b"2.0\n".to_vec()),
                ("control.tar.xz".into(), control),
                (format!("data.tar{compression}"), data),
            ],
        }
    }

    /// A package with regular files.
    pub fn package(dir: &TempDir, files: &[(&str, &[u8])]) -> PathBuf {
        Self::new(".xz", compress(&tar(files), ".xz")).write(dir)
    }

    fn write(&self, dir: &TempDir) -> PathBuf {
        let members: Vec<(&str, &[u8])> = self
            .members
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let path = dir.path().join("odd.deb");
        fs::write(&path, ar(&members)).unwrap();
        path
    }
}

/// An entry of a tar archive.
struct Entry<'a> {
    kind: u8,
    path: &'a [u8],
    link: &'a str,
    size: u64,
    contents: &'a [u8],
}

fn file<'a>(path: &'a str, contents: &'a [u8]) -> Entry<'a> {
    Entry {
        kind: b'0',
        path: path.as_bytes(),
        link: "",
        size: contents.len() as u64,
        contents,
    }
}

fn link<'a>(kind: u8, path: &'a str, target: &'a str) -> Entry<'a> {
    Entry {
        kind,
        link: target,
        ..file(path, b"")
    }
}

/// A tar archive of any entries, ended as tar ends it.
fn entries(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for entry in entries {
        let mut header = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, entry.path);
        put(100, b"0000644\x000000000\x000000000\x00");
        put(124, format!("{:011o}\0", entry.size).as_bytes());
        put(136, b"00000000000\x00        ");
        put(156, &[entry.kind]);
        put(157, entry.link.as_bytes());
        put(257, b"ustar  \x00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(entry.contents);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn with_entries(dir: &TempDir, list: &[Entry<'_>]) -> PathBuf {
    Odd::new(".gz", compress(&entries(list), ".gz")).write(dir)
}

/// How many files dpkg-deb lists.
fn listed(path: &std::path::Path) -> usize {
    let output = Command::new("dpkg-deb")
        .arg("-c")
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).lines().count()
}

#[test]
fn every_compression_and_every_stream() {
    let dir = TempDir::new().unwrap();
    let (good, bad) = (good(&dir), bad(&dir));
    let whole = tar(&[
        ("./usr/lib/libone.so", &good),
        ("./usr/lib/libbad.so", &bad),
    ]);
    let half = 512 + good.len().next_multiple_of(512);
    for compression in ["", ".gz", ".xz", ".zst", ".bz2", ".lzma"] {
        let fine = compress(&tar(&[("./usr/lib/libone.so", &good)]), compression);
        judged(&Odd::new(compression, fine).write(&dir), 0, &["PASSED"]);
        if compression.is_empty() {
            continue;
        }
        let halves = [
            compress(&whole[..half], compression),
            compress(&whole[half..], compression),
        ];
        let path = Odd::new(compression, halves.concat()).write(&dir);
        let (code, text) = verify(&path, &[]);
        assert_eq!(code, 1, "{compression}: {text}");
        // Where dpkg reads one stream alone, nothing says which files are installed.
        let says = match listed(&path) {
            2 => "usr/lib/libbad.so",
            _ if compression == ".lzma" => "something follows the end",
            _ => "lists 1 files, and this tool sees 2",
        };
        assert!(text.contains(says), "{compression}: no `{says}` in {text}");
    }
    let path = Odd::new(".br", good.clone()).write(&dir);
    judged(&path, 1, &["dpkg knows no compression `.br`"]);
}

#[test]
fn what_follows_the_end() {
    let dir = TempDir::new().unwrap();
    let (good, bad) = (good(&dir), bad(&dir));
    let first = tar(&[("./usr/lib/libone.so", &good)]);
    let second = tar(&[("./usr/lib/libbad.so", &bad)]);
    // Another archive, which `tar -i` reads; and bytes behind the compressed stream.
    let path = Odd::new(
        ".xz",
        compress(&[first.clone(), second.clone()].concat(), ".xz"),
    );
    judged(
        &path.write(&dir),
        1,
        &["something follows the end of the tar archive"],
    );
    for compression in [".gz", ".xz", ".zst", ".bz2", ".lzma"] {
        let garbage = [compress(&first, compression), b"garbage!".to_vec()].concat();
        judged(
            &Odd::new(compression, garbage).write(&dir),
            1,
            &["can't judge"],
        );
    }
    // Members that dpkg leaves out, and one that it leaves out while others take it.
    let mut odd = Odd::new(".xz", compress(&first, ".xz"));
    odd.members.push(("sbom.json".into(), b"{}".to_vec()));
    odd.members.push(("_gpgorigin".into(), b"x".to_vec()));
    judged(&odd.write(&dir), 0, &["PASSED"]);
    odd.members
        .push(("data.tar.xz".into(), compress(&second, ".xz")));
    judged(&odd.write(&dir), 1, &["a second member data.tar"]);
    // GNU's and BSD's long names, and an order, that dpkg does not know.
    for (at, name) in [(1, "//"), (1, "#1/20"), (2, "notes.txt")] {
        let mut odd = Odd::new(".xz", compress(&first, ".xz"));
        odd.members.insert(at, (name.into(), b"x".to_vec()));
        judged(&odd.write(&dir), 1, &["comes before"]);
    }
    let mut odd = Odd::new(".xz", compress(&first, ".xz"));
    odd.members.insert(1, ("_skipped".into(), b"x".to_vec()));
    odd.members[0].0 = "debian-binary/".into();
    judged(&odd.write(&dir), 0, &["PASSED"]);
    odd.members.swap(2, 3);
    judged(
        &odd.write(&dir),
        1,
        &["a member `data.tar.xz` comes before control.tar"],
    );
}

#[test]
fn links() {
    let dir = TempDir::new().unwrap();
    let (good, bad) = (good(&dir), bad(&dir));
    // A chain of hard links, whose first name is no library's.
    let path = with_entries(
        &dir,
        &[
            file("./usr/lib/h/blob", &bad),
            link(b'1', "./usr/lib/h/other", "./usr/lib/h/blob"),
            link(b'1', "./usr/lib/h/libhard.so", "usr/lib//h/./other"),
            file("./usr/lib/h/libone.so", &good),
        ],
    );
    judged(
        &path,
        1,
        &["usr/lib/h/libhard.so", "usr/lib/h/blob", "FAILED: S9"],
    );
    // Files of other packages.
    let fine = || file("./usr/lib/libone.so", &good);
    let path = with_entries(
        &dir,
        &[
            fine(),
            link(b'1', "./usr/lib/libx.so", "./usr/lib/libothers.so"),
        ],
    );
    judged(
        &path,
        1,
        &["a hard link to `usr/lib/libothers.so`, which the package does not have"],
    );
    let path = with_entries(
        &dir,
        &[fine(), link(b'2', "./usr/lib/libx.so", "../../../opt/x.so")],
    );
    judged(
        &path,
        0,
        &["usr/lib/libx.so: a link to `../../../opt/x.so`, which the package does not have"],
    );
    let path = with_entries(
        &dir,
        &[
            fine(),
            link(b'2', "./usr/lib/postgresql/15/lib/pgml.so", "/opt/pgml.so"),
        ],
    );
    judged(&path, 1, &["pgml.so", "a link to `/opt/pgml.so`"]);
    let path = with_entries(
        &dir,
        &[
            fine(),
            link(b'2', "./usr/lib/libx.so", "liby.so"),
            link(b'2', "./usr/lib/liby.so", "/usr/lib/libone.so"),
            link(b'2', "./usr/lib/libround.so", "libround.so"),
        ],
    );
    let (code, text) = verify(&path, &[]);
    assert!(
        code == 0 && !text.contains("libx.so") && text.contains("libround.so"),
        "{text}"
    );
}

#[test]
fn what_is_named_like_a_library() {
    let dir = TempDir::new().unwrap();
    let good = good(&dir);
    let fine = || file("./usr/lib/libone.so", &good);
    for (entry, code, says) in [
        (
            file("./usr/lib/postgresql/15/lib/pgml.so", b""),
            1,
            "pgml.so FAILED: it can't be judged: it is empty",
        ),
        (
            file("./usr/lib/postgresql/15/lib/pgml.so", b"text\n"),
            1,
            "it can't be judged: a text",
        ),
        (
            file("./usr/lib/libcut.so.2", b"\x7fE"),
            1,
            "cut off after its first bytes",
        ),
        (
            file("./usr/lib/libcut.so.2", b"MZ\x00\x01"),
            1,
            "neither an ELF file nor a text",
        ),
        (
            file("./usr/lib/libdev.so", b"INPUT(libone.so.1)\n"),
            0,
            "libdev.so: a text (a linker script)",
        ),
        (
            link(b'5', "./usr/lib/libdir.so/", ""),
            0,
            "libdir.so: a directory",
        ),
        (
            link(b'6', "./usr/lib/libpipe.so", ""),
            1,
            "a device or a pipe",
        ),
        (
            file("./usr/share/gdb/libone.so.1-gdb.py", b"import x\n"),
            0,
            "PASSED",
        ),
    ] {
        let path = with_entries(&dir, &[fine(), entry]);
        judged(&path, code, &[says]);
    }
    // What is a library by its contents is judged by any name, and a second entry of a name is another file.
    let path = with_entries(&dir, &[file("./usr/share/data.bin", &bad(&dir)), fine()]);
    judged(&path, 1, &["usr/share/data.bin", "FAILED: S9"]);
    let path = with_entries(&dir, &[fine(), file("./usr/lib/libone.so", &bad(&dir))]);
    judged(&path, 1, &["PASSED", "FAILED: S9"]);
    let script = std::env::current_exe().unwrap();
    let program = fs::read(script).unwrap();
    let path = with_entries(
        &dir,
        &[fine(), file("./usr/bin/tool", &program[..program.len()])],
    );
    judged(&path, 0, &["usr/bin/tool: a program"]);
}

#[test]
fn names_and_headers_of_tar() {
    let dir = TempDir::new().unwrap();
    let good = good(&dir);
    let fine = || file("./usr/lib/libone.so", &good);
    // Names of any bytes are named.
    let odd = Entry {
        path: b"./usr/lib/\xff\n.so",
        ..fine()
    };
    judged(&with_entries(&dir, &[odd]), 0, &["usr/lib/\\xff\\x0a.so"]);
    let long = format!("./usr/lib/{}/libone.so", "long/".repeat(60));
    judged(
        &Odd::package(&dir, &[(&long, &good)]),
        0,
        &["long/libone.so", "PASSED"],
    );
    let upwards = file("./usr/../../lib/x.so", &good);
    judged(
        &with_entries(&dir, &[upwards, fine()]),
        1,
        &["leads upwards"],
    );
    for kind in [b'S', b'M', b'V', b'Q'] {
        let entry = Entry { kind, ..fine() };
        judged(
            &with_entries(&dir, &[entry, fine()]),
            1,
            &["the .deb is refused"],
        );
    }
    // A directory with a size: readers skip it, or take what follows for the next header.
    let directory = Entry {
        kind: b'5',
        ..file("./usr/lib/", b"contents")
    };
    judged(
        &with_entries(&dir, &[directory, fine()]),
        1,
        &["has a size but is no regular file"],
    );
}

/// Readers that heed a pax header and readers that don't would see different files.
#[test]
fn pax_headers() {
    let dir = TempDir::new().unwrap();
    let good = good(&dir);
    let fine = || file("./usr/lib/libone.so", &good);
    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let length = (body.len() + 2).max(10);
        format!("{length}{body}")
    };
    let pax = |text: &'static str| Entry {
        kind: b'x',
        ..file("pax", text.as_bytes())
    };
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let named = leak(record("path", "usr/lib/libpax.so"));
    judged(
        &with_entries(&dir, &[pax(named), fine()]),
        0,
        &["usr/lib/libpax.so"],
    );
    let size = leak(record("size", "12345678"));
    judged(
        &with_entries(&dir, &[pax(size), fine()]),
        1,
        &["another one in its pax header"],
    );
    let sparse = leak(record("GNU.sparse.major", "1"));
    judged(
        &with_entries(&dir, &[pax(sparse), fine()]),
        1,
        &["is sparse"],
    );
    let all = Entry {
        kind: b'g',
        ..file("pax", named.as_bytes())
    };
    judged(
        &with_entries(&dir, &[all, fine()]),
        1,
        &["a global pax header"],
    );
}

#[test]
fn control_files() {
    let dir = TempDir::new().unwrap();
    let data = compress(&tar(&[("./usr/lib/libone.so", &good(&dir))]), ".xz");
    let text = String::from_utf8(CONTROL.to_vec()).unwrap();
    for (text, code, says) in [
        (text.replace("Architecture", "architecture"), 0, "PASSED"),
        (
            text.replace("Maintainer: x", "Maintainer: \u{fffd}"),
            0,
            "PASSED",
        ),
        (
            text.replace("Architecture: amd64\n", ""),
            1,
            "has no field Architecture",
        ),
        (
            text.replace("amd64", "all"),
            1,
            "a library in a package of Architecture: all",
        ),
        (format!("{text}package: twice\n"), 1, "two fields package"),
        (
            format!("{text}\nPackage: second\n"),
            1,
            "describes two packages",
        ),
    ] {
        let mut odd = Odd::new(".xz", data.clone());
        odd.members[1].1 = compress(&tar(&[("./control", text.as_bytes())]), ".xz");
        judged(&odd.write(&dir), code, &[says]);
    }
}

/// One broken package in a directory is named, and the others are judged.
#[test]
fn a_broken_package_among_others() {
    let dir = TempDir::new().unwrap();
    let library = good(&dir);
    let place = TempDir::new_in(dir.path()).unwrap();
    Odd::package(&place, &[("usr/lib/libone.so", &library)]);
    fs::write(place.path().join("empty.deb"), b"").unwrap();
    fs::write(place.path().join("cut.deb"), b"!<arch>\ndebian-binary").unwrap();
    judged(
        place.path(),
        1,
        &[
            "PASSED",
            "cut.deb FAILED: it can't be judged",
            "empty.deb FAILED",
        ],
    );
}
