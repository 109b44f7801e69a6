//! Why the libraries around a target's can't be told.

use std::path::PathBuf;

use base::exit::{Exit, ExitKind};
use debian::deb::reader::DebError;
use miette::Diagnostic;
use thiserror::Error;

/// The libraries can't be told.
#[derive(Debug, Error, Diagnostic)]
pub(super) enum SystemLibrariesError {
    #[error("can't read {package}: {source}")]
    Package { package: String, source: DebError },
    #[error("the locked packages of {distribution} have no {what}")]
    #[diagnostic(help("`cargo xtask lock --update {distribution}` pins them again"))]
    Lacks { distribution: String, what: String },
    #[error("{} has no server of PostgreSQL {major}: there is no {program}", root.display())]
    #[diagnostic(help(
        "name a target of a major that is there (`--target TARGET`), or another root"
    ))]
    NoServerInRoot {
        root: PathBuf,
        major: u16,
        program: String,
    },
    #[error("no server of PostgreSQL {major} can be read here")]
    #[diagnostic(help("lock a distribution that has one (`cargo xtask lock --update DISTRO`)"))]
    NoServer { major: u16 },
}

impl ExitKind for SystemLibrariesError {
    fn exit(&self) -> Exit {
        match self {
            Self::Package { source, .. } => source.exit(),
            Self::Lacks { .. } | Self::NoServerInRoot { .. } => Exit::Usage,
            Self::NoServer { .. } => Exit::CannotHere,
        }
    }
}
