//! The pinned Rust toolchain: where rustup keeps it, and which one it is.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::process::Program;
use base::workspace::Workspace;

/// A Rust toolchain on this machine.
pub struct Toolchain {
    /// Its directory, with `bin/cargo` in it.
    pub sysroot: PathBuf,
    /// What `rustc -vV` says: version, commit, host, LLVM.
    pub version: String,
    /// The target triples whose standard library it has.
    pub targets: Vec<String>,
}

/// No toolchain was found, or rustc does not run.
#[derive(Debug, Error, Diagnostic)]
#[error("no Rust toolchain: {0}")]
#[diagnostic(help("install rustup and the toolchain that rust-toolchain.toml names"))]
pub struct NoToolchain(String);

impl ExitKind for NoToolchain {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

impl Toolchain {
    /// The toolchain that `rust-toolchain.toml` pins, as rustup resolves it in the source tree.
    pub fn find(workspace: &Workspace) -> Result<Self, Failure> {
        let rustc = |args: &[&str]| {
            let out = Program::new("rustc")
                .inherit_env("PATH")
                .inherit_env("HOME")
                .inherit_env("RUSTUP_HOME")
                .inherit_env("CARGO_HOME")
                .args(args)
                .dir(&workspace.root)
                .output(&workspace.log("toolchain"))?;
            Ok::<_, Failure>(String::from_utf8_lossy(&out).trim().to_owned())
        };
        let version = rustc(&["-vV"])?;
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
        if !sysroot.join("bin/cargo").exists() {
            return Err(
                NoToolchain(format!("there is no bin/cargo in {}", sysroot.display())).into(),
            );
        }
        let targets = targets(&sysroot);
        Ok(Self {
            sysroot,
            version,
            targets,
        })
    }
}

/// The target triples whose standard library a toolchain has, in order.
fn targets(sysroot: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(sysroot.join("lib/rustlib"));
    let mut found: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| has_standard_library(&entry.path().join("lib")))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    found.sort();
    found
}

fn has_standard_library(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Catches a directory that rustup leaves for a target (or for `etc`, `components`) taken for its standard library.
    #[test]
    fn a_target_counts_when_its_standard_library_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str| {
            let file = dir.path().join("lib/rustlib").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        };
        write("x86_64-unknown-linux-gnu/lib/libstd-0123.rlib");
        write("x86_64-unknown-linux-gnu/bin/rust-lld");
        write("aarch64-unknown-linux-gnu/lib/libcore-0123.rlib");
        write("etc/lldb_commands");
        assert_eq!(targets(dir.path()), ["x86_64-unknown-linux-gnu"]);
        assert!(targets(&dir.path().join("nowhere")).is_empty());
    }
}
