//! What can be wrong with a lock.

use std::path::PathBuf;

use base::exit::{Exit, ExitKind};
use base::files::FileError;
use miette::Diagnostic;
use thiserror::Error;

/// What can be wrong with a lock.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    /// No lock has been made yet.
    #[error("nothing is locked for {what}: there is no {}", path.display())]
    #[diagnostic(help(
        "`cargo xtask lock --update {what}` makes it, where its archive is enabled"
    ))]
    Missing {
        /// The path that the lock would have.
        path: PathBuf,
        /// What it would pin.
        what: String,
    },
    /// It does not fit the configuration any more.
    #[error("the lock of {lock} is stale: {why}")]
    #[diagnostic(help("`cargo xtask lock --update {lock}` makes it anew; commit the result"))]
    Stale {
        /// The name that `cargo xtask lock` takes.
        lock: String,
        /// What does not fit.
        why: String,
    },
    /// A newer or older program wrote it.
    #[error("{} is in version {version} of the format; this program reads version {}", path.display(), super::FORMAT)]
    #[diagnostic(help("`cargo xtask lock --update` writes it anew"))]
    Format {
        /// The path of the lock.
        path: PathBuf,
        /// The version that the file names.
        version: u32,
    },
    /// It is not what this program writes.
    #[error("{} is no lock file: {error}", path.display())]
    #[diagnostic(help(
        "it is made by `cargo xtask lock --update`, not by hand; `git checkout` brings the committed one back"
    ))]
    Syntax {
        /// The path of the lock.
        path: PathBuf,
        /// What the parser says, with the line.
        error: Box<toml::de::Error>,
    },
    /// The list of wheels can't be used.
    #[error("{file}, line {line}: {what}")]
    #[diagnostic(help("it is made by `python/lock.sh`"))]
    Requirements {
        /// The list's name, relative to the source tree.
        file: String,
        /// The number of the line, from 1.
        line: usize,
        /// The fault, in one line.
        what: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
}

impl ExitKind for LockError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. }
            | Self::Stale { .. }
            | Self::Format { .. }
            | Self::Syntax { .. }
            | Self::Requirements { .. } => Exit::CheckFailed,
            Self::File(error) => error.exit(),
        }
    }
}
