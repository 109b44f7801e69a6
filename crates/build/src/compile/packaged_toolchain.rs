//! A Rust toolchain of a distribution's packages, laid out as rustup's: `bin/rustc`, `bin/cargo` and `bin/rustfmt`, which run in a
//! builder whose C library is older than theirs.
//!
//! Their distribution's dynamic linker starts them, with an option that limits its search to their own libraries. Programs
//! that they start, such as the builder's linker, use the builder's dynamic linker and libraries.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use debian::rootfs;

use crate::plan::Work;

/// Where a compile sees the toolchain.
pub const INSIDE: &str = "/opt/rust";
/// The directory of the distribution's files below it.
const ROOT: &str = "root";
/// What a compile starts of the toolchain; pgrx formats the bindings that it makes.
const PROGRAMS: [&str; 3] = ["rustc", "cargo", "rustfmt"];
/// What the name of a dynamic linker begins with.
const LOADER: &str = "ld-linux";

/// Unpacks the packages and writes the two programs. `gnu` is GNU's triplet of the machine that they run on.
pub fn unpack(debs: &[PathBuf], gnu: &str, work: &Work<'_>) -> Result<String, Failure> {
    let unpacked = work.scratch.join("unpacked");
    rootfs::unpack_packages(debs, &unpacked, &work.log)?;
    let libraries = format!("usr/lib/{gnu}");
    let mut kept = vec![libraries.clone(), "usr/lib/rustlib".to_owned()];
    kept.extend(PROGRAMS.map(|name| format!("usr/bin/{name}")));
    // The C compiler and the documents, which the packages bring as well, stay behind.
    for path in kept {
        let to = work.out.join(ROOT).join(&path);
        files::create_dir(to.parent().unwrap_or(&to))?;
        files::rename(&unpacked.join(&path), &to)?;
    }
    let loader = loader(&work.out.join(ROOT).join(&libraries))?;
    for program in PROGRAMS {
        let file = work.out.join("bin").join(program);
        files::write(&file, script(program, &libraries, &loader))?;
        files::set_mode(&file, 0o755)?;
    }
    files::remove_dir(&unpacked)?;
    Ok(format!("{} packages unpacked", debs.len()))
}

/// The name of the dynamic linker among a distribution's libraries.
fn loader(libraries: &Path) -> Result<String, FileError> {
    let at = || FileError::at("find the dynamic linker in", libraries);
    let entries = std::fs::read_dir(libraries).map_err(at())?;
    let mut names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let found = names.find(|name| name.starts_with(LOADER));
    found.ok_or_else(|| at()(std::io::ErrorKind::NotFound.into()))
}

/// A program that starts another by the dynamic linker that belongs to it. The other takes this one for itself: cargo tells
/// build scripts where it is, and they can't start it otherwise.
fn script(program: &str, libraries: &str, loader: &str) -> String {
    format!(
        "#!/bin/sh\n\
         root={INSIDE}/{ROOT}\n\
         exec \"$root/{libraries}/{loader}\" --library-path \"$root/{libraries}\" --argv0 {INSIDE}/bin/{program} \\\n    \
         \"$root/usr/bin/{program}\" \"$@\"\n"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Catches a program that loads the libraries of the system that it is started on, which may be too old for it.
    #[test]
    fn a_program_is_started_by_its_own_dynamic_linker_with_its_own_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let libraries = dir.path().join("usr/lib/x");
        let shows = "#!/bin/sh\necho \"$*\"\n";
        for name in ["ld-linux-y.so.2", "libz.so.1"] {
            files::write(&libraries.join(name), shows).unwrap();
            files::set_mode(&libraries.join(name), 0o755).unwrap();
        }
        let loader = loader(&libraries).unwrap();
        assert_eq!(loader, "ld-linux-y.so.2");
        let here = dir.path().display().to_string();
        let text = script("rustc", "usr/lib/x", &loader);
        let text = text.replace(&format!("{INSIDE}/{ROOT}"), &here);
        let output = Command::new("/bin/sh")
            .args(["-c", &text, "rustc", "-vV"])
            .env("LD_LIBRARY_PATH", "/elsewhere")
            .output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(
            said.trim(),
            format!(
                "--library-path {here}/usr/lib/x --argv0 {INSIDE}/bin/rustc {here}/usr/bin/rustc -vV"
            )
        );
        assert!(super::loader(&dir.path().join("usr")).is_err());
    }
}
