//! The exit codes of the command line, and how a typed error of the library gets one.

use std::fmt;

use miette::{Diagnostic, Report};
use thiserror::Error;

/// How a command that did not succeed ends. The numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A check failed: a rule, a test, a digest.
    CheckFailed = 1,
    /// The command was used wrongly, or a file that the user writes is wrong.
    Usage = 2,
    /// This machine can't: something is missing, full or unreachable.
    CannotHere = 3,
}

/// An error of the library that has one of the three exit codes.
pub trait ExitKind {
    /// The exit code class of this error.
    fn exit(&self) -> Exit;
}

/// What a command returns instead of success: the rendered error and the exit code.
pub struct Failure {
    /// How the process ends, for scripts that call it.
    pub exit: Exit,
    /// What went wrong, where, and what to do about it. `None` where the command's own output already has the reasons.
    pub report: Option<Report>,
}

impl Failure {
    /// A failure whose reasons were already written as the command's data (a table of broken rules, say).
    pub fn already_reported(exit: Exit) -> Self {
        Self { exit, report: None }
    }

    /// A failure of this program itself: something that its own code rules out. `what` names it, and what should have been there.
    pub fn bug(what: impl Into<String>) -> Self {
        Bug(what.into()).into()
    }

    /// What went wrong, in its first line.
    pub fn first_line(&self) -> String {
        let text = self.report.as_ref().map(ToString::to_string);
        let text = text.unwrap_or_else(|| "its reason was told above".to_owned());
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// The typed error behind it, where it is of that type.
    pub fn error<E: fmt::Display + fmt::Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        self.report.as_ref()?.downcast_ref()
    }
}

/// An invariant that did not hold.
#[derive(Debug, Error, Diagnostic)]
#[error("this is a bug: {0}")]
#[diagnostic(help(
    "please report it, with the command and the files of packaging/ that were changed"
))]
struct Bug(String);

impl ExitKind for Bug {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({:?}, {:?})", self.exit, self.report)
    }
}

impl<E> From<E> for Failure
where
    E: Diagnostic + ExitKind + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        let exit = error.exit();
        Self {
            exit,
            report: Some(Report::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a broken invariant that ends the program without a message.
    #[test]
    fn a_bug_says_what_and_what_to_do() {
        let failure = Failure::bug("the plan names a wheel that targets.toml has not");
        assert_eq!(failure.exit, Exit::CheckFailed);
        let report = failure.report.map(|report| format!("{report:?}"));
        let text = report.unwrap_or_default();
        assert!(
            text.contains("this is a bug") && text.contains("report it"),
            "{text}"
        );
    }
}
