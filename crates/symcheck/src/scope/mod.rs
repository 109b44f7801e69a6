//! Replays how the dynamic linker binds symbols: which definition each reference of each library gets, in a backend that
//! has opened an extension and then imports Python's libraries.
//!
//! The replay reads files and executes none. It follows glibc: libraries are searched breadth first, by RPATH, RUNPATH and
//! the system's directories, and a name that is loaded already is not searched at all; symbols are looked up in the
//! program's scope first and then in the library's own, by GNU's rules for versions; weak definitions count like others;
//! STB_GNU_UNIQUE, DT_SYMBOLIC, protected symbols, copy relocations and RTLD_DEEPBIND have the effects they have there.
//!
//! What it does not know: libraries that a program opens by itself while it runs, LD_PRELOAD and LD_LIBRARY_PATH, and audit
//! modules. A library that several modules need is evaluated as the first of them, in the order given, loads it.

mod files;
mod ld_so_conf;
mod names;
mod object;
mod parsed;
mod process;
#[cfg(test)]
mod tests;

use miette::Diagnostic;
use std::io;
use thiserror::Error;

use super::elf::ElfError;
use base::exit::{Exit, ExitKind};

pub use files::FileSystem;
pub use names::{Name, Names};
pub use object::{Object, Symbol};
pub use parsed::Remembered;
pub use process::{Binding, Loaded, Lookup, Process, Reference, Replaced, Site};

/// Why a process could not be replayed.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum ScopeError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Read { path: String, source: io::Error },
    /// A file is no library.
    #[error("can't load {path}: {source}")]
    Elf { path: String, source: ElfError },
    /// There is no such file.
    #[error("there is no {path} that could be loaded")]
    Absent { path: String },
}

impl ExitKind for ScopeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::Absent { .. } => Exit::Usage,
            Self::Elf { source, .. } => source.exit(),
        }
    }
}
