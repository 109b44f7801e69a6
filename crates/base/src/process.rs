//! Running the programs of others: quietly, with their output kept in a log file and shown when they fail.
//!
//! The crate `duct` starts a program, feeds its standard input and collects its output. What it lacks is here: an environment
//! of which each variable is named, the log file, the last lines in the error, and [`ORPHAN_TIMEOUT`]. Two things are not done
//! with it:
//!
//! - [`Program::command`] is `std`'s form, for callers that need a process group of its own, or the pipes of a program that
//!   goes on running.
//! - A child that must not outlive this process is started through [`crate::sandbox`], whose bubblewrap ends with its parent.
//!   The kernel's signal for that (PR_SET_PDEATHSIG) has to be asked for between fork and exec: unsafe code, which this
//!   workspace forbids. Where bubblewrap can't be used, the program `setpriv` asks for it. The others stay in this process's
//!   group, so that Ctrl-C ends them too.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use duct::Expression;
use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Exit, ExitKind};
use crate::files::{self, FileError};

/// How many lines of a failed program's output go into the error.
const TAIL_LINES: usize = 25;
/// How long [`Program::run`] waits for silence after a program's end: an orphan that it left running may hold the pipe open.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(2);
/// The executable of the running process, even where its file was replaced or removed (proc_pid_exe(5)).
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
        /// The name that it was started by.
        program: String,
        /// Why it did not start.
        reason: io::Error,
    },
    /// The program ended with a failure.
    #[error("`{program}` failed ({status})\n{tail}")]
    #[diagnostic(help("{}", help(tail, log)))]
    Failed {
        /// The name that it was started by.
        program: String,
        /// Its exit status, or the signal that ended it.
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

    /// Adds one argument, which no shell reads.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments, which no shell reads.
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
    pub fn command_line(&self) -> Vec<OsString> {
        let mut line = vec![OsString::from(&self.name)];
        line.extend(self.args.iter().cloned());
        line
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
    /// The output comes through a pipe and is written to the log here: on a full disk the log stays empty, and the error
    /// still has the program's message that the disk is full.
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
        let (sender, received) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let _ = file.write_all(&buffer[..length]); // what the error carries does not depend on it
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let expression = self
            .expression()
            .stdin_null()
            .stdout_file(writer.try_clone().map_err(at_log())?)
            .stderr_file(writer);
        let child = expression
            .start()
            .map_err(|error| self.not_started(error))?;
        drop(expression); // and with it this process's ends of the pipe
        let output = child
            .into_output()
            .map_err(|error| self.not_started(error))?;
        let mut text = Vec::new();
        while let Ok(more) = received.recv_timeout(ORPHAN_TIMEOUT) {
            text.extend(more);
        }
        match output.status.success() {
            true => Ok(()),
            false => Err(self.failed(output.status, &String::from_utf8_lossy(&text), log)),
        }
    }

    /// Runs it to its end and returns what it wrote to standard output; a failure carries what it wrote to both.
    pub fn output(&self, log: &Path) -> Result<Vec<u8>, ProcessError> {
        let output = self.attempt()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = both(&output);
        if let Some(dir) = log.parent() {
            // The error below carries the output, so a log that can't be written is no further error.
            let _ = fs::create_dir_all(dir).and_then(|()| fs::write(log, &text));
        }
        Err(self.failed(output.status, &text, log))
    }

    /// Runs it to its end and returns how it ended and what it wrote: for programs whose failure is an answer.
    pub fn attempt(&self) -> Result<Output, ProcessError> {
        self.captured(self.expression().stdin_null())
    }

    /// Runs it to its end with `input` on standard input, and returns what it wrote to standard output.
    pub fn pipe(&self, input: &[u8], log: &Path) -> Result<Vec<u8>, ProcessError> {
        // A program that ends before it has read everything says so by its exit status.
        let output = self.captured(self.expression().stdin_bytes(input))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.failed(output.status, &String::from_utf8_lossy(&output.stderr), log))
    }

    /// duct's form: without the environment of this process, and with a failure as a status instead of an error.
    fn expression(&self) -> Expression {
        let expression = duct::cmd(&self.name, &self.args)
            .full_env(self.env.iter().map(|(name, value)| (name, value)))
            .unchecked();
        match &self.dir {
            Some(dir) => expression.dir(dir),
            None => expression,
        }
    }

    fn captured(&self, expression: Expression) -> Result<Output, ProcessError> {
        let output = expression.stdout_capture().stderr_capture().run();
        output.map_err(|error| self.not_started(error))
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

/// What a program wrote to standard output, and then what it wrote to standard error.
pub fn both(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
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
        // Catches a reader that looks for the reason in a log that could not be written.
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

    /// Catches an environment or a standard input that a program inherits, and a directory that it does not start in.
    #[test]
    fn a_program_gets_what_is_named_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().canonicalize().unwrap();
        let log = here.join("log");
        let script = "env | cut -d= -f1 | sort | tr '\\n' ' '; pwd; wc -c";
        let program = Program::new("sh").args(["-c", script]).dir(&here);
        let program = program.env("X", "1").env("X", "2");
        let output = String::from_utf8(program.output(&log).unwrap()).unwrap();
        let expected = format!("LC_ALL PATH PWD TZ X {}\n0\n", here.display());
        assert_eq!(output, expected);
        let program = Program::new("sh").args(["-c", "echo $X; cat; exit 3"]);
        let error = program.env("X", "2").pipe(b"in", &log).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        let piped = Program::new("cat").pipe(b"in", &log).unwrap();
        assert_eq!(piped, b"in");
        // `true` ends before it has read all of this.
        Program::new("true").pipe(&[0; 1 << 20], &log).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new("no-such-program").dir(dir.path());
        for result in [
            program.run(&dir.path().join("log")),
            program.attempt().map(drop),
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, ProcessError::Start { .. }), "{error}");
            assert!(error.to_string().contains("no-such-program"), "{error}");
        }
    }
}
