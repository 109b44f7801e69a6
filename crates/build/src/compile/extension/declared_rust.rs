//! Crates that declare a newer Rust than the one that compiles them.
//!
//! Cargo refuses such a crate, and its only switch (`--ignore-rust-version`) is for all crates at once. The compile job
//! uses that switch, and this check takes cargo's place: a crate may declare a newer Rust only where the extension's
//! manifest names it. What a crate declares is what its authors test with. It changes no code: a crate that uses something
//! newer does not compile, and the suites test what it does.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use symcheck::version::Version;
use targets::lock::crates::{CrateLock, LockedCrate};

/// What crates declare does not fit the extension's manifest.
#[derive(Debug, Error, Diagnostic, PartialEq, Eq)]
enum DeclaredRustError {
    #[error(
        "{crates} declare a newer Rust than {ours}, the `rust-version` of extension/Cargo.toml"
    )]
    #[diagnostic(help(
        "lock an older version of the crate; or compile with it, run the suites, and add its name to \
         `declare-newer-rust` in extension/Cargo.toml"
    ))]
    Newer { crates: String, ours: String },
    #[error(
        "{names} of `declare-newer-rust` in extension/Cargo.toml declare no newer Rust than {ours}"
    )]
    #[diagnostic(help("remove the names from the list"))]
    Stale { names: String, ours: String },
}

impl ExitKind for DeclaredRustError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// The parts of the extension's manifest that matter here.
#[derive(Deserialize)]
struct Manifest {
    workspace: WorkspaceTable,
}

#[derive(Deserialize)]
struct WorkspaceTable {
    package: Declared,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(rename = "declare-newer-rust", default)]
    accepted: BTreeSet<String>,
}

/// The manifest of a crate.
#[derive(Deserialize)]
struct Crate {
    package: Declared,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(rename = "rust-version")]
    rust_version: Option<String>,
}

impl Declared {
    fn rust(&self) -> Option<Version> {
        self.rust_version.as_deref().and_then(Version::parse)
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    toml::from_str(&files::read_text(path)?).map_err(|error| {
        let reason = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        FileError::at("read", path)(reason)
    })
}

/// Compares what the crates of a lock declare with the extension's manifest. `unpacked` has their sources. A crate that is
/// missing there is for other systems; crates of other locks may be there, too.
pub fn check(manifest: &Path, lock: &CrateLock, unpacked: &Path) -> Result<(), Failure> {
    let ours: Manifest = parse(manifest)?;
    let declared = ours.workspace.package;
    let Some(rust) = declared.rust() else {
        let reason = io::Error::new(io::ErrorKind::InvalidData, "it has no `rust-version`");
        return Err(FileError::at("read", manifest)(reason).into());
    };
    let accepted = ours.workspace.metadata.accepted;
    let mut newer = Vec::new();
    let mut unused = accepted.clone();
    for LockedCrate { name, version, .. } in lock.crates() {
        let path = unpacked.join(format!("{name}-{version}/Cargo.toml"));
        if !path.exists() {
            continue;
        }
        let found: Crate = parse(&path)?;
        if let Some(version) = found.package.rust().filter(|version| *version > rust) {
            unused.remove(name);
            if !accepted.contains(name) {
                newer.push((name.clone(), version));
            }
        }
    }
    newer.sort();
    verdict(&newer, &unused, &rust)?;
    Ok(())
}

fn verdict(
    newer: &[(String, Version)],
    unused: &BTreeSet<String>,
    rust: &Version,
) -> Result<(), DeclaredRustError> {
    let ours = rust.to_string();
    if !newer.is_empty() {
        let each = newer.iter().map(|(name, rust)| format!("{name} ({rust})"));
        let crates = each.collect::<Vec<_>>().join(", ");
        return Err(DeclaredRustError::Newer { crates, ours });
    }
    if !unused.is_empty() {
        let names: Vec<&str> = unused.iter().map(String::as_str).collect();
        let names = names.join(", ");
        return Err(DeclaredRustError::Stale { names, ours });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn checked(accepted: &str, crates: &[(&str, &str)]) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("Cargo.toml");
        let text = format!(
            "[workspace.package]\nrust-version = \"1.95\"\n[workspace.metadata]\ndeclare-newer-rust = [{accepted}]\n"
        );
        files::write(&manifest, text).unwrap();
        let mut lock = String::new();
        for (name, declared) in crates {
            let path = format!("crates/{name}-1.0.0/Cargo.toml");
            let text = format!("[package]\nname = \"{name}\"\n{declared}\n");
            files::write(&dir.path().join(path), text).unwrap();
            if *name != "stranger" {
                lock += &format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
            }
        }
        let lock = CrateLock::parse(&lock).unwrap();
        let checked = check(&manifest, &lock, &dir.path().join("crates"));
        checked.map_err(|error| error.report.unwrap().to_string())
    }

    const NEWER: &str = "rust-version = \"1.96\"";

    /// Catches a crate that an update brings and that was never compiled on this Rust: cargo runs with
    /// `--ignore-rust-version`.
    #[test]
    fn a_newer_rust_is_accepted_by_name_alone() {
        let older = ("older", "rust-version = \"1.95.0\"");
        // Unpacked for another lock.
        let stranger = ("stranger", NEWER);
        assert_eq!(
            checked("\"new\"", &[("new", NEWER), older, ("none", ""), stranger]),
            Ok(())
        );
        let error = checked("\"new\"", &[("new", NEWER), ("other", NEWER)]).unwrap_err();
        assert!(error.starts_with("other (1.96) declare"), "{error}");
        let patch = ("older", "rust-version = \"1.95.1\"");
        assert!(checked("", &[patch]).is_err());
    }

    /// Catches a list that goes on accepting what no longer needs it.
    #[test]
    fn a_name_without_need_is_an_error() {
        let error = checked("\"old\", \"gone\"", &[("old", "")]).unwrap_err();
        assert!(error.starts_with("gone, old of"), "{error}");
    }
}
