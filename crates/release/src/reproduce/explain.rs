//! Asks diffoscope where two files differ.

use std::path::Path;

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::progress::Listener;

use super::compare::{Compared, Outcome};

/// The program, and how many seconds it may take for one pair of files.
const DIFFOSCOPE: [&str; 3] = ["timeout", "1200", "diffoscope"];
/// How many bytes of an explanation are kept in the document; all of it is in a file.
const KEPT: usize = 8_000;

/// Explains everything that differs: the first lines go into the list, the whole text into a file below `reports`.
pub fn explain(
    artifacts: &mut [Compared],
    first: &Path,
    second: &Path,
    reports: &Path,
    listener: &dyn Listener,
) -> Result<(), Failure> {
    let mut known: Vec<((_, _), String)> = Vec::new();
    for artifact in artifacts
        .iter_mut()
        .filter(|artifact| artifact.outcome == Outcome::Different)
    {
        // The repository's pool has the packages once more.
        let pair = (artifact.first, artifact.second);
        if let Some((_, text)) = known.iter().find(|(of, _)| *of == pair) {
            artifact.explanation = Some(text.clone());
            continue;
        }
        let (a, b) = (first.join(&artifact.path), second.join(&artifact.path));
        let text = match a.exists() {
            true => {
                listener.note(&format!("{} differs; asking diffoscope", artifact.path));
                let report = reports.join(format!("{}.txt", artifact.path));
                difference(&a, &b, &report)?
            }
            false => format!("not explained: there is no {} to compare with", a.display()),
        };
        artifact.explanation = Some(text.clone());
        known.push((pair, text));
    }
    Ok(())
}

/// What diffoscope says of two files; all of it goes to `report`.
pub fn difference(first: &Path, second: &Path, report: &Path) -> Result<String, Failure> {
    if let Some(dir) = report.parent() {
        files::create_dir(dir)?;
    }
    let [timeout, seconds, diffoscope] = DIFFOSCOPE;
    let output = Program::new(timeout)
        .args([seconds, diffoscope, "--no-progress"])
        // Disassembling a library of 27 MB twice takes many minutes and gigabytes; sections and strings tell the cause.
        .args(["--exclude-command", "^objdump"])
        .args(["--max-text-report-size", "2000000", "--text"])
        .args([report, first, second])
        .env("HOME", "/nonexistent") // it would read settings there
        .command()
        .output()
        .map_err(FileError::at("run", diffoscope))?;
    match output.status.code() {
        // 1: the files differ.
        Some(1) => {}
        // With another exit code diffoscope has explained nothing, which must not hide the difference that was found.
        code => {
            let message = String::from_utf8_lossy(&output.stderr);
            let message = base::process::tail(&message);
            return Ok(format!(
                "not explained: diffoscope ended with {code:?}: {message}"
            ));
        }
    }
    let mut text = String::from_utf8_lossy(&files::read(report)?).into_owned();
    if text.len() > KEPT {
        let end = (0..=KEPT).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str(&format!("\n… all of it is in {}\n", report.display()));
    }
    Ok(text)
}
