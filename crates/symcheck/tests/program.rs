//! The program `symcheck` by itself: on this machine's own libraries, on one that a compiler makes, and on broken ones.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn symcheck(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("symcheck"))
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A library of this machine: Debian has it in the directory of the architecture.
fn of_this_machine(name: &str) -> PathBuf {
    let dirs = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = dirs
        .filter(|dir| dir.file_name().to_string_lossy().ends_with("-linux-gnu"))
        .map(|dir| dir.path().join(name))
        .filter(|path| path.is_file());
    found.next().unwrap_or_else(|| panic!("there is no {name}"))
}

fn cc(dir: &TempDir, source: &str, flags: &[&str]) -> PathBuf {
    let (c, library) = (dir.path().join("x.c"), dir.path().join("x.so"));
    fs::write(&c, source).unwrap();
    let output = Command::new("cc")
        .args(["-w", "-shared", "-fPIC", "-o"])
        .args([&library, &c])
        .args(flags)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    library
}

const HARDENED: &str = "-Wl,-z,now,-z,relro,-z,noexecstack";

/// Catches a checker that works for this project's targets alone.
#[test]
fn a_library_of_this_machine() {
    let libz = of_this_machine("libz.so.1");
    let (code, out, err) = symcheck(&["--json", "--root", "/", libz.to_str().unwrap()]);
    assert!(code == 0 || code == 1, "{out}{err}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["version"], 1);
    let report = &document["libraries"][0];
    assert_eq!(report["target"], "this machine");
    let status = |rule: usize| report["rules"][rule - 1]["status"].as_str().unwrap();
    assert_eq!((status(1), status(2), status(6)), ("pass", "pass", "pass"));
    assert_eq!(status(11), "not-applicable");
    let from_libc = |symbol: &Value| symbol["provider"] == "libc.so.6";
    assert!(
        report["resolution"]
            .as_array()
            .unwrap()
            .iter()
            .any(from_libc)
    );
}

#[test]
fn a_library_that_passes_and_one_that_does_not() {
    let dir = TempDir::new().unwrap();
    let source = "extern int getpid(void); int x(void) { return getpid(); }";
    let library = cc(&dir, source, &[HARDENED]);
    let library = library.to_str().unwrap();
    let (code, out, err) = symcheck(&[library]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("PASSED") && out.contains("GLIBC 2."), "{out}");
    cc(
        &dir,
        "extern int nobody_has_it(void); int x(void) { return nobody_has_it(); }",
        &[HARDENED],
    );
    let (code, out, _) = symcheck(&[library]);
    assert_eq!(code, 1);
    assert!(
        out.contains("FAILED: S1;") && out.contains("nobody_has_it"),
        "{out}"
    );
    // The program that opens it may have what it needs itself.
    let program = dir.path().join("program");
    let made = Command::new("cc")
        .args(["-w", "-rdynamic", "-xc", "-o"])
        .args([&program, &dir.path().join("program.c")])
        .current_dir({
            let main = "int nobody_has_it(void) { return 1; } int main(void) { return 0; }";
            fs::write(dir.path().join("program.c"), main).unwrap();
            dir.path()
        })
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (code, out, err) = symcheck(&["--program", program.to_str().unwrap(), library]);
    assert_eq!(code, 0, "{out}{err}");
}

/// Catches a look at this machine's own libraries where another system was given.
#[test]
fn a_system_in_a_directory() {
    let root = TempDir::new().unwrap();
    let dir = TempDir::new().unwrap();
    let library = cc(
        &dir,
        "extern int compress(); int x() { return compress(); }",
        &[
            HARDENED,
            "-Wl,--no-as-needed",
            of_this_machine("libz.so.1").to_str().unwrap(),
        ],
    );
    let (root_text, library) = (root.path().to_str().unwrap(), library.to_str().unwrap());
    let (code, _, err) = symcheck(&["--root", root_text, library]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("libc.so.6"), "{err}");
    let lib = root.path().join("usr/lib");
    fs::create_dir_all(&lib).unwrap();
    let bring = |name: &str| fs::copy(of_this_machine(name), lib.join(name)).unwrap();
    bring("libc.so.6");
    let (code, out, _) = symcheck(&["--root", root_text, library]);
    assert_eq!(code, 1);
    assert!(
        out.contains("NOT PROVEN") && out.contains("libz.so.1"),
        "{out}"
    );
    bring("libz.so.1");
    let linker = fs::read_dir(of_this_machine("libc.so.6").parent().unwrap()).unwrap();
    let linker = linker.flatten().map(|file| file.path());
    let is_linker = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("ld-linux") && name.contains(".so.")
    };
    for path in linker.filter(is_linker) {
        fs::copy(&path, lib.join(path.file_name().unwrap())).unwrap();
    }
    let (code, out, err) = symcheck(&["--root", root_text, library]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn what_can_not_be_judged() {
    let (code, out, err) = symcheck(&["/bin/ls"]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("is a program"), "{err}");
    let dir = TempDir::new().unwrap();
    let bytes = fs::read(of_this_machine("libz.so.1")).unwrap();
    let cut = dir.path().join("libcut.so.1");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (code, _, err) = symcheck(&[cut.to_str().unwrap()]);
    assert_eq!(code, 1, "{err}");
    // In a directory it is not the end of the others.
    fs::write(dir.path().join("libwhole.so.1"), &bytes).unwrap();
    fs::write(dir.path().join("x.deb"), "!<arch>\ndebian-binary   ").unwrap();
    let (code, out, err) = symcheck(&[dir.path().to_str().unwrap()]);
    assert_eq!(code, 1, "{err}");
    for text in [
        "libcut.so.1\n  FAILED",
        "libwhole.so.1\n  S1",
        "x.deb: a package",
    ] {
        assert!(out.contains(text), "no {text} in\n{out}");
    }
    let package = dir.path().join("x.deb");
    let (code, _, err) = symcheck(&[package.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(err.contains("dpkg-deb -x"), "{err}");
}

/// Catches a policy that is read and not used, and one with a mistake that is passed over.
#[test]
fn another_policy() {
    let dir = TempDir::new().unwrap();
    let library = cc(&dir, "int x(void) { return 1; }", &[HARDENED, "-nostdlib"]);
    let library = library.to_str().unwrap();
    let policy = dir.path().join("mine.toml");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/policy.toml");
    let text = fs::read_to_string(own).unwrap();
    let exported = text.replace("\"gotoblas\", \"gotoblas_*\"", "\"x\", \"gotoblas_*\"");
    assert_ne!(text, exported);
    fs::write(&policy, exported).unwrap();
    assert_eq!(symcheck(&[library]).0, 0);
    let (code, out, _) = symcheck(&["--policy", policy.to_str().unwrap(), library]);
    assert_eq!(code, 1);
    assert!(out.contains("FAILED: S4"), "{out}");
    fs::write(&policy, text.replace("version = 1", "version = 2")).unwrap();
    let (code, _, err) = symcheck(&["--policy", policy.to_str().unwrap(), library]);
    assert_eq!(code, 2);
    assert!(err.contains("mine.toml"), "{err}");
}

/// The README shows what the program prints: its exit codes, options and rules.
#[test]
fn the_help_has_an_example() {
    let (code, out, _) = symcheck(&["--help"]);
    assert_eq!(code, 0);
    assert!(out.contains("Example: symcheck --root /"), "{out}");
    let readme = include_str!("../README.md");
    for option in [
        "--root",
        "--program",
        "--with",
        "--runtime",
        "--policy",
        "--explain",
        "--json",
    ] {
        assert!(out.contains(option) && readme.contains(option), "{option}");
    }
    let (code, out, _) = symcheck(&["--explain", "S9"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("S9 hardening: holds when"), "{out}");
}
