//! Judges all that was given, one library after the other.

use base::exit::{Exit, ExitKind};
use miette::Diagnostic;

use super::InputFiles;
use crate::expectation::Expectation;
use crate::report::{Document, Refused};
use crate::{Judgement, VerifyError, verify_bytes};

impl InputFiles {
    /// Judges each library by what it is itself: `by` has what none of them says, such as the architecture of one that is
    /// in no package. Fails where something else than a library is at fault, or the only one can't be judged.
    pub fn judge(mut self, by: &Judgement<'_>) -> Result<Document, VerifyError> {
        let mut reports = Vec::new();
        for library in &self.libraries {
            let architecture = library.architecture.clone();
            let expectation = Expectation {
                profile: library.profile,
                architecture: architecture.unwrap_or(by.expectation.architecture.clone()),
                sql_symbols: library.sql_symbols.clone(),
                ..by.expectation.clone()
            };
            let by = Judgement {
                expectation: &expectation,
                ..*by
            };
            match verify_bytes(&library.bytes, &library.name, &library.place, &by) {
                Ok(report) => reports.push(report),
                // One that is broken is not the end of the others.
                Err(error) if error.exit() == Exit::CheckFailed && !self.is_one_file() => {
                    self.refused.push(Refused {
                        file: library.name.clone(),
                        reason: reason(&error, &library.name),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Document::new(reports).besides(self.refused, self.left_out))
    }
}

/// Why a file can't be judged, without its name.
fn reason(error: &dyn Diagnostic, file: &str) -> String {
    let text = error.to_string();
    let cause = error.diagnostic_source().map(ToString::to_string);
    let own = text.strip_prefix(&format!("can't judge {file}"));
    let own = own.unwrap_or(&text).trim_start_matches(": ");
    match cause {
        Some(cause) if own.is_empty() => cause,
        Some(cause) => format!("{own}: {cause}"),
        None => own.to_owned(),
    }
}
