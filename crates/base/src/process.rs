//! Running the programs of others: quietly, with their output kept in a log file and shown when they fail.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind};
use crate::files::{self, FileError};

/// How many lines of a failed program's output go into the error.
const TAIL_LINES: usize = 25;
/// How long a program's output is waited for after its end: something it left running may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The executable of the running process, whatever became of its name (proc_pid_exe(5)).
const THIS_PROGRAM: &str = "/proc/self/exe";
/// What programs say when there is no room (the locale is fixed).
pub const NO_ROOM: &str = "No space left on device";

/// Copies the running program, by its open file: `cargo` may have put another build where it was started from, or do so
/// while the copy is in use.
pub fn copy_this_program(to: &Path) -> Result<(), FileError> {
    files::copy(Path::new(THIS_PROGRAM), to)
}

fn help(tail: &str, log: &Path) -> String {
    match tail.contains(NO_ROOM) {
        true => format!(
            "the disk is full: make room in the cache, where its log {} is, or choose another place with `--cache DIR`; \
             finished jobs are kept",
            log.display()
        ),
        false => format!("its whole output is in {}", log.display()),
    }
}

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
    #[diagnostic(help("{}", help(tail, log)))]
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
    /// Its log could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Log(#[from] FileError),
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

    /// The program and its arguments, for callers that run it through another one.
    pub fn words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from(&self.name)];
        words.extend(self.args.iter().cloned());
        words
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

    /// Runs it to its end with standard output and error appended to `log`; a failure carries their last lines.
    ///
    /// The output comes through a pipe rather than going to the log by itself: on a full disk the log stays empty just
    /// when the program says that the disk is full.
    pub fn run(&self, log: &Path) -> Result<(), ProcessError> {
        let at_log = || FileError::at("write the log", log);
        if let Some(dir) = log.parent() {
            files::create_dir(dir)?;
        }
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(at_log())?;
        let (mut reader, writer) = io::pipe().map_err(at_log())?;
        let (words, heard) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let _ = file.write_all(&buffer[..length]); // what the error carries does not depend on it
                if words.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut command = self.command();
        command
            .stdout(writer.try_clone().map_err(at_log())?)
            .stderr(writer);
        let mut child = command.spawn().map_err(|source| self.not_started(source))?;
        drop(command); // and with it this process's ends of the pipe
        let status = child.wait().map_err(|source| self.not_started(source))?;
        let mut text = Vec::new();
        while let Ok(more) = heard.recv_timeout(LAST_WORDS) {
            text.extend(more);
        }
        match status.success() {
            true => Ok(()),
            false => Err(self.failed(status, &String::from_utf8_lossy(&text), log)),
        }
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

/// As many compiler processes as the machine has cores.
pub fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_finds_no_room_says_that_the_disk_is_full() {
        // Catches words that are looked for in a log that could not be written.
        let program = Program::new("sh").args(["-c", "head -c 1 /dev/zero > /dev/full"]);
        let error = program.run(Path::new("/dev/full")).unwrap_err();
        let help = error.help().unwrap().to_string();
        assert!(help.contains("the disk is full"), "{error} {help}");
        assert!(error.to_string().contains(NO_ROOM), "{error}");
    }

    #[test]
    fn what_a_program_leaves_running_does_not_hold_up() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let began = std::time::Instant::now();
        let program = Program::new("sh").args(["-c", "echo first; sleep 30 & echo last"]);
        program.run(&log).unwrap();
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(fs::read_to_string(&log).unwrap(), "first\nlast\n");
    }
}
