//! Why a file can't be judged.

use std::io;
use std::path::PathBuf;

use base::exit::{Exit, ExitKind};
use base::files::FileError;
use miette::Diagnostic;
use thiserror::Error;

/// Why something can't be judged.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum InputError {
    /// It can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It can't be read whole.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is neither a library nor a package.
    #[error("{} is neither an ELF file nor a .deb", path.display())]
    #[diagnostic(help("give a shared library, a .deb or a directory that holds some"))]
    Kind { path: PathBuf },
    /// It is no library, where packages are not read.
    #[error("{} is no ELF file", path.display())]
    #[diagnostic(help("give a shared library, or a directory that holds some"))]
    NotElf { path: PathBuf },
    /// It is a package, where these are not read.
    #[error("{} is a package, and what is in it is judged", path.display())]
    #[diagnostic(help("unpack it (`dpkg-deb -x PACKAGE DIR`) and give the directory"))]
    Package { path: PathBuf },
    /// A directory can't be searched.
    #[error("can't look into {}: {source}", path.display())]
    Walk {
        path: PathBuf,
        source: walkdir::Error,
    },
    /// It is something else, and fine as that.
    #[error("{} is {what}, not a shared library", path.display())]
    Other { path: PathBuf, what: String },
    /// It ought to be a library.
    #[error("{} is broken: {why}", path.display())]
    Broken { path: PathBuf, why: String },
    /// There is no library in it.
    #[error("{} has no shared library, so there is nothing that could be proven", path.display())]
    Empty { path: PathBuf },
}

impl ExitKind for InputError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. }
            | Self::Kind { .. }
            | Self::NotElf { .. }
            | Self::Package { .. }
            | Self::Walk { .. }
            | Self::Other { .. }
            | Self::File(_) => Exit::Usage,
            Self::Empty { .. } | Self::Broken { .. } => Exit::CheckFailed,
        }
    }
}
