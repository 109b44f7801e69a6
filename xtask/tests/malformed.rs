//! No file makes the readers panic, hang or use unbounded memory: thousands of damaged libraries and packages.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod archive;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use archive::{ar, compress, tar};
use debian::deb::reader::{self, DebError, Kind, Limits};
use symcheck::elf::Facts;
use symcheck::expectation::{Expectation, Libpython, Profile};
use symcheck::surroundings::Environment;
use symcheck::{Judgement, Rulebook, judge_alone};

/// A fixed sequence of pseudo-random numbers (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Flips bits, overwrites numbers with extreme ones, cuts, or repeats a part.
fn damage(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at] = random.next() as u8,
            4 | 5 => {
                let extremes = [
                    0,
                    1,
                    0x7f,
                    0xff,
                    0xffff,
                    0x7fff_ffff,
                    0xffff_ffff,
                    u64::MAX,
                    1 << 40,
                    bytes.len() as u64,
                ];
                let value = extremes[random.below(extremes.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&value[..width]);
            }
            6 => {
                let length = random.below(64).min(bytes.len() - at);
                let part = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len() - length);
                bytes[to..to + length].copy_from_slice(&part);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn library() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (c, map, so) = (
        dir.path().join("x.c"),
        dir.path().join("x.map"),
        dir.path().join("x.so"),
    );
    fs::write(&c, "#include <stdlib.h>\n#include <stdio.h>\nint f(void) { return puts(getenv(\"OpenBLAS 0.3.21 x\")); } int g(void) { return f(); }").unwrap();
    fs::write(
        &map,
        "V_1 { global: f; local: *; }; V_2 { global: g; } V_1;",
    )
    .unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&so, &c])
        .arg(format!(
            "-Wl,-soname,libx.so.1,-rpath,/x,--version-script={}",
            map.display()
        ))
        .status()
        .expect("the tests need a C compiler");
    assert!(status.success());
    fs::read(so).unwrap()
}

const CONTROL: &[u8] =
    b"Package: postgresql-15-pgml\nArchitecture: amd64\nDescription: short\n long\n .\n more\n";

fn deb(compression: &str, data: &[(&str, &[u8])]) -> Vec<u8> {
    let control = compress(
        &tar(&[("./control", CONTROL), ("./postinst", b"#!/bin/sh\n")]),
        compression,
    );
    let data = compress(&tar(data), compression);
    ar(&[
        ("debian-binary", b"2.0\n"),
        (&format!("control.tar{compression}"), &control),
        (&format!("data.tar{compression}"), &data),
    ])
}

fn read(bytes: &[u8]) -> Result<reader::Deb, DebError> {
    let limits = Limits {
        archive: 1 << 24,
        file: 1 << 22,
        kept: 1 << 22,
        files: 1000,
        text: 1 << 12,
        memory: 32 << 20,
    };
    reader::read(bytes, &limits, |path, _| path.ends_with(".so"))
}

#[test]
fn damaged_libraries() {
    let book = Rulebook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")).unwrap();
    let expectation = Expectation {
        target: "any".to_owned(),
        profile: Profile::Extension,
        architecture: "amd64".to_owned(),
        floors: Default::default(),
        server: None,
        libpython: Libpython::AnySupported,
        sql_symbols: None,
        before_strip: false,
    };
    let by = Judgement {
        book: &book,
        expectation: &expectation,
        environment: &Environment::NotAsked(String::new()),
        names: None,
    };
    let original = library();
    let facts = Facts::read(&original).unwrap();
    assert_eq!(facts.soname, Some("libx.so.1"));
    // Most bytes are code and zeros; the structures are what has to be damaged.
    let headers: Vec<usize> = (0..64)
        .chain(original.len() - 64 * 29..original.len())
        .collect();
    let mut random = Random(0x5eed);
    let (mut read, mut slowest) = (0, Duration::ZERO);
    for round in 0..6000 {
        let mut bytes = damage(&original, &mut random);
        for _ in 0..round % 3 {
            let at = headers[random.below(headers.len())];
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        let started = Instant::now();
        if judge_alone(&bytes, "damaged", &by).is_ok() {
            read += 1;
        }
        slowest = slowest.max(started.elapsed());
    }
    assert!(
        read > 100,
        "only {read} were still readable: the test damages too much to reach the rules"
    );
    assert!(slowest < Duration::from_secs(5), "one took {slowest:?}");
    for length in 0..original.len().min(4096) {
        let _ = Facts::read(&original[..length]);
    }
}

#[test]
fn damaged_packages() {
    let library = library();
    let mut random = Random(0xdeb);
    for compression in ["", ".gz", ".xz", ".zst", ".bz2", ".lzma"] {
        let long = format!("./usr/lib/{}/pgml.so", "long/".repeat(40));
        let original = deb(
            compression,
            &[
                ("./usr/lib/postgresql/15/lib/pgml.so", &library[..2000]),
                (&long, b"x"),
                ("./usr/share/doc", b""),
            ],
        );
        let whole = read(&original).unwrap();
        assert_eq!(whole.field("Architecture"), Some("amd64"));
        assert_eq!(whole.field("Description"), Some("short\n long\n .\n more"));
        assert_eq!(whole.control_files.len(), 1);
        assert_eq!(whole.files[0].path, "usr/lib/postgresql/15/lib/pgml.so");
        assert_eq!(whole.files[0].contents.as_deref(), Some(&library[..2000]));
        assert_eq!(
            whole.files[1].path,
            long.trim_start_matches("./").replace("//", "/")
        );
        assert_eq!(
            (&whole.files[2].kind, &whole.files[2].contents),
            (&Kind::File, &None)
        );
        for _ in 0..1500 {
            let _ = read(&damage(&original, &mut random));
        }
        // ar fills a last member of odd length up with a newline: without that byte nothing is missing.
        let whole = original.len() - usize::from(original.ends_with(b"\n"));
        for length in 0..whole {
            assert!(
                read(&original[..length]).is_err(),
                "cut to {length} of {whole} bytes it is not whole"
            );
        }
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 20 << 20];
    for compression in [".gz", ".xz", ".zst"] {
        let bomb = deb(compression, &[("./usr/lib/big", &zeros)]);
        assert!(bomb.len() < 1 << 20);
        assert!(
            matches!(read(&bomb), Err(DebError::TooLarge(_))),
            "{compression}"
        );
        let large = deb(compression, &[("./usr/lib/big.so", &zeros[..5 << 20])]);
        assert!(
            matches!(read(&large), Err(DebError::TooLarge(_))),
            "{compression}"
        );
    }
    // A name of megabytes must not be read into memory.
    let name = "n".repeat(1 << 20);
    assert!(matches!(
        read(&deb(".gz", &[(&name, b"")])),
        Err(DebError::TooLarge(_))
    ));
    let many: Vec<(String, &[u8])> = (0..1001).map(|i| (format!("f{i}"), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    assert!(matches!(
        read(&deb(".gz", &many)),
        Err(DebError::TooLarge(_))
    ));
}

#[test]
fn what_is_no_package() {
    assert!(matches!(read(b"#!/bin/sh"), Err(DebError::NotDeb(_))));
    assert!(matches!(
        read(&ar(&[("foo.o/", b"x")])),
        Err(DebError::NotDeb(_))
    ));
    assert!(matches!(
        read(&ar(&[("debian-binary", b"3.0\n")])),
        Err(DebError::NotDeb(_))
    ));
    assert!(matches!(
        read(&ar(&[("debian-binary", b"2.0\n")])),
        Err(DebError::Malformed(_))
    ));
}
