//! Runs a program and takes what it prints while it prints it.

use std::io::{self, Read as _};
use std::process::ExitStatus;

use base::files::FileError;
use base::process::{ProcessError, Program};

/// Runs a program to its end. `take` is given each piece of what it writes, to standard output and error alike, as it comes.
pub(crate) fn follow(
    program: &Program,
    mut take: impl FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<ExitStatus, ProcessError> {
    let name = || program.command_line()[0].to_string_lossy().into_owned();
    let not_started = |reason| ProcessError::Start {
        program: name(),
        reason,
    };
    let (mut reader, writer) = io::pipe().map_err(not_started)?;
    let mut command = program.command();
    command.stdout(writer.try_clone().map_err(not_started)?);
    command.stderr(writer);
    let mut child = command.spawn().map_err(not_started)?;
    drop(command); // and with it this process's ends of the pipe
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        take(&buffer[..length])?;
    }
    child.wait().map_err(not_started)
}
