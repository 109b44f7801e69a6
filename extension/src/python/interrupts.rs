//! Lets a cancel, a timeout or a termination reach Python code that runs.
//!
//! Postgres's signal handlers only set flags; whoever runs for long has to look at them. Python code does not, so this
//! does it in its place, in two halves:
//!
//! - A thread of each backend that has used Python, the *watcher*, reads Postgres's flag `InterruptPending` every 20 ms
//!   while Python runs, and asks the interpreter for a pending call when it is set. It calls nothing of Postgres, runs no
//!   Python code, and has all signals blocked, so that Postgres's handlers never run in it.
//! - The interpreter makes that call in the main thread, between two instructions of byte code. There Postgres's own
//!   `ProcessInterrupts` is safe. What it only has to answer (another session that waits for all of them) is done, and
//!   Python goes on. An ERROR is kept aside: Python's frames are left by a KeyboardInterrupt, and then it is raised.
//!
//! Why so: a signal handler may not ask for a pending call, which takes a lock. `PyErr_SetInterrupt`, which may be used
//! there, only works where Python owns SIGINT, and would take it from Postgres and PL/Python. An asynchronous exception
//! can't be called back when the work is done meanwhile. A pending call that comes late, when PL/Python runs, finds that
//! out in the main thread, and does nothing.
//!
//! Up to Python 3.12 a pending call that another thread asks for is only noticed when something else makes the
//! interpreter look. So the watcher also asks for Python's lock, which does, and gives it back at once.
//!
//! C code that runs long and comes back to no byte code is not interrupted, but as soon as it does.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::ffi::{c_int, c_void};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use pgrx::pg_sys;
use pyo3::ffi;
use pyo3::prelude::*;

use super::warnings;
use crate::error::{Failure, Result};

/// How often the watcher looks.
const PERIOD: Duration = Duration::from_millis(20);
/// How long Python code that caught the exception is left alone before it gets another.
const AGAIN: Duration = Duration::from_millis(200);
/// How many looks without any work until the watcher sleeps; waking it takes longer than a prediction.
const IDLE: u32 = 50;

/// Python code of ours runs in the main thread.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// The pending call was asked for, and not made yet.
static ASKED: AtomicBool = AtomicBool::new(false);
/// The watcher waits for Python's lock.
static WAITING: AtomicBool = AtomicBool::new(false);
/// There is an ERROR to raise.
static FAILED: AtomicBool = AtomicBool::new(false);
/// The watcher sleeps until it is woken.
static ASLEEP: AtomicBool = AtomicBool::new(false);
static WATCHER: OnceLock<Thread> = OnceLock::new();

thread_local! {
    /// The ERROR that ended the work, as pgrx caught it.
    static ERROR: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
    /// `must_wait` of the module below.
    static MUST_WAIT: OnceCell<Py<PyAny>> = const { OnceCell::new() };
}

/// Run `work`, which calls Python, so that it can be interrupted. An interrupt is raised as Postgres words it.
///
/// The interpreter has to be started, and no value with a destructor to be left behind by the caller.
pub fn allow<T>(work: impl FnOnce() -> T) -> Result<T> {
    let watcher = watcher()?;
    let running = Running::start(watcher);
    let result = work();
    let error = ERROR.with(RefCell::take);
    drop(running);
    match error {
        None => Ok(result),
        Some(error) => {
            drop(result);
            warnings::discard();
            resume_unwind(error)
        }
    }
}

/// Run `work`, which an exception would end in a way that nobody understands, without interrupts: they reach what follows.
pub fn postpone<T>(work: impl FnOnce() -> T) -> T {
    let was = RUNNING.swap(false, SeqCst);
    let result = work();
    if was && let Some(watcher) = WATCHER.get() {
        // Whoever made it go on stops it, too.
        std::mem::forget(Running::start(watcher));
    }
    result
}

/// While one of these lives, interrupts reach Python.
struct Running;

impl Running {
    fn start(watcher: &Thread) -> Running {
        RUNNING.store(true, SeqCst);
        if ASLEEP.load(SeqCst) {
            watcher.unpark();
        }
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.store(false, SeqCst);
        FAILED.store(false, SeqCst);
        // No byte code ran since it began to wait. Nor will any for a long time, perhaps; waiting costs it a little.
        while WAITING.load(SeqCst) {
            Python::attach(|py| py.detach(|| thread::sleep(Duration::from_micros(100))));
        }
        // Left over when the work panicked; that is an ERROR too.
        ERROR.with(RefCell::take);
    }
}

/// The watcher of this backend, started if there is none yet. The postmaster never comes here: it runs no SQL.
fn watcher() -> Result<&'static Thread> {
    if let Some(watcher) = WATCHER.get() {
        return Ok(watcher);
    }
    let wrong = |message: String| {
        Failure::new("53000", message).with_hint("Without it a running training could not be cancelled.")
    };
    Python::attach(|py| {
        let code = include_str!("../../../python/pgml_runtime/interrupts.py");
        let code = std::ffi::CString::new(code)?;
        let module = PyModule::from_code(py, &code, c"pgml_runtime/interrupts.py", c"pgml_runtime.interrupts")?;
        let must_wait = module.getattr("must_wait")?.unbind();
        MUST_WAIT.with(|cell| cell.set(must_wait)).unwrap_or_default();
        Ok(())
    })
    .map_err(|error: PyErr| wrong(format!("pgml's Python modules can't be loaded: {error}")))?;
    let spawned = with_signals_blocked(|| {
        // It needs a few hundred bytes; the rest is for the thread-local variables of all libraries in the process.
        thread::Builder::new().name("pgml-watcher".into()).stack_size(256 << 10).spawn(watch)
    });
    let thread = spawned.map_err(|error| wrong(format!("can't start the thread that watches for cancels: {error}")))?;
    Ok(WATCHER.get_or_init(|| thread.thread().clone()))
}

/// A thread inherits the signals that are blocked.
fn with_signals_blocked<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: sets are filled before they are read; the mask of this thread is put back as it was.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        let result = work();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}

/// The watcher's life. It must not panic, allocate, or touch Postgres.
fn watch() {
    let mut idle = 0;
    loop {
        if RUNNING.load(SeqCst) {
            idle = 0;
            if (FAILED.load(SeqCst) || is_pending()) && !ASKED.swap(true, SeqCst) {
                ask();
            }
        } else if idle < IDLE {
            idle += 1;
        } else {
            ASLEEP.store(true, SeqCst);
            // Whoever starts work sets RUNNING before it looks whether to wake us: one of the two sees the other.
            if !RUNNING.load(SeqCst) {
                thread::park();
            }
            ASLEEP.store(false, SeqCst);
            idle = 0;
        }
        thread::sleep(if FAILED.load(SeqCst) { AGAIN } else { PERIOD });
    }
}

/// Ask the interpreter for the pending call, and make it look.
fn ask() {
    // SAFETY: may be called from any thread; the interpreter has started, and never ends before the process.
    let refused = unsafe { ffi::Py_AddPendingCall(Some(interrupt), std::ptr::null_mut()) } != 0;
    if refused {
        // Its queue is full. Next time.
        ASKED.store(false, SeqCst);
        return;
    }
    WAITING.store(true, SeqCst);
    // SAFETY: gives this thread a state for as long as it holds the lock.
    unsafe { ffi::PyGILState_Release(ffi::PyGILState_Ensure()) };
    WAITING.store(false, SeqCst);
}

fn is_pending() -> bool {
    // SAFETY: a flag that signal handlers set at any time; Postgres reads it in the same way.
    unsafe { std::ptr::read_volatile(&raw const pg_sys::InterruptPending) != 0 }
}

/// The pending call: in the main thread, with Python's lock held, between two instructions.
extern "C" fn interrupt(_: *mut c_void) -> c_int {
    let answer = answer();
    ASKED.store(false, SeqCst);
    answer
}

fn answer() -> c_int {
    if !RUNNING.load(SeqCst) || must_wait() {
        return 0;
    }
    if !FAILED.load(SeqCst) {
        // SAFETY: no lock of Postgres is held while Python runs. An ERROR arrives as a panic, and does not go on through
        // the interpreter's frames; termination ends the process.
        match catch_unwind(|| unsafe { pg_sys::ProcessInterrupts() }) {
            Ok(()) => return 0,
            Err(error) => ERROR.with(|kept| *kept.borrow_mut() = Some(error)),
        }
        FAILED.store(true, SeqCst);
    }
    // SAFETY: the lock is held. The exception tells the interpreter, together with -1, why the call failed.
    unsafe { ffi::PyErr_SetNone(ffi::PyExc_KeyboardInterrupt) };
    -1
}

/// Whether the interrupted code would be left in a state that the session can't recover from.
fn must_wait() -> bool {
    Python::attach(|py| {
        MUST_WAIT.with(|function| match function.get() {
            Some(function) => function.call0(py).and_then(|answer| answer.extract(py)).unwrap_or(false),
            None => false,
        })
    })
}
