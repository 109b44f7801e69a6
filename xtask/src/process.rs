//! Running the programs of others: quietly, with their output kept in a log file and shown when they fail.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind};

/// How many lines of a failed program's output go into the error.
const TAIL_LINES: usize = 25;

/// Why a program of others did not do its work.
#[derive(Debug, Error, Diagnostic)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("can't run `{program}`: {reason}")]
    #[diagnostic(help("install it (`cargo xtask doctor` names the package), or put it on PATH"))]
    Start {
        /// The program's name.
        program: String,
        /// Why it did not start.
        reason: io::Error,
    },
    /// The program ended with a failure.
    #[error("`{program}` failed ({status})\n{tail}")]
    #[diagnostic(help("its whole output is in {}", log.display()))]
    Failed {
        /// The program's name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it printed.
        tail: String,
        /// Where all that it printed is kept.
        log: PathBuf,
    },
    /// Its log could not be written or read.
    #[error("can't write the log {}: {reason}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What went wrong.
        reason: io::Error,
    },
}

impl ExitKind for ProcessError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// A program, its arguments, and the environment it gets: nothing is inherited but what is named here.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
}

impl Program {
    /// A program found on the system's standard PATH, with no arguments and a fixed, minimal environment.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            args: Vec::new(),
            env: vec![
                ("LC_ALL".into(), "C.UTF-8".into()),
                ("TZ".into(), "UTC".into()),
                (
                    "PATH".into(),
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
                ),
            ],
            dir: None,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Passes a variable of this process on, if it is set.
    pub fn inherit_env(self, name: &str) -> Self {
        match std::env::var_os(name) {
            Some(value) => self.env(name, value),
            None => self,
        }
    }

    /// The directory it starts in.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// The `std` form, for callers that need pipes or a process id.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.args).env_clear();
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end with standard output and error appended to `log`; a failure carries the log's last lines.
    pub fn run(&self, log: &Path) -> Result<(), ProcessError> {
        let at_log = |reason| ProcessError::Log {
            path: log.to_owned(),
            reason,
        };
        if let Some(dir) = log.parent() {
            fs::create_dir_all(dir).map_err(at_log)?;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(at_log)?;
        let before = file.metadata().map_err(at_log)?.len();
        let copy = file.try_clone().map_err(at_log)?;
        let status = self
            .command()
            .stdout(file)
            .stderr(copy)
            .status()
            .map_err(|source| self.not_started(source))?;
        if status.success() {
            return Ok(());
        }
        let text = fs::read(log).map_err(at_log)?;
        let new = text.get(before as usize..).unwrap_or_default();
        Err(self.failed(status, &String::from_utf8_lossy(new), log))
    }

    /// Runs it to its end and returns what it wrote to standard output; a failure carries what it wrote to both.
    pub fn output(&self, log: &Path) -> Result<Vec<u8>, ProcessError> {
        let output = self
            .command()
            .output()
            .map_err(|source| self.not_started(source))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        if let Some(dir) = log.parent() {
            // The log is a courtesy here: the error below carries the program's words either way.
            let _ = fs::create_dir_all(dir).and_then(|()| fs::write(log, &text));
        }
        Err(self.failed(output.status, &text, log))
    }

    /// Runs it to its end with `input` on standard input, and returns what it wrote to standard output.
    pub fn pipe(&self, input: &[u8], log: &Path) -> Result<Vec<u8>, ProcessError> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.not_started(source))?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // A program that ends before it has read everything says so by its exit status.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        });
        let output = output.map_err(|source| self.not_started(source))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.failed(output.status, &String::from_utf8_lossy(&output.stderr), log))
    }

    fn not_started(&self, reason: io::Error) -> ProcessError {
        ProcessError::Start {
            program: self.name.clone(),
            reason,
        }
    }

    fn failed(&self, status: ExitStatus, text: &str, log: &Path) -> ProcessError {
        ProcessError::Failed {
            program: self.name.clone(),
            status,
            tail: tail(text),
            log: log.to_owned(),
        }
    }
}

/// The last lines of what a program printed, for an error.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
