//! What can be wrong with a file of rules.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use base::exit::{Exit, ExitKind};
use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// Why the policy can't be used.
#[derive(Debug, Error, Diagnostic)]
pub enum PolicyError {
    /// A file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something in a file is wrong.
    #[error("{}: {what}", source_code.name())]
    Wrong {
        /// What is wrong.
        what: String,
        /// The file's text.
        #[source_code]
        source_code: NamedSource<String>,
        /// Where in it.
        #[label("here")]
        at: SourceSpan,
    },
}

impl ExitKind for PolicyError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl PolicyError {
    pub(crate) fn wrong(name: &str, text: &str, at: Range<usize>, what: impl Into<String>) -> Self {
        Self::Wrong {
            what: what.into(),
            source_code: NamedSource::new(name, text.to_owned()),
            at: at.into(),
        }
    }
}
