//! Data for a stream that a caller gives, which is standard output.

use std::io::{self, Write};

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind, Failure};

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

/// Writes text to standard output, which the caller gives. A reader that has seen enough, such as `head`, is no error.
pub fn write(mut standard_output: impl Write, text: &str) -> Result<(), Failure> {
    match standard_output.write_all(text.as_bytes()) {
        Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => {
            Err(OutputError { reason }.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_reader_that_left_is_none() {
        assert!(write(Fails(io::ErrorKind::BrokenPipe), "text").is_ok());
        let failure = write(Fails(io::ErrorKind::StorageFull), "text").unwrap_err();
        assert_eq!(failure.exit, Exit::CannotHere);
    }
}
