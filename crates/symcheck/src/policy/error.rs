//! What can be wrong with a file of rules.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base::exit::{Exit, ExitKind};
use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// Why the policy can't be used.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum PolicyError {
    /// A file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Something in a file is wrong.
    #[error("{}: {what}", source_code.name())]
    Wrong {
        what: String,
        /// The whole text, of which the report shows the lines around the mistake.
        #[source_code]
        source_code: NamedSource<String>,
        #[label("here")]
        at: SourceSpan,
    },
}

impl ExitKind for PolicyError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Reads a file of rules; returns its name in errors, and its text.
pub(crate) fn read(path: &Path) -> Result<(String, String), PolicyError> {
    let text = fs::read_to_string(path).map_err(|source| PolicyError::Read {
        path: path.to_owned(),
        source,
    })?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok((name.to_string_lossy().into_owned(), text))
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
