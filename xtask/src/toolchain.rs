//! The pinned Rust toolchain: where rustup keeps it, and which one it is.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind, Failure};
use crate::process::Program;
use crate::workspace::Workspace;

/// A Rust toolchain on this machine.
pub struct Toolchain {
    /// Its directory, with `bin/cargo` in it.
    pub sysroot: PathBuf,
    /// What `rustc -vV` says: version, commit, host, LLVM.
    pub version: String,
}

/// There is none.
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
        Ok(Self { sysroot, version })
    }
}
