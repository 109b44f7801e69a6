//! Where a long training is: a NOTICE every ten seconds, and a wait event while a model is fitted.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pgrx::pg_sys;

use crate::text;

/// How often a training says where it is.
const EVERY: Duration = Duration::from_secs(10);

/// Tells at most every ten seconds. Lives as long as what it tells of.
pub struct Progress {
    began: Instant,
    told: Cell<Instant>,
}

impl Progress {
    pub fn start() -> Progress {
        let now = Instant::now();
        Progress { began: now, told: Cell::new(now) }
    }

    /// Tell where the work is, when it is time. Called often.
    pub fn tell(&self, what: impl FnOnce(u64) -> String) {
        if self.told.get().elapsed() >= EVERY {
            self.told.set(Instant::now());
            text::notice(&what(self.began.elapsed().as_secs()));
        }
    }
}

/// Run a fit, with the wait event that `pg_stat_activity` shows meanwhile.
pub fn fitting<T>(work: impl FnOnce() -> T) -> T {
    let _waiting = Waiting::start();
    work()
}

/// Run `work`, during which nothing is waited for that the wait event of a fit tells of.
pub fn interrupted<T>(work: impl FnOnce() -> T) -> T {
    report(0);
    let result = work();
    report(event());
    result
}

/// Ends the wait event when the fit ends, in whatever way.
struct Waiting;

impl Waiting {
    fn start() -> Waiting {
        report(event());
        Waiting
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        report(0);
    }
}

/// `pgml: fit`, where the server has events of extensions' own; `Extension` before Postgres 17.
fn event() -> u32 {
    #[cfg(any(feature = "pg17", feature = "pg18", feature = "pg19"))]
    // SAFETY: the name is a static string. The server keeps one event for each name.
    return unsafe { pg_sys::WaitEventExtensionNew(c"pgml: fit".as_ptr()) };
    #[cfg(not(any(feature = "pg17", feature = "pg18", feature = "pg19")))]
    return pg_sys::PG_WAIT_EXTENSION;
}

/// What Postgres's own `pgstat_report_wait_start` and `_end`, which are inline functions, do.
fn report(event: u32) {
    // SAFETY: the backend's own place for it, which others read at any time.
    unsafe {
        #[cfg(feature = "pg13")]
        if !pg_sys::MyProc.is_null() {
            std::ptr::write_volatile(&raw mut (*pg_sys::MyProc).wait_event_info, event);
        }
        #[cfg(not(feature = "pg13"))]
        std::ptr::write_volatile(pg_sys::my_wait_event_info, event);
    }
}
