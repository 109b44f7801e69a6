//! The second witness of a package: `dpkg-deb` lists the same file and must see as many files, so that the reader is itself
//! checked.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::Deb;
use base::exit::{Exit, ExitKind};
use base::process::{ProcessError, Program};

/// Why the second witness does not confirm what was read.
#[derive(Debug, Error, Diagnostic)]
pub enum ListingError {
    /// It is not installed.
    #[error("the second witness of packages is missing: {0}")]
    #[diagnostic(help("apt install dpkg"))]
    Missing(ProcessError),
    /// It could not read the package, though this tool could.
    #[error("`dpkg-deb --contents` can't read it, though this tool can: {stderr}")]
    Refused {
        /// What dpkg-deb wrote to standard error.
        stderr: String,
    },
    /// It saw something else.
    #[error("`dpkg-deb --contents` lists {theirs} files, and this tool sees {ours}")]
    #[diagnostic(help(
        "one of the two passes something over, so neither is trusted: an archive in several compressed streams is the usual cause; compress it again"
    ))]
    Disagrees {
        /// How many it lists.
        theirs: usize,
        /// How many were read.
        ours: usize,
    },
}

impl ExitKind for ListingError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing(_) => Exit::CannotHere,
            Self::Refused { .. } | Self::Disagrees { .. } => Exit::CheckFailed,
        }
    }
}

/// Has `dpkg-deb` list a package that was read, and compares the number of files. tar escapes line feeds,
/// so that each name is on one line.
pub fn confirm(path: &Path, deb: &Deb) -> Result<(), ListingError> {
    let output = Program::new("dpkg-deb")
        .arg("--contents")
        .arg(path)
        .attempt()
        .map_err(ListingError::Missing)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ListingError::Refused { stderr });
    }
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n');
    let (theirs, ours) = (lines.count(), deb.files.len());
    match theirs == ours {
        true => Ok(()),
        false => Err(ListingError::Disagrees { theirs, ours }),
    }
}
