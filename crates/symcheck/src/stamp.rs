//! Writes a target's libpython soname into a library that was linked against the stub.
//!
//! The stub's soname is as long as the longest real one, so the name is overwritten in place and padded with NUL:
//! nothing moves, the build-id stays, and the debug symbols of one compile serve every distribution.

use std::path::Path;

use miette::Diagnostic;
use object::elf;
use object::read::elf::{Dyn, ElfFile64, FileHeader};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;

/// The soname of the stub libpython: as long as `libpython3.11.so.1.0`, and of no Python that exists.
pub const STUB_SONAME: &str = "libpython3.00.so.1.0";

/// Why a library can't be stamped.
#[derive(Debug, Error, Diagnostic)]
#[error("can't stamp the library: {0}")]
#[diagnostic(help(
    "a library can be stamped once, and only one that was linked against the stub `{STUB_SONAME}`"
))]
pub struct StampError(String);

impl ExitKind for StampError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// The soname of a Python's shared library, the same in every distribution. `python` is `3.11`.
pub fn soname(python: &str) -> String {
    format!("libpython{python}.so.1.0")
}

/// Writes a library that [`stamp`] has stamped to `to`, which may be the library itself.
pub fn stamp_file(library: &Path, soname: &str, to: &Path) -> Result<(), Failure> {
    let mut bytes = files::read(library)?;
    stamp(&mut bytes, soname)?;
    Ok(files::write(to, bytes)?)
}

/// Replaces the stub's soname by another in place.
///
/// Refuses a library in which the name is needed not exactly once, or in which another string of `.dynstr` shares the
/// bytes (linkers may merge the tails of strings).
pub fn stamp(library: &mut [u8], soname: &str) -> Result<(), StampError> {
    let wrong = |what: String| StampError(what);
    if soname.len() > STUB_SONAME.len() {
        return Err(wrong(format!("`{soname}` is longer than `{STUB_SONAME}`")));
    }
    let offset = stub_offset(library).map_err(wrong)?;
    let end = offset + STUB_SONAME.len();
    library[offset..end].fill(0);
    library[offset..offset + soname.len()].copy_from_slice(soname.as_bytes());
    Ok(())
}

/// The file offset of the stub's soname in `.dynstr`.
fn stub_offset(library: &[u8]) -> Result<usize, String> {
    let malformed = |error: object::Error| format!("not a well-formed ELF file: {error}");
    let file = ElfFile64::<object::Endianness>::parse(library).map_err(malformed)?;
    let endian = file.endian();
    let header = file.elf_header();
    let sections = header.sections(endian, library).map_err(malformed)?;
    let (dynamic, link) = sections
        .dynamic(endian, library)
        .map_err(malformed)?
        .ok_or("it has no dynamic section")?;
    let strings = sections.section(link).map_err(malformed)?;
    let (start, size) = {
        use object::read::elf::SectionHeader;
        strings
            .file_range(endian)
            .ok_or("its string table has no bytes")?
    };
    let table = sections.strings(endian, library, link).map_err(malformed)?;
    let mut needed = Vec::new();
    let mut other_offsets = Vec::new();
    for entry in dynamic {
        let tag = entry.d_tag(endian);
        if tag == elf::DT_NEEDED {
            let at = entry
                .val32(endian)
                .ok_or("a DT_NEEDED entry is out of range")?;
            match table.get(at) {
                Ok(name) if name == STUB_SONAME.as_bytes() => needed.push(at as usize),
                Ok(_) => other_offsets.push(at as usize),
                Err(()) => return Err("a DT_NEEDED entry points outside the string table".into()),
            }
        } else if [elf::DT_SONAME, elf::DT_RPATH, elf::DT_RUNPATH].contains(&tag) {
            other_offsets.extend(entry.val32(endian).map(|at| at as usize));
        }
    }
    let [at] = needed[..] else {
        return Err(format!(
            "it needs `{STUB_SONAME}` {} times, not once",
            needed.len()
        ));
    };
    let symbols = sections
        .symbols(endian, library, elf::SHT_DYNSYM)
        .map_err(malformed)?;
    other_offsets.extend(symbols.iter().map(|symbol| {
        use object::read::elf::Sym;
        symbol.st_name(endian) as usize
    }));
    let range = at..=at + STUB_SONAME.len();
    if let Some(shared) = other_offsets.iter().find(|other| range.contains(other)) {
        return Err(format!(
            "another string of its .dynstr begins inside the name, at offset {shared}"
        ));
    }
    let offset = start as usize + at;
    if at + STUB_SONAME.len() >= size as usize || offset + STUB_SONAME.len() >= library.len() {
        return Err("the name lies outside the string table".into());
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A small library that needs a library of the given soname, linked by the system's compiler.
    fn library_needing(soname: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("stub.c"), "void Py_Initialize(void) {}").unwrap();
        std::fs::write(
            path("lib.c"),
            "void Py_Initialize(void); void f(void) { Py_Initialize(); }",
        )
        .unwrap();
        let cc = |args: &[&str]| {
            let status = Command::new("cc")
                .args(args)
                .current_dir(dir.path())
                .status()
                .unwrap();
            assert!(status.success());
        };
        let flag = format!("-Wl,-soname,{soname}");
        cc(&["-shared", "-fPIC", "stub.c", &flag, "-o", "libstub.so"]);
        cc(&["-shared", "-fPIC", "lib.c", "-L.", "-lstub", "-o", "lib.so"]);
        std::fs::read(path("lib.so")).unwrap()
    }

    #[test]
    fn only_the_name_changes_and_it_changes_once() {
        let before = library_needing(STUB_SONAME);
        for python in ["3.8", "3.11"] {
            let mut library = before.clone();
            stamp(&mut library, &soname(python)).unwrap();
            let changed = before.iter().zip(&library).filter(|(a, b)| a != b).count();
            assert!((1..=STUB_SONAME.len()).contains(&changed));
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("lib.so");
            std::fs::write(&path, &library).unwrap();
            let out = Command::new("readelf")
                .arg("-dW")
                .arg(&path)
                .output()
                .unwrap();
            let text = String::from_utf8(out.stdout).unwrap();
            assert!(text.contains(&format!("[{}]", soname(python))), "{text}");
            assert!(
                stamp(&mut library, "libpython3.9.so.1.0").is_err(),
                "stamped twice"
            );
        }
    }

    #[test]
    fn refuses_what_it_can_not_stamp() {
        assert!(
            stamp(
                &mut library_needing("libpython3.11.so.1.0"),
                "libpython3.9.so.1.0"
            )
            .is_err()
        );
        assert!(stamp(&mut library_needing(STUB_SONAME), "libpython3.100.so.1.0").is_err());
        assert!(stamp(&mut b"not an ELF file".to_vec(), "libpython3.9.so.1.0").is_err());
        let whole = library_needing(STUB_SONAME);
        for length in (0..whole.len()).step_by(97) {
            // A truncated file is refused or stamped, never a panic.
            let _ = stamp(&mut whole[..length].to_vec(), "libpython3.9.so.1.0");
        }
    }
}
