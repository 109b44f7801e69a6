//! Runs this program as a child process that is killed or runs out of space. In its mount namespace the cache of the run
//! under test is read-only.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use build::plan::kinds::Kind;

use crate::cases::ensure;
use crate::run::WITHOUT_IMAGES;

/// How long a run may take before the test kills it, and how much longer for each target.
const PATIENCE: Duration = Duration::from_secs(180);
const PATIENCE_EACH: Duration = Duration::from_secs(15);

/// A mount namespace, held by a process. Dropping it unmounts all that was mounted there.
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// One in which these directories are read-only. Takes root.
    pub fn new(read_only: &[PathBuf]) -> Result<Self, Failure> {
        let script = "for dir; do mount --bind \"$dir\" \"$dir\"; mount -o remount,bind,ro \"$dir\"; done; \
                      echo ready; exec sleep infinity";
        let mut holder = Program::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--propagation",
                "private",
            ])
            .args(["sh", "-euc", script, "sh"])
            .args(read_only)
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .map_err(FileError::at("start", "unshare"))?;
        let mut line = String::new();
        if let Some(stdout) = holder.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let namespace = Self { holder };
        ensure(line == "ready\n", || "`unshare --mount` failed".into())?;
        Ok(namespace)
    }

    /// A program that is started inside.
    fn enter(&self, dir: &Path) -> Vec<std::ffi::OsString> {
        let mut wd = std::ffi::OsString::from("--wd=");
        wd.push(dir);
        ["nsenter", "--mount", "--target"]
            .map(Into::into)
            .into_iter()
            .chain([self.holder.id().to_string().into(), wd, "--".into()])
            .collect()
    }

    fn mount(&self, options: &str, at: &Path, log: &Path) -> Result<(), Failure> {
        let mut enter = self.enter(Path::new("/")).into_iter();
        let first = enter.next().unwrap_or_default();
        Program::new(first.to_string_lossy())
            .args(enter)
            .args(["mount", "-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(at)
            .run(log)?;
        Ok(())
    }

    /// Mounts a small disk on an empty directory.
    pub fn small_disk(&self, at: &Path, bytes: u64, log: &Path) -> Result<(), Failure> {
        files::create_dir(at)?;
        self.mount(&format!("size={bytes}"), at, log)
    }

    /// Changes the size of a small disk.
    pub fn resize(&self, at: &Path, bytes: u64, log: &Path) -> Result<(), Failure> {
        self.mount(&format!("remount,size={bytes}"), at, log)
    }

    /// A path of the namespace, as seen from outside.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its mounts go with it; there is nothing left to report to.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A `dist` to be run.
#[derive(Clone)]
pub struct Dist<'a> {
    /// The path of the program that is started.
    pub executable: &'a Path,
    /// The root of the source tree, which is the child's working directory.
    pub root: &'a Path,
    /// The targets, as on the command line.
    pub targets: Vec<String>,
    /// The time of the release.
    pub epoch: u64,
    /// The directory that is given as `--cache`.
    pub cache: PathBuf,
    /// Where its results go.
    pub out: PathBuf,
    /// The values of `--mirror`, in their order.
    pub mirrors: Vec<String>,
    /// Another source tree than the one that the program was built from.
    pub source: Option<PathBuf>,
    /// What `--only-jobs` says; nothing leaves it out.
    pub only_jobs: Vec<String>,
    /// Whether `--locked` is given.
    pub locked: bool,
    /// The umask that it starts with, if it is not this process's.
    pub umask: Option<&'static str>,
    /// The namespace in which it runs; none for this machine's own.
    pub namespace: Option<&'a Namespace>,
    /// Where its output is kept.
    pub log: PathBuf,
}

/// A run that ended.
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Everything that it wrote to stdout and stderr.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// Whether the output contains this text. Errors are wrapped to the width of a terminal, so that white space does not
    /// count.
    pub fn printed(&self, what: &str) -> bool {
        let dense =
            |text: &str| text.replace(|c: char| c.is_whitespace() || "│×╰─▶".contains(c), "");
        dense(&self.output).contains(&dense(what))
    }

    /// Fails the test unless the run ended with this exit code and printed each of these texts.
    pub fn ended_with(&self, code: i32, expected: &[&str]) -> Result<(), Failure> {
        let missing: Vec<&&str> = expected.iter().filter(|what| !self.printed(what)).collect();
        ensure(self.code == Some(code) && missing.is_empty(), || {
            format!(
                "expected exit code {code} and {expected:?}; got {:?}, without {missing:?}:\n{}",
                self.code, self.output
            )
        })
    }
}

/// A run under way.
pub struct Running {
    child: Child,
    began: Instant,
    patience: Duration,
    log: PathBuf,
}

impl Dist<'_> {
    /// Starts it, as the leader of a process group.
    pub fn start(&self) -> Result<Running, Failure> {
        let output = File::create(&self.log).map_err(FileError::at("write", &self.log))?;
        let copy = output
            .try_clone()
            .map_err(FileError::at("write", &self.log))?;
        let mut command_line = self
            .namespace
            .map_or(Vec::new(), |inside| inside.enter(self.root));
        if let Some(umask) = self.umask {
            let script = format!("umask {umask}; exec \"$@\"");
            command_line.extend(["sh", "-euc", &script, "sh"].map(Into::into));
        }
        command_line.push(self.executable.into());
        let mut command = Command::new(&command_line[0]);
        command
            .args(&command_line[1..])
            .arg("dist")
            .args(&self.targets)
            .args(["--epoch", &self.epoch.to_string()])
            .args(["--only", &WITHOUT_IMAGES.map(Kind::name).join(",")])
            .args(["--cache".as_ref(), self.cache.as_os_str()])
            .args(["--out".as_ref(), self.out.as_os_str()])
            .args(self.mirrors.iter().flat_map(|mirror| ["--mirror", mirror]))
            // No public service is asked for what a case withholds.
            .args(["--no-snapshot", "--no-outdated"])
            .args(self.locked.then_some("--locked"))
            .args(
                self.source
                    .iter()
                    .flat_map(|dir| ["--source".as_ref(), dir.as_os_str()]),
            )
            .args(
                (!self.only_jobs.is_empty())
                    .then(|| format!("--only-jobs={}", self.only_jobs.join(","))),
            )
            .env_remove("PGML_DIST_MIRRORS")
            .env_remove("PGML_DIST_NO_SNAPSHOT")
            .env("no_proxy", "127.0.0.1")
            .env("NO_COLOR", "1")
            .current_dir(self.root)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(copy)
            .process_group(0);
        let child = command
            .spawn()
            .map_err(FileError::at("run", self.executable))?;
        Ok(Running {
            child,
            began: Instant::now(),
            patience: PATIENCE + PATIENCE_EACH * self.targets.len() as u32,
            log: self.log.clone(),
        })
    }

    /// Runs it to its end.
    pub fn run(&self) -> Result<Ended, Failure> {
        self.start()?.end(|_| false).map(|(ended, _)| ended)
    }

    /// Runs it until `moment` holds for the time since its start and kills it then. Returns whether it was killed before its
    /// end.
    pub fn kill_when(
        &self,
        signal: Signal,
        moment: impl Fn(Duration) -> bool,
    ) -> Result<(Ended, bool), Failure> {
        let mut running = self.start()?;
        running.wait(&moment, signal)
    }
}

impl Running {
    fn end(mut self, moment: impl Fn(Duration) -> bool) -> Result<(Ended, bool), Failure> {
        self.wait(&moment, Signal::KILL)
    }

    fn wait(
        &mut self,
        moment: &dyn Fn(Duration) -> bool,
        signal: Signal,
    ) -> Result<(Ended, bool), Failure> {
        let mut killed = false;
        let status = loop {
            let ended = self.child.try_wait();
            if let Some(status) = ended.map_err(FileError::at("wait for", &self.log))? {
                break status;
            }
            let late = self.began.elapsed() > self.patience;
            if !killed && (late || moment(self.began.elapsed())) {
                killed = !late;
                self.signal(if late { Signal::KILL } else { signal });
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let took = self.began.elapsed();
        let output = String::from_utf8_lossy(&files::read(&self.log)?).into_owned();
        ensure(took < self.patience, || {
            format!("it did not end:\n{output}")
        })?;
        let code = status.code();
        Ok((Ended { code, output, took }, killed && code.is_none()))
    }

    /// As a terminal does it: to the whole group.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself just now.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
