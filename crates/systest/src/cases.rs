//! The results of tests by name, and their count.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::progress::{Listener, under_way};

/// A check of a test that does not hold.
#[derive(Debug, Error, Diagnostic)]
#[error("{0}")]
struct Unexpected(String);

impl ExitKind for Unexpected {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// Fails the test with the message of `otherwise` unless the condition holds.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    match holds {
        true => Ok(()),
        false => Err(unexpected(otherwise())),
    }
}

/// The failure of a test, with the message that its case shows.
pub fn unexpected(message: String) -> Failure {
    Unexpected(message).into()
}

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "why")]
pub enum CaseResult {
    /// The test ran, and every check in it held.
    Passed,
    /// A check failed. The value says which, and how.
    Failed(String),
    /// It could not run on this machine; the reason. It never counts as passed.
    NotRun(String),
}

/// The result of one test of a suite.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// `debian12-pg15 install: apt installs both packages`.
    pub name: String,
    /// Whether it passed, failed or did not run, and why.
    #[serde(flatten)]
    pub result: CaseResult,
    /// How long it took.
    pub seconds: f64,
}

/// A test with its name, for [`Cases::run_all`].
pub type Test<'t> = (
    &'t str,
    Box<dyn Fn() -> Result<(), Failure> + Send + Sync + 't>,
);

/// Collects results as tests run.
pub struct Cases<'a> {
    suite: String,
    listener: &'a dyn Listener,
    /// What ran so far.
    pub done: Vec<Case>,
}

impl<'a> Cases<'a> {
    /// No results yet, for a suite of this name.
    pub fn new(suite: impl Into<String>, listener: &'a dyn Listener) -> Self {
        Self {
            suite: suite.into(),
            listener,
            done: Vec::new(),
        }
    }

    /// Runs a test and keeps its result. Returns the value of a test that passed, for tests that build on it.
    pub fn run<T>(&mut self, name: &str, test: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        let began = Instant::now();
        let (result, value) = match self.under_way(name, test) {
            Ok(value) => (CaseResult::Passed, Some(value)),
            Err(failure) => (CaseResult::Failed(failure_line(&failure)), None),
        };
        self.add(name, result, began.elapsed().as_secs_f64());
        value
    }

    /// Does what is no case of its own, or becomes several; a log names it when it takes long.
    pub fn under_way<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        under_way(self.listener, &format!("{} {what}", self.suite), work)
    }

    /// Runs tests that don't depend on each other, some at a time.
    pub fn run_all(&mut self, workers: usize, tests: Vec<Test<'_>>) {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, CaseResult, f64)>> = Mutex::default();
        let (listener, suite) = (self.listener, &self.suite);
        std::thread::scope(|scope| {
            for _ in 0..workers.max(1) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((name, test)) = tests.get(at) else {
                            break;
                        };
                        let began = Instant::now();
                        let result = match under_way(listener, &format!("{suite} {name}"), test) {
                            Ok(()) => CaseResult::Passed,
                            Err(failure) => CaseResult::Failed(failure_line(&failure)),
                        };
                        let seconds = began.elapsed().as_secs_f64();
                        let mut results = results.lock().unwrap_or_else(|e| e.into_inner());
                        results.push((at, result, seconds));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(|e| e.into_inner());
        results.sort_by_key(|(at, ..)| *at);
        for (at, result, seconds) in results {
            self.add(tests[at].0, result, seconds);
        }
    }

    /// Records that a test can't run.
    pub fn not_run(&mut self, name: &str, why: impl Into<String>) {
        self.add(name, CaseResult::NotRun(why.into()), 0.0);
    }

    /// Tells what was measured.
    pub fn note(&self, line: &str) {
        self.listener.note(&format!("{} {line}", self.suite));
    }

    /// Records the result of a test that ran elsewhere.
    pub fn add(&mut self, name: &str, result: CaseResult, seconds: f64) {
        let line = match &result {
            CaseResult::Passed => format!("ok ({seconds:.1} s)"),
            CaseResult::Failed(why) => format!("FAILED: {why}"),
            CaseResult::NotRun(why) => format!("not run: {why}"),
        };
        self.listener
            .note(&format!("{} {name} … {line}", self.suite));
        self.done.push(Case {
            name: format!("{} {name}", self.suite),
            result,
            seconds,
        });
    }
}

/// A failure as one line: its message, and its help in parentheses.
pub(super) fn failure_line(failure: &Failure) -> String {
    match &failure.report {
        Some(report) => match report.help() {
            Some(help) => format!("{report} (help: {help})"),
            None => report.to_string(),
        },
        None => "see above".into(),
    }
}

/// The closing line that CI reads: `N passed, N failed, N skipped`.
pub fn summary(cases: &[Case]) -> String {
    let count =
        |test: fn(&CaseResult) -> bool| cases.iter().filter(|case| test(&case.result)).count();
    format!(
        "{} passed, {} failed, {} skipped",
        count(|r| matches!(r, CaseResult::Passed)),
        count(|r| matches!(r, CaseResult::Failed(_))),
        count(|r| matches!(r, CaseResult::NotRun(_)))
    )
}
