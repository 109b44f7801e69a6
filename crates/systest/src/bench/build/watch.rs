//! Runs a program and measures what a person who waits for it sees.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use base::files::{self, FileError};
use base::process::{self, ProcessError, Program};

use crate::follow::follow;

/// How long a program took, and how long it said nothing.
pub(super) struct Watched {
    pub(super) took: Duration,
    pub(super) first_output: Duration,
    pub(super) longest_silence: Duration,
}

/// Runs a program to its end. What it prints, without a terminal, goes into `log`.
pub(super) fn watch(program: &Program, log: &Path) -> Result<Watched, ProcessError> {
    let at_log = || FileError::at("write the log", log);
    if let Some(dir) = log.parent() {
        files::create_dir(dir)?;
    }
    let mut file = File::create(log).map_err(at_log())?;
    let began = Instant::now();
    let mut first_output = None;
    let mut longest_silence = Duration::ZERO;
    let mut last = began;
    let status = follow(program, |piece| {
        let now = Instant::now();
        first_output.get_or_insert(now - began);
        longest_silence = longest_silence.max(now - last);
        last = now;
        file.write_all(piece).map_err(at_log())
    })?;
    let took = began.elapsed();
    if !status.success() {
        let text = files::read(log)?;
        return Err(ProcessError::Failed {
            program: program.command_line()[0].to_string_lossy().into_owned(),
            status,
            tail: process::tail(&String::from_utf8_lossy(&text)),
            log: log.to_owned(),
        });
    }
    Ok(Watched {
        took,
        first_output: first_output.unwrap_or(took),
        longest_silence: longest_silence.max(last.elapsed()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    /// Catches a silence that is not seen because it is the last one, or because it is before the first line.
    #[test]
    fn the_longest_silence_is_found_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        for script in [
            "sleep 0.6; echo x",
            "echo x; sleep 0.6",
            "echo x >&2; sleep 0.6; echo y",
        ] {
            let watched = watch(&shell(script), &log).unwrap();
            assert!(
                watched.longest_silence >= Duration::from_millis(550),
                "{script}"
            );
            assert!(watched.took >= watched.longest_silence, "{script}");
            let late = watched.first_output >= Duration::from_millis(550);
            assert_eq!(late, script.starts_with("sleep"), "{script}");
        }
    }

    #[test]
    fn a_failure_has_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let error = watch(&shell("echo the reason; exit 3"), &log)
            .err()
            .unwrap();
        assert!(error.to_string().contains("the reason"), "{error}");
    }
}
