//! The command line: which files are judged, among which libraries and by which policy, and how the verdict is printed.

use std::io;
use std::path::{Path, PathBuf};

use base::exit::{Exit, Failure};
use base::files::FileError;
use base::{json, output};
use clap::Parser;
use symcheck::abi3::Abi3;
use symcheck::input_files::InputFiles;
use symcheck::policy::{Policy, PolicyError};
use symcheck::report::{Document, Verdict};
use symcheck::rules::Rule;
use symcheck::surroundings::{PythonRuntime, Runtime};
use symcheck::system::System;
use symcheck::{Judgement, Rulebook, text};

/// The policy that is judged by unless another one is given.
const POLICY: &str = include_str!("../../../packaging/policy.toml");
/// CPython's stable ABI, which no option replaces.
const ABI3: &str = include_str!("../../../packaging/abi3-symbols.txt");

/// Judges which symbols a shared library needs, exports and would bind, without loading it
///
/// Exits with 0 when every rule holds, with 1 when one does not or can't be proven, with 2 when it was used wrongly, and with
/// 3 when this machine can't.
///
/// Example: symcheck --root / /usr/lib/x86_64-linux-gnu/libz.so.1
#[derive(Parser)]
#[command(name = "symcheck", version)]
pub struct Cli {
    /// Shared libraries, or directories that hold some; they also find each other
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The system whose libraries are there: `/` for this machine's own, or a directory with one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// The program of that system which opens the libraries, such as /usr/lib/postgresql/15/bin/postgres: what it has by
    /// itself counts in S1 and S2
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
    /// Libraries or directories that are there as well, but are not judged
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// A directory with the modules that Python loads later, for S11
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
    /// Judge by this policy [default: the one of this source tree, packaging/policy.toml, which is compiled in]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Explain a rule; with files, also list all that it found in them
    #[arg(long, value_name = "RULE")]
    explain: Option<Rule>,
    /// Print one JSON document (schema: docs/schema/verify.json)
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Judges, and prints the document. Fails with `CheckFailed` where a library did not pass.
    pub fn run(&self) -> Result<(), Failure> {
        if self.files.is_empty() {
            let explained = self.explain.filter(|_| !self.json);
            return print(&explained.map(text::explanation).unwrap_or_default());
        }
        let document = self.judge()?;
        print(&match self.json {
            true => json::document(&document),
            false => text::of_document(&document, self.explain),
        })?;
        match document.verdict {
            Verdict::Passed => Ok(()),
            Verdict::Failed | Verdict::NotProven => {
                Err(Failure::already_reported(Exit::CheckFailed))
            }
        }
    }

    fn judge(&self) -> Result<Document, Failure> {
        let book = self.rulebook()?;
        let given = InputFiles::read(&self.files, &self.root, None)?;
        let with = InputFiles::read(&self.with, &self.root, None)?;
        let files = given.file_system(&[&with], &book.policy.loading);
        let system = System::read(&self.root, files, &book.policy)?;
        let environment = system.environment(self.program.as_deref(), self.runtime()?)?;
        Ok(given.judge(&Judgement {
            book: &book,
            expectation: &system.expectation,
            environment: &environment,
            names: None,
        })?)
    }

    fn rulebook(&self) -> Result<Rulebook, PolicyError> {
        Ok(Rulebook {
            policy: match &self.policy {
                Some(path) => Policy::load(path)?,
                None => Policy::parse("policy.toml", POLICY)?,
            },
            abi3: Abi3::parse("abi3-symbols.txt", ABI3)?,
        })
    }

    /// The Python runtime, which is found where it lies in the system.
    fn runtime(&self) -> Result<PythonRuntime, FileError> {
        let Some(dir) = &self.runtime else {
            let why = "no Python runtime was given (`--runtime DIR`)".to_owned();
            return Ok(PythonRuntime::NotAsked(why));
        };
        let place = std::path::absolute(dir).unwrap_or(dir.clone());
        let root = std::path::absolute(&self.root).unwrap_or_default();
        let inside = match place.strip_prefix(&root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => place.clone(),
        };
        let name = dir.display().to_string();
        let at = inside.display().to_string();
        Runtime::below(name, &[dir], &at).map(PythonRuntime::Known)
    }
}

/// Writes to standard output.
fn print(text: &str) -> Result<(), Failure> {
    output::write(io::stdout(), text)
}
