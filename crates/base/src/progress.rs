//! How the library reports what it does without printing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Jobs that have to run.
    pub jobs: usize,
    /// Those that have not ended.
    pub jobs_left: usize,
    /// Those that run now.
    pub running: usize,
    /// How long the run still takes, where earlier runs tell it.
    pub left: Option<Left>,
    /// Targets of the run.
    pub targets: usize,
    /// Those whose packages are not complete.
    pub targets_left: usize,
    /// The targets that a running job is for, each with how many of its jobs are done: `debian12-pg15 7/14`.
    pub under_way: Vec<String>,
}

/// An estimate of what is left of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Until the last job whose time is known has ended.
    pub time: Duration,
    /// Whether there are others, which never ran in this cache.
    pub at_least: bool,
}

/// Receives what happens while the library works. Implementations decide whether and how to show it.
pub trait Listener: Sync {
    /// A unit of work starts. `what` is a phrase such as ``compiling for PostgreSQL 15``.
    fn started(&self, job: &str, what: &str);
    /// A line about work under way: how far it is, or the last line that a tool printed.
    fn progress(&self, job: &str, line: &str);
    /// A unit of work ended well; `how` is a summary of its result (``38 packages, 12 MB``).
    fn finished(&self, job: &str, how: &str);
    /// Something begins of which nothing is said until it ends: a test, say. A log names it when it takes long.
    fn began(&self, _what: &str) {}
    /// It ended.
    fn ended(&self, _what: &str) {}
    /// A fact the user should read even if nothing is wrong.
    fn note(&self, line: &str);
    /// The whole run moved on.
    fn advanced(&self, _progress: &Progress) {}
}

/// Does work of which nothing is said until it ends. `what` is what a log names when it takes long.
pub fn under_way<T>(listener: &dyn Listener, what: &str, work: impl FnOnce() -> T) -> T {
    listener.began(what);
    let done = work();
    listener.ended(what);
    done
}

/// A listener that keeps what it is told, for tests.
#[derive(Debug, Default)]
pub struct Recorder {
    notes: Mutex<Vec<String>>,
    advances: Mutex<Vec<Progress>>,
}

impl Recorder {
    /// The notes, in their order.
    pub fn notes(self) -> Vec<String> {
        unpoisoned(self.notes.into_inner())
    }

    /// How far the run was, each time that it moved on.
    pub fn advances(self) -> Vec<Progress> {
        unpoisoned(self.advances.into_inner())
    }
}

impl Listener for Recorder {
    fn started(&self, _job: &str, _what: &str) {}
    fn progress(&self, _job: &str, _line: &str) {}
    fn finished(&self, _job: &str, _how: &str) {}
    fn note(&self, line: &str) {
        unpoisoned(self.notes.lock()).push(line.to_owned());
    }
    fn advanced(&self, progress: &Progress) {
        unpoisoned(self.advances.lock()).push(progress.clone());
    }
}

/// What a lock holds, also after a thread that held it has panicked.
fn unpoisoned<T>(locked: Result<T, PoisonError<T>>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

/// A listener that shows nothing, for tests and for commands whose only output is data.
pub struct Silent;

impl Listener for Silent {
    fn started(&self, _job: &str, _what: &str) {}
    fn progress(&self, _job: &str, _line: &str) {}
    fn finished(&self, _job: &str, _how: &str) {}
    fn note(&self, _line: &str) {}
}
