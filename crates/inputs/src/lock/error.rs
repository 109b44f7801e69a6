//! Why a lock can't be made.

use base::exit::{Exit, ExitKind};
use base::files::FileError;
use base::process::ProcessError;
use miette::Diagnostic;
use targets::lock::LockError;
use thiserror::Error;

use crate::fetch::FetchError;

/// Why a lock can't be made.
#[derive(Debug, Error, Diagnostic)]
pub enum LockingError {
    /// The keys of an archive are not on this machine.
    #[error("the keys of {archive} are not on this machine: there is no {keyring}")]
    #[diagnostic(help("`apt-get install {package}` brings them"))]
    NoKeyring {
        /// The archive's name in `targets.toml`.
        archive: String,
        /// The path of the keyring.
        keyring: String,
        /// The package that has it.
        package: String,
    },
    /// apt could not fetch or verify an index.
    #[error("apt can't fetch or verify the indexes of {distribution}\n{output}")]
    #[diagnostic(help(
        "check the mirror and its address; a bad signature means that the mirror is not the archive, or that the keyring is too old"
    ))]
    Indexes {
        /// The id of the distribution.
        distribution: String,
        /// The errors that apt printed.
        output: String,
    },
    /// apt found no solution.
    #[error("apt can't resolve the role `{role}` for {distribution}\n{output}")]
    #[diagnostic(help("its seeds are in packaging/targets.toml"))]
    Unsolvable {
        /// The role's name in `targets.toml`.
        role: String,
        /// The id of the distribution.
        distribution: String,
        /// The errors that apt printed.
        output: String,
    },
    /// apt printed a line that this program can't read.
    #[error("can't read apt's answer for the role `{role}`: {line}")]
    #[diagnostic(help("this is a bug, or a new version of apt; please report it with that line"))]
    Answer {
        /// The role's name in `targets.toml`.
        role: String,
        /// The line that could not be read.
        line: String,
    },
    /// The Release file of a suite is not there or says no date.
    #[error("the Release file of {suite} has no usable {field}")]
    #[diagnostic(help("the mirror is not an archive of that suite"))]
    Release {
        /// The suite, as `targets.toml` names it.
        suite: String,
        /// The field that is missing or can't be read.
        field: &'static str,
    },
    /// Something is wrong with a lock that is there, or with what the new one is made from.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// Something could not be fetched.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] FetchError),
    /// A file could not be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// A program could not be run.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Process(#[from] ProcessError),
}

impl ExitKind for LockingError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unsolvable { .. } | Self::Answer { .. } | Self::Release { .. } => {
                Exit::CheckFailed
            }
            Self::NoKeyring { .. } | Self::Indexes { .. } => Exit::CannotHere,
            Self::Lock(error) => error.exit(),
            Self::Fetch(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Process(error) => error.exit(),
        }
    }
}
