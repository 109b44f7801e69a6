//! Standard output, for data alone.

use std::io::{self, Write};

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};

/// The data could not be written.
#[derive(Debug, Error, Diagnostic)]
#[error("can't write to standard output: {reason}")]
struct OutputError {
    reason: io::Error,
}

impl ExitKind for OutputError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// Writes to standard output. A reader that has seen enough, such as `head`, is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => {
            Err(OutputError { reason }.into())
        }
        _ => Ok(()),
    }
}

/// Writes one JSON document.
pub fn print_json(document: &impl serde::Serialize) -> Result<(), Failure> {
    // INVARIANT: documents are plain data with string keys, which always serialise.
    let json = serde_json::to_string_pretty(document).unwrap_or_default();
    print(&format!("{json}\n"))
}
