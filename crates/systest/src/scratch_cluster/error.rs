//! The reasons why there is no server with the build in it.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind};

/// The reasons why there is no server with the build in it.
#[derive(Debug, Error, Diagnostic)]
pub enum ScratchError {
    /// The server, or the Python that the extension embeds, is not installed.
    #[error("this machine lacks {what}")]
    #[diagnostic(help("run `{line}`"))]
    NotInstalled {
        /// The program or package that is missing.
        what: String,
        /// The line that installs it.
        line: String,
    },
    /// Another run holds the cluster.
    #[error("the scratch cluster {} is in use by another run", dir.display())]
    #[diagnostic(help("end the other `cargo xtask dev`; for a second psql beside it: `{psql}`"))]
    InUse {
        /// The directory of the cluster that the other run has locked.
        dir: PathBuf,
        /// The command that connects to the running server.
        psql: String,
    },
    /// The server ended, or never said that it was ready.
    #[error("the scratch server did not start\n{tail}")]
    #[diagnostic(help(
        "its whole log is in {}; `cargo xtask dev --fresh` starts over with an empty cluster",
        log.display()
    ))]
    NotStarted {
        /// The end of its log.
        tail: String,
        /// The file with the whole log of the server.
        log: PathBuf,
    },
    /// The user asked to end while the server was starting.
    #[error("interrupted while the scratch server was starting")]
    Interrupted,
}

impl ExitKind for ScratchError {
    fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::CheckFailed,
            _ => Exit::CannotHere,
        }
    }
}
