//! How far the training in a child process is: short lines through a pipe of their own, of which the parent keeps the last one.

use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

/// The end of the pipe into which a child writes; -1 in every other process.
static WRITER: AtomicI32 = AtomicI32::new(-1);

/// The callable that takes the place of `pgml_runtime.tell_progress`.
pub fn teller(py: Python<'_>) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, Some(c"tell_progress"), None, |arguments, _| -> PyResult<()> {
        let writer = WRITER.load(Relaxed);
        if writer >= 0 {
            let message: String = arguments.get_item(0)?.str()?.extract()?;
            // SAFETY: open as long as this process lives; it is not closed here.
            let mut pipe = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(writer) });
            // A pipe that is full has older news that nobody has read yet: these are lost, and the next may not be.
            let _ = pipe.write(format!("{message}\n").as_bytes());
        }
        Ok(())
    })
}

/// Make this process, a child, write its progress there.
pub fn write_to(writer: RawFd) {
    // SAFETY: sets a flag of a pipe of this process.
    unsafe { libc::fcntl(writer, libc::F_SETFL, libc::O_NONBLOCK) };
    WRITER.store(writer, Relaxed);
}

/// The end of the pipe from which the parent reads, and what it has read.
pub struct ProgressReader {
    reader: OwnedFd,
    text: Vec<u8>,
}

impl ProgressReader {
    pub fn of(reader: OwnedFd) -> ProgressReader {
        // SAFETY: sets a flag of a pipe that is this process's.
        unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        ProgressReader { reader, text: Vec::new() }
    }

    /// Read what has come, and keep the last whole line.
    pub fn listen(&mut self) {
        let mut part = [0; 4096];
        loop {
            // SAFETY: the buffer has that length; a pipe that is empty or closed gives no bytes.
            let read = unsafe { libc::read(self.reader.as_raw_fd(), part.as_mut_ptr().cast(), part.len()) };
            match usize::try_from(read) {
                Ok(count) if count > 0 => self.text.extend(&part[..count]),
                _ => break,
            }
        }
        if let Some(end) = self.text.iter().rposition(|byte| *byte == b'\n') {
            let start = self.text[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
            self.text.drain(..start);
        }
    }

    /// The last line; none before the first.
    pub fn last(&self) -> Option<String> {
        let end = self.text.iter().position(|byte| *byte == b'\n')?;
        Some(String::from_utf8_lossy(&self.text[..end]).into_owned())
    }
}
