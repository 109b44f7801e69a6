//! Runs Python code in a process of its own, so that what would end the server's process ends that one.
//!
//! The process is a fork of the backend: packages that are loaded and rows that are read are there without a copy. What
//! makes a fork of a backend dangerous is given up before anything else runs (`become_child`): the shared memory, the
//! open files and sockets, the signal handlers, what Postgres does at exit. What comes out goes back through a pipe.
//!
//! The parent waits without running Python. An ERROR there kills the child, whatever that is doing; so does the kernel
//! when the parent ends in another way.

use std::ffi::c_int;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pgml_core::frames::Frames;
use pyo3::prelude::*;

use super::progress::{self, ProgressReader};
use super::{runtime, warnings};
use crate::error::{Error, Failure, Result};
use crate::fit::Store;
use crate::memory;
use crate::progress::{self as waiting, Progress};

/// The size of the pipe through which a child answers, and of what is read at once: the pickle of a model has many MB.
const PIPE: usize = 1 << 20;

/// How long the parent waits before it looks for interrupts whose signal it got just before it began to wait.
const LOOK: c_int = 50;

/// How the work of a child went, as its answer says behind the warnings.
const DONE: usize = 0;
/// Python raised an exception.
const PYTHON: usize = 1;
/// The work failed for another reason.
const RAISED: usize = 2;

/// What a child has to say: numbers, texts and arrays one after the other, each with its length before it.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend(bytes);
    }

    pub fn floats(&mut self, floats: &[f64]) {
        self.0.extend((floats.len() as u64 * 8).to_le_bytes());
        floats.iter().for_each(|float| self.0.extend(float.to_le_bytes()));
    }

    /// A list of one text or none.
    pub fn optional(&mut self, text: Option<&str>) {
        self.texts(text.as_slice());
    }

    pub fn texts<T: AsRef<str>>(&mut self, texts: &[T]) {
        self.number(texts.len());
        texts.iter().for_each(|text| self.bytes(text.as_ref().as_bytes()));
    }

    pub fn number(&mut self, number: usize) {
        self.0.extend((number as u64).to_le_bytes());
    }
}

/// Reads a message; `None` if it is cut off, as the child ended while it wrote.
pub struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    pub fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        usize::try_from(u64::from_le_bytes(*number)).ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn text(&mut self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }

    pub fn optional(&mut self) -> Option<Option<String>> {
        self.texts().map(|texts| texts.into_iter().next())
    }

    pub fn floats(&mut self) -> Option<Vec<f64>> {
        let chunks = self.bytes()?.as_chunks::<8>().0;
        Some(chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }
}

/// Run `work` in a child, and hand what it `write`s to `read`. What Python warned of and failed with arrives as if it had
/// run here. What `work` itself writes into the pipe that it is given, in frames, goes to `store` meanwhile.
pub fn run<T, R>(
    what: &str,
    work: impl FnOnce(Python<'_>, RawFd) -> PyResult<T>,
    write: impl FnOnce(&T, &mut Message),
    read: impl FnOnce(&mut Answer<'_>) -> Option<R>,
    store: Store<'_>,
) -> Result<R> {
    let limit = memory::limit();
    let (reader, writer) = pipe().map_err(|cause| cannot_start(&cause))?;
    // SAFETY: sets the size of a pipe of this process. Where it may not be so large, it stays as it is.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE as c_int) };
    let (news, teller) = pipe().map_err(|cause| cannot_start(&cause))?;
    // SAFETY: asks for a number.
    let parent = unsafe { libc::getpid() };
    let child = runtime::call(|py| {
        // Python's own fork, which also puts its locks and those of its libraries in order.
        let pid: libc::pid_t = py.import("os")?.call_method0("fork")?.extract()?;
        if pid == 0 {
            progress::write_to(teller.as_raw_fd());
            live(py, parent, [writer.as_raw_fd(), teller.as_raw_fd()], limit, work, write);
        }
        Ok(Child { pid: Some(pid) })
    })?;
    drop((writer, teller));
    let message = child.listen(what, &reader, ProgressReader::of(news), store)?;
    let status = child.end();
    let mut answer = Answer(&message);
    match understood(&mut answer, read) {
        Some((messages, result)) => {
            messages.into_iter().for_each(warnings::collect);
            warnings::raise();
            result
        }
        None => Err(died(what, status, limit).into()),
    }
}

/// The warnings, and what came of the work.
fn understood<R>(
    answer: &mut Answer<'_>,
    read: impl FnOnce(&mut Answer<'_>) -> Option<R>,
) -> Option<(Vec<String>, Result<R>)> {
    let messages = answer.texts()?;
    let result = match answer.number()? {
        DONE => Ok(read(answer)?),
        kind => {
            let (sqlstate, message) = (answer.text()?, answer.text()?);
            let failure = Failure { sqlstate, message, detail: answer.optional()?, hint: answer.optional()? };
            Err(if kind == PYTHON { Error::Python(Box::new(failure)) } else { failure.into() })
        }
    };
    Some((messages, result))
}

/// The life of a child, which never returns.
fn live<T>(
    py: Python<'_>,
    parent: libc::pid_t,
    pipes: [RawFd; 2],
    limit: Option<u64>,
    work: impl FnOnce(Python<'_>, RawFd) -> PyResult<T>,
    write: impl FnOnce(&T, &mut Message),
) -> ! {
    // A panic ends here too: the frames above are those of the parent.
    let done = catch_unwind(AssertUnwindSafe(|| {
        let result = become_child(parent, pipes, limit)
            .map_err(|cause| cannot_start(&cause))
            .and_then(|()| runtime::bound(py, || work(py, pipes[0])));
        let mut message = Message::default();
        // No frame follows.
        message.number(0);
        message.texts(&warnings::take());
        match result {
            Ok(value) => {
                message.number(DONE);
                write(&value, &mut message);
            }
            Err(error) => {
                let (kind, failure) = failure(error);
                message.number(kind);
                message.bytes(failure.sqlstate.as_bytes());
                message.bytes(failure.message.as_bytes());
                message.optional(failure.detail.as_deref());
                message.optional(failure.hint.as_deref());
            }
        }
        // SAFETY: open, and of nobody else in this process.
        let mut pipe = unsafe { File::from_raw_fd(pipes[0]) };
        pipe.write_all(&message.0).is_ok()
    }));
    // SAFETY: ends the process, with nothing of what others asked to be done at its end.
    unsafe { libc::_exit(if matches!(done, Ok(true)) { 0 } else { 1 }) }
}

/// An error as a child hands it to its parent: [`PYTHON`] or [`RAISED`], and its parts.
fn failure(error: Error) -> (usize, Failure) {
    match error {
        Error::Python(failure) => (PYTHON, *failure),
        Error::Raised(failure) => (RAISED, *failure),
        other => (RAISED, Failure::new("XX000", other.to_string())),
    }
}

// SAFETY: as Postgres declares them. The first forgets a few lists; the second tells whether the postmaster lives
// (storage/pmsignal.h).
unsafe extern "C" {
    fn on_exit_reset();
    fn PostmasterIsAliveInternal() -> bool;
}

/// Give up everything of the server that the fork brought along.
fn become_child(parent: libc::pid_t, keep: [RawFd; 2], limit: Option<u64>) -> std::io::Result<()> {
    // SAFETY: calls of the system that change this process only, with plain values; `on_exit_reset` is what each process of
    // Postgres calls after its fork. The mappings that go are Postgres's, and nobody in this process uses them from here.
    unsafe {
        on_exit_reset();
        for signal in 1..libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        if libc::getppid() != parent {
            libc::_exit(1);
        }
        // Signals for the backend's group are not for this process.
        libc::setpgid(0, 0);
        for file in open_files()? {
            if file > libc::STDERR_FILENO && !keep.contains(&file) {
                libc::close(file);
            }
        }
        for (start, end) in shared_mappings()? {
            libc::munmap(start as *mut libc::c_void, end - start);
        }
    }
    if !shared_mappings()?.is_empty() {
        return Err(std::io::Error::other("it still has memory of the server"));
    }
    // When the system has no memory left, it is this process that goes. Not everywhere may it say so.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    limit.map_or(Ok(()), limit_memory)
}

fn open_files() -> std::io::Result<Vec<RawFd>> {
    let names = fs::read_dir("/proc/self/fd")?.map(|entry| entry.map(|entry| entry.file_name()));
    let names: std::io::Result<Vec<_>> = names.collect();
    Ok(names?.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// The memory that this process has in common with others, from where to where.
fn shared_mappings() -> std::io::Result<Vec<(usize, usize)>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    Ok(maps.lines().filter_map(shared).collect())
}

fn shared(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split(' ');
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    words.next()?.ends_with('s').then_some((address(start)?, address(end)?))
}

/// Let this process have `limit` bytes more than it has.
fn limit_memory(limit: u64) -> std::io::Result<()> {
    let sizes = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = sizes.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    // SAFETY: asks for a number, and sets limits of this process.
    let result = unsafe {
        // A thread that sends the model would else reserve 64 MB for a heap of its own.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        let page = libc::sysconf(libc::_SC_PAGESIZE) as u64;
        let most = pages.saturating_mul(page).saturating_add(limit);
        libc::setrlimit(libc::RLIMIT_AS, &libc::rlimit { rlim_cur: most, rlim_max: most })
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The threads of this session that a fork would not have, and that libraries in the child would wait for: those of
/// OpenMP after a prediction with `pgml.omp_num_threads` above 1, and those of other extensions' libraries.
pub fn other_threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    // This one, and the watcher of interrupts.
    threads.saturating_sub(2)
}

fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: fills both, and nobody else has them.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

fn cannot_start(cause: &std::io::Error) -> Error {
    Failure::new("53000", format!("the process for a training can't be started: {cause}")).into()
}

/// The postmaster was killed. Its sessions have to end soon: no server starts on the same data before they have.
fn orphaned() -> Error {
    Failure::new("57P02", "the training was ended because the server's main process is gone").into()
}

/// A child that was not waited for yet. Killed when it is dropped.
struct Child {
    pid: Option<libc::pid_t>,
}

impl Child {
    /// The answer that the child writes until it closes the pipe; frames before it go to `store`. Meanwhile the session is told
    /// where it is.
    fn listen(&self, what: &str, reader: &OwnedFd, mut news: ProgressReader, store: Store<'_>) -> Result<Vec<u8>> {
        let progress = Progress::start();
        let mut frames = Frames::default();
        let mut part = vec![0; PIPE];
        loop {
            // An ERROR goes up from here as a panic, past `drop`.
            pgrx::check_for_interrupts!();
            // SAFETY: reads a variable of the backend, and from a pipe of the server without waiting, as its own processes
            // do. A stand-alone backend (`postgres --single`) has neither a postmaster nor that pipe.
            if unsafe { pgrx::pg_sys::IsUnderPostmaster && !PostmasterIsAliveInternal() } {
                return Err(orphaned());
            }
            news.listen();
            progress.tell(|seconds| {
                let place = news.last().map_or(String::new(), |place| format!(", {place}"));
                format!("{what}: {seconds} s{place}")
            });
            let mut wanted = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, valid during the call.
            if unsafe { libc::poll(&mut wanted, 1, LOOK) } <= 0 {
                continue;
            }
            // SAFETY: the buffer has that length.
            let read = unsafe { libc::read(reader.as_raw_fd(), part.as_mut_ptr().cast(), part.len()) };
            match usize::try_from(read) {
                Ok(0) => return Ok(frames.answer()),
                Ok(count) => frames.take(&part[..count], |bytes| waiting::interrupted(|| store(bytes)))?,
                Err(_) => {
                    let cause = std::io::Error::last_os_error();
                    if cause.kind() != std::io::ErrorKind::Interrupted {
                        return Err(cannot_start(&cause));
                    }
                }
            }
        }
    }

    /// Wait for the end of a child that has closed its pipe; how it ended.
    fn end(mut self) -> c_int {
        self.pid.take().map_or(0, wait)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.pid.take() {
            // SAFETY: a child of this process that nobody has waited for: the number is no other's.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            wait(pid);
        }
    }
}

fn wait(pid: libc::pid_t) -> c_int {
    let mut status = 0;
    // SAFETY: fills the status.
    while unsafe { libc::waitpid(pid, &mut status, 0) } < 0
        && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
    {}
    status
}

/// A child ended without an answer.
fn died(what: &str, status: c_int, limit: Option<u64>) -> Failure {
    let allowed = limit.map_or(String::new(), |limit| format!("pgml.memory_limit allows {} MB. ", limit >> 20));
    let (how, hint) = if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        let (name, hint) = match signal {
            libc::SIGSEGV => ("SIGSEGV, an access to memory that is not its own", ""),
            libc::SIGBUS => ("SIGBUS, an access to memory that is not there", ""),
            libc::SIGILL => ("SIGILL, an instruction that the processor does not have", ""),
            libc::SIGFPE => ("SIGFPE, a calculation without a result", ""),
            libc::SIGABRT => ("SIGABRT, a library gave up", "Libraries do so when they get no memory, too. "),
            libc::SIGKILL => ("SIGKILL", "The system kills a process when no memory is left. "),
            _ => ("a signal", ""),
        };
        (format!("by signal {signal} ({name})"), hint)
    } else {
        (format!("with exit code {}", libc::WEXITSTATUS(status)), "")
    };
    Failure::new("58000", format!("{what} was ended {how}"))
        .with_detail("It ran in a process of its own: the session and the server go on.")
        .with_hint(format!("{hint}{allowed}Train on fewer rows, or with another algorithm or other hyperparameters."))
}
