//! What can be wrong with a lock, or with making one.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind};
use crate::fetch::FetchError;
use crate::process::ProcessError;

/// What can be wrong with a lock, or with making one.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    /// There is none.
    #[error("nothing is locked for {what}: there is no {}", path.display())]
    #[diagnostic(help(
        "`cargo xtask lock --update {what}` makes it, where its archive is enabled"
    ))]
    Missing {
        /// The file.
        path: PathBuf,
        /// What it would pin.
        what: String,
    },
    /// It does not fit the configuration any more.
    #[error("the lock of {lock} is stale: {why}")]
    #[diagnostic(help("`cargo xtask lock --update {lock}` makes it anew; commit the result"))]
    Stale {
        /// Which lock.
        lock: String,
        /// What does not fit.
        why: String,
    },
    /// A newer or older program wrote it.
    #[error("{} is in version {version} of the format; this program reads version {}", path.display(), super::FORMAT)]
    #[diagnostic(help("`cargo xtask lock --update` writes it anew"))]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// It is not what this program writes.
    #[error("{} is no lock file: {error}", path.display())]
    #[diagnostic(help(
        "it is made by `cargo xtask lock --update`, not by hand; `git checkout` brings the committed one back"
    ))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// A file could not be read or written.
    #[error("can't {doing} {}: {source}", path.display())]
    #[diagnostic(help("make room or give permission there"))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The keys of an archive are not on this machine.
    #[error("the keys of {archive} are not on this machine: there is no {keyring}")]
    #[diagnostic(help("`apt-get install {package}` brings them"))]
    NoKeyring {
        /// The archive.
        archive: String,
        /// The keyring.
        keyring: String,
        /// The package that has it.
        package: String,
    },
    /// apt could not fetch or verify an index.
    #[error("apt can't fetch or verify the indexes of {distribution}\n{words}")]
    #[diagnostic(help(
        "check the mirror and its address; a bad signature means that the mirror is not the archive, or that the keyring is too old"
    ))]
    Indexes {
        /// The distribution.
        distribution: String,
        /// What apt said.
        words: String,
    },
    /// apt found no solution.
    #[error("apt can't resolve the role `{role}` for {distribution}\n{words}")]
    #[diagnostic(help("its seeds are in packaging/targets.toml"))]
    Unsolvable {
        /// The role.
        role: String,
        /// The distribution.
        distribution: String,
        /// What apt said.
        words: String,
    },
    /// apt said something that this program does not understand.
    #[error("can't read apt's answer for the role `{role}`: {line}")]
    #[diagnostic(help("this is a bug, or a new version of apt; please report it with that line"))]
    Answer {
        /// The role.
        role: String,
        /// The line.
        line: String,
    },
    /// The Release file of a suite is not there or says no date.
    #[error("the Release file of {suite} has no usable {field}")]
    #[diagnostic(help("the mirror is not an archive of that suite"))]
    Release {
        /// The suite.
        suite: String,
        /// What is missing.
        field: &'static str,
    },
    /// The list of wheels can't be used.
    #[error("{file}, line {line}: {what}")]
    #[diagnostic(help("it is made by `python/lock.sh`"))]
    Requirements {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Something could not be fetched.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] FetchError),
    /// A program could not be run.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Process(#[from] ProcessError),
}

impl ExitKind for LockError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. }
            | Self::Stale { .. }
            | Self::Format { .. }
            | Self::Syntax { .. }
            | Self::Requirements { .. } => Exit::CheckFailed,
            Self::Unsolvable { .. } | Self::Answer { .. } | Self::Release { .. } => {
                Exit::CheckFailed
            }
            Self::Io { .. } | Self::NoKeyring { .. } | Self::Indexes { .. } => Exit::CannotHere,
            Self::Fetch(error) => error.exit(),
            Self::Process(error) => error.exit(),
        }
    }
}
