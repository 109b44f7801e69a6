//! Odd libraries and packages that people have met, as `cargo xtask verify` judges them: nothing is passed over, nothing that
//! dpkg or the dynamic linker takes is called broken, and one odd file is not the end of a run.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../archive/mod.rs"]
mod archive;
mod packages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use packages::Odd;
use tempfile::TempDir;

const HARD: &str = "-Wl,-z,relro,-z,now,-z,noexecstack";

/// Exit code and all that is printed, judged for any target.
pub fn verify(path: &Path, more: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["verify", "--target", "any"])
        .arg(path)
        .args(more)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Checks the exit code, and that the output has all of these words, however its lines are broken.
#[track_caller]
pub fn judged(path: &Path, code: i32, says: &[&str]) {
    let (is, text) = verify(path, &[]);
    let flat: String = text
        .replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(is, code, "{}\n{text}", path.display());
    for words in says {
        assert!(flat.contains(words), "no `{words}` in\n{text}");
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the tests need GCC and binutils");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Compiles a library into a directory, and returns its path.
pub fn cc(dir: &TempDir, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let (c, out) = (dir.path().join("x.c"), dir.path().join(name));
    fs::write(&c, source).unwrap();
    run(Command::new("gcc")
        .args(["-fPIC", "-shared", "-w", "-o"])
        .args([&out, &c])
        .args(flags));
    out
}

pub fn good(dir: &TempDir) -> Vec<u8> {
    let path = cc(
        dir,
        "libone.so",
        "int one(void) { return 1; }",
        &[HARD, "-nostdlib"],
    );
    fs::read(path).unwrap()
}

pub fn bad(dir: &TempDir) -> Vec<u8> {
    let flags = ["-nostdlib", "-Wl,-z,norelro,-z,lazy,-z,execstack"];
    fs::read(cc(dir, "libbad.so", "int two(void) { return 2; }", &flags)).unwrap()
}

#[test]
fn a_program_that_calls_itself_a_library() {
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("pie.c");
    fs::write(
        &source,
        "int api(void) { return 1; } int main(void) { return 0; }",
    )
    .unwrap();
    for (name, kind) in [("libpie.so", "-pie"), ("libstatic.so", "-static-pie")] {
        let out = dir.path().join(name);
        run(Command::new("gcc")
            .args(["-fPIE", kind, "-rdynamic", HARD, "-o"])
            .args([&out, &source]));
        judged(
            &out,
            2,
            &["is a program (position-independent: DF_1_PIE), not a shared library"],
        );
    }
    let object = dir.path().join("libobject.so");
    run(Command::new("gcc")
        .args(["-c", "-o"])
        .args([&object, &source]));
    judged(&object, 2, &["is an object file, not a shared library"]);
}

#[test]
fn names_of_any_length_and_spelling() {
    let dir = TempDir::new().unwrap();
    let source = "static int __attribute__((used, noinline)) f(void) { return 3; } int g(void) { return f(); }";
    let c = dir.path().join("x.c");
    fs::write(&c, source).unwrap();
    let long = format!("_ZN{}", "x".repeat(70_000));
    let names: [&[u8]; 4] = [
        b"type:.eq.struct { n int; next *main.node }",
        long.as_bytes(),
        b"bytes\xff\xfe",
        b"line\tbreak",
    ];
    for (number, name) in names.into_iter().enumerate() {
        let object = dir.path().join("x.o");
        run(Command::new("gcc")
            .args(["-c", "-fPIC", "-o"])
            .args([&object, &c]));
        let symbols = dir.path().join("symbols");
        // objcopy's file splits at blanks; its option takes them.
        use std::os::unix::ffi::OsStrExt as _;
        if name.len() > 1000 {
            fs::write(&symbols, [b"f ", name, b"\n"].concat()).unwrap();
            run(Command::new("objcopy")
                .arg("--redefine-syms")
                .args([&symbols, &object]));
        } else {
            let option = [b"f=", name].concat();
            let option = std::ffi::OsStr::from_bytes(&option);
            run(Command::new("objcopy")
                .arg("--redefine-sym")
                .arg(option)
                .arg(&object));
        }
        let out = dir.path().join(format!("libnames{number}.so"));
        run(Command::new("gcc")
            .args(["-shared", HARD, "-nostdlib", "-o"])
            .args([&out, &object]));
        judged(&out, 0, &["PASSED"]);
    }
}

/// Swift and Go export such names: binutils and this tool read them.
#[test]
fn exported_names_with_blanks_and_umlauts() {
    let dir = TempDir::new().unwrap();
    for name in ["a name (2)", "größe"] {
        let source =
            format!("int f(void) __asm__(\"\\\"{name}\\\"\"); int f(void) {{ return 1; }}");
        let path = cc(&dir, "libname.so", &source, &[HARD, "-nostdlib"]);
        judged(&path, 0, &["PASSED"]);
    }
}

#[test]
fn what_was_written_to_a_full_disk() {
    let dir = TempDir::new().unwrap();
    let library = good(&dir);
    for (length, says) in [(0, "is empty"), (2, "cut off"), (1000, "malformed")] {
        let path = dir.path().join("libcut.so");
        fs::write(&path, &library[..length]).unwrap();
        judged(&path, 1, &[says]);
    }
    let script = dir.path().join("libscript.so");
    fs::write(&script, "/* GNU ld script */\nINPUT(libone.so)\n").unwrap();
    judged(
        &script,
        2,
        &["is a text (a linker script), not a shared library"],
    );
    // In a directory each is named, and the others are judged.
    let (code, text) = verify(dir.path(), &[]);
    assert_eq!(code, 1, "{text}");
    for words in [
        "libone.so\n",
        "libcut.so\n  FAILED: it can't be judged",
        "left out: ",
        "a linker script",
    ] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
}

#[test]
fn debug_symbols_beside_their_library() {
    let dir = TempDir::new().unwrap();
    let full = cc(
        &dir,
        "libfull.so.1",
        "int f(void) { return 1; }",
        &["-g", HARD, "-nostdlib"],
    );
    let debug = dir.path().join("libfull.so.1.debug");
    run(Command::new("objcopy")
        .arg("--only-keep-debug")
        .args([&full, &debug]));
    run(Command::new("objcopy").arg("--strip-debug").arg(&full));
    judged(
        dir.path(),
        0,
        &[
            "PASSED",
            "left out:",
            "libfull.so.1.debug: a file with debug symbols alone",
        ],
    );
    judged(
        &debug,
        2,
        &["is a file with debug symbols alone, not a shared library"],
    );
    let old = Odd::package(
        &dir,
        &[
            ("usr/lib/libfull.so.1", &fs::read(&full).unwrap()),
            (
                "usr/lib/debug/usr/lib/libfull.so.1",
                &fs::read(&debug).unwrap(),
            ),
        ],
    );
    judged(
        &old,
        0,
        &[
            "PASSED",
            "usr/lib/debug/usr/lib/libfull.so.1: a file with debug symbols alone",
        ],
    );
}

#[test]
fn a_blas_that_is_needed_by_its_path() {
    let dir = TempDir::new().unwrap();
    let blas = cc(
        &dir,
        "libblas.so.3",
        "int dnothing(void) { return 0; }",
        &["-nostdlib"],
    );
    let source = "int dnothing(void); int h(void) { return dnothing(); }";
    let path = cc(
        &dir,
        "libpath.so",
        source,
        &[HARD, "-nostdlib", blas.to_str().unwrap()],
    );
    judged(
        &path,
        1,
        &[
            "S3 libraries:",
            "a BLAS was linked dynamically",
            "S9 hardening: needed by path",
        ],
    );
}

/// What else the dynamic linker follows, or refuses.
#[test]
fn what_else_the_dynamic_linker_reads() {
    let dir = TempDir::new().unwrap();
    let source = "int f(void) { return 1; }";
    for (flags, says) in [
        (
            ["-Wl,--auxiliary,libblas.so.3", "-Wl,-s"],
            "S3 libraries: libblas.so.3",
        ),
        (
            ["-Wl,--filter,libopenblas.so.0", "-Wl,-s"],
            "S3 libraries: libopenblas.so.0",
        ),
        (
            ["-Wl,--audit,/tmp/watch.so", "-Wl,-s"],
            "S9 hardening: audit library",
        ),
        (
            ["-Wl,--depaudit,/tmp/watch.so", "-Wl,-s"],
            "S9 hardening: audit library",
        ),
        (
            ["-Wl,-z,nodlopen", "-Wl,-s"],
            "S10 machine: not to be opened",
        ),
        (
            ["-Wl,-z,x86-64-v3", "-Wl,-s"],
            "S10 machine: x86-64-v3 needed",
        ),
    ] {
        let path = cc(
            &dir,
            "libodd.so",
            source,
            &[&[HARD, "-nostdlib"][..], &flags].concat(),
        );
        judged(&path, 1, &[says]);
    }
    let tls = "__attribute__((tls_model(\"initial-exec\"))) __thread char big[4000]; char *f(void) { return big; }";
    let path = cc(&dir, "libtls.so", tls, &[HARD]);
    judged(&path, 1, &["S10 machine: static thread-local storage"]);
    let malloc = "void *malloc(unsigned long n) { return 0; } void free(void *p) {}";
    let path = cc(&dir, "libjemalloc.so", malloc, &[HARD, "-nostdlib"]);
    judged(&path, 1, &["S2 unambiguous: 2 of libc's own"]);
    let opens = "extern void *dlopen(const char *, int); void *f(void) { return dlopen(\"libopenblas.so.0\", 1); }";
    let path = cc(&dir, "libopens.so", opens, &[HARD]);
    judged(
        &path,
        1,
        &["S3 libraries: libopenblas.so.0", "while it runs (dlopen)"],
    );
    // A resolver is code like any other; packed relocations are read.
    let ifunc = "static int a(void) { return 1; } static void *r(void) { return a; } int f(void) __attribute__((ifunc(\"r\"))); \
                 int g(void) { return f(); } void *table[] = { table, &table };";
    let path = cc(
        &dir,
        "libifunc.so",
        ifunc,
        &[HARD, "-nostdlib", "-Wl,-z,pack-relative-relocs"],
    );
    judged(&path, 0, &["PASSED"]);
}

/// A header of another machine, class or system, and headers that say different things.
#[test]
fn damaged_headers() {
    let dir = TempDir::new().unwrap();
    let library = good(&dir);
    let with = |at: usize, bytes: &[u8]| {
        let mut copy = library.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        let path = dir.path().join("libheader.so");
        fs::write(&path, copy).unwrap();
        path
    };
    judged(&with(7, &[9]), 1, &["S10 machine: OS ABI 9"]);
    judged(&with(18, &[183, 0]), 1, &["aarch64 64-bit little-endian"]);
    judged(&with(18, &[8, 0]), 1, &[]);
    judged(&with(4, &[1]), 1, &[]);
    // Read from the other end its type is none that there is.
    judged(&with(5, &[2]), 2, &["is an ELF file of an unknown type"]);
    judged(&with(4, &[7]), 1, &[]);
    // No section headers: the dynamic linker takes it, nobody can read it a second time.
    let mut copy = library.clone();
    copy[40..48].fill(0);
    copy[58..64].fill(0);
    let path = dir.path().join("libsections.so");
    fs::write(&path, copy).unwrap();
    judged(&path, 1, &["it has no section headers"]);
}
