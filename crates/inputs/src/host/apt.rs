//! apt on this machine: it waits for the locks that another apt or dpkg holds.
//!
//! `unattended-upgrades` holds them for a while after each boot of a cloud machine. apt itself waits for dpkg's lock alone,
//! where `DPkg::Lock::Timeout` says so, and prints nothing of it under `-qq`. Here all of its locks are waited for, and the
//! listener hears whom for.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use miette::Diagnostic;
use rustix::process::{Flock, FlockType, fcntl_getlk};
use thiserror::Error;

use crate::fetch::with_proxies;
use base::process::{ProcessError, Program};
use base::progress::Listener;

/// How long the locks are waited for in all.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the locks are looked at.
const POLL: Duration = Duration::from_millis(200);
/// The files that apt locks, below the root directory: for dpkg, for its indexes and for the packages that it fetches.
const LOCKS: [&str; 4] = [
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/lock",
    "var/lib/apt/lists/lock",
    "var/cache/apt/archives/lock",
];
/// What apt says when another process was faster (the locale is fixed).
const TAKEN: [&str; 3] = ["Could not get lock", "Unable to acquire", "Unable to lock"];

/// Why apt did not do its work.
#[derive(Debug, Error, Diagnostic)]
pub enum AptError {
    /// Another process held a lock for all of the time.
    #[error("{who} still holds {} after {seconds} s", lock.display())]
    #[diagnostic(help("run the command again when that process has ended"))]
    Locked {
        /// The lock's file, below the root directory.
        lock: PathBuf,
        /// The program and process id of the holder, as far as they are known.
        who: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// apt ran and failed, or could not be started.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Failed(#[from] ProcessError),
}

/// apt with what it needs to wait.
pub struct Apt<'a> {
    root: &'a Path,
    until: Instant,
    patience: Duration,
    log: &'a Path,
    listener: &'a dyn Listener,
}

/// A process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    lock: PathBuf,
    who: String,
}

impl<'a> Apt<'a> {
    /// apt of this machine. The time that it may wait for locks begins now.
    pub fn new(log: &'a Path, listener: &'a dyn Listener) -> Self {
        Self::below(Path::new("/"), PATIENCE, log, listener)
    }

    /// apt of the system below a directory: `/`, or one that a test made.
    fn below(
        root: &'a Path,
        patience: Duration,
        log: &'a Path,
        listener: &'a dyn Listener,
    ) -> Self {
        Self {
            root,
            until: Instant::now() + patience,
            patience,
            log,
            listener,
        }
    }

    /// Runs `apt-get` once nobody holds its locks.
    pub fn get(&self, args: &[&str]) -> Result<(), AptError> {
        loop {
            self.wait()?;
            let left = self.until.saturating_duration_since(Instant::now());
            let apt = with_proxies(Program::new("apt-get"))
                .env("DEBIAN_FRONTEND", "noninteractive")
                .arg(format!("-oDPkg::Lock::Timeout={}", left.as_secs()))
                .args(self.elsewhere())
                .args(args.iter().copied());
            match apt.run(self.log) {
                // Another process took a lock after it was looked at. Where nobody holds one any more, there is time left to
                // try again; otherwise waiting ends with the error.
                Err(ProcessError::Failed { tail, .. })
                    if is_taken(&tail) && Instant::now() < self.until =>
                {
                    thread::sleep(POLL);
                }
                result => return Ok(result?),
            }
        }
    }

    /// The options of apt for a system that is not this machine's own.
    fn elsewhere(&self) -> Option<String> {
        (self.root != Path::new("/")).then(|| format!("-oDir={}", self.root.display()))
    }

    /// Returns when no lock is held.
    fn wait(&self) -> Result<(), AptError> {
        let mut told = None;
        while let Some(holder) = self.holder() {
            if Instant::now() >= self.until {
                return Err(AptError::Locked {
                    lock: holder.lock,
                    who: holder.who,
                    seconds: self.patience.as_secs(),
                });
            }
            if told.as_ref() != Some(&holder) {
                self.listener.note(&format!(
                    "waiting for {}, which holds {} (at most {} s)",
                    holder.who,
                    holder.lock.display(),
                    self.until
                        .saturating_duration_since(Instant::now())
                        .as_secs()
                ));
                told = Some(holder);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Who holds one of the locks, where one is held.
    fn holder(&self) -> Option<Holder> {
        LOCKS.iter().find_map(|lock| {
            let lock = self.root.join(lock);
            let pid = holding(&lock).ok().flatten()?;
            Some(Holder {
                who: name(pid),
                lock,
            })
        })
    }
}

/// The process that holds the lock of a file; `None` if the file is not there or can't be opened: then apt says why.
fn holding(lock: &Path) -> io::Result<Option<i32>> {
    let wanted = Flock::from(FlockType::WriteLock);
    let held = fcntl_getlk(File::open(lock)?, &wanted)?;
    // A process of another namespace has no number here.
    Ok(held.map(|held| held.pid.map_or(0, |pid| pid.as_raw_nonzero().get())))
}

/// What people call a process: `` `unattended-upgr` (process 812)``.
fn name(pid: i32) -> String {
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(command) => format!("`{}` (process {pid})", command.trim()),
        Err(_) => "another process".to_owned(),
    }
}

fn is_taken(output: &str) -> bool {
    TAKEN.iter().any(|taken| output.contains(taken))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use base::progress::Recorder;

    /// A system with nothing in it, as far as apt is concerned.
    fn system() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for dir in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/sources.list.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
        ] {
            std::fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for file in LOCKS.into_iter().chain(["var/lib/dpkg/status"]) {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        root
    }

    /// A process that locks a file as dpkg does, and has done so.
    fn hold(lock: &Path, seconds: &str) -> Child {
        const HOLD: &str = "import fcntl, sys, time\nfile = open(sys.argv[1], 'r+')\n\
                            fcntl.lockf(file, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(float(sys.argv[2]))";
        let mut child = Command::new("python3")
            .args(["-c", HOLD])
            .arg(lock)
            .arg(seconds)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        child
    }

    /// Catches a run that ends because another apt was at work for a moment.
    #[test]
    fn each_lock_is_waited_for_and_its_holder_named() {
        for lock in LOCKS {
            let root = system();
            let path = root.path().join(lock);
            let mut child = hold(&path, "1.5");
            let (notes, log) = (Recorder::default(), root.path().join("log"));
            let apt = Apt::below(root.path(), PATIENCE, &log, &notes);
            let began = Instant::now();
            apt.get(&["install", "--yes", "-qq"]).unwrap();
            assert!(began.elapsed() > Duration::from_secs(1), "{lock}");
            let notes = notes.notes();
            let who = format!("`python3` (process {})", child.id());
            let message = format!("waiting for {who}, which holds {}", path.display());
            assert!(
                notes.len() == 1 && notes[0].starts_with(&message),
                "{notes:?}"
            );
            child.wait().unwrap();
        }
    }

    /// Catches a run that waits for ever, or that does not say for whom.
    #[test]
    fn a_lock_that_stays_is_an_error() {
        let root = system();
        let path = root.path().join(LOCKS[0]);
        let mut child = hold(&path, "60");
        let (notes, log) = (Recorder::default(), root.path().join("log"));
        let apt = Apt::below(root.path(), Duration::from_secs(1), &log, &notes);
        let error = apt.get(&["install", "--yes", "-qq"]).unwrap_err();
        let who = format!("`python3` (process {})", child.id());
        let message = format!("{who} still holds {} after 1 s", path.display());
        assert_eq!(error.to_string(), message);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Catches a message of apt that is not known: a lock that was taken after it was looked at would end the run.
    #[test]
    fn what_apt_says_of_a_lock_is_known() {
        for lock in LOCKS {
            let root = system();
            let mut child = hold(&root.path().join(lock), "60");
            let log = root.path().join("log");
            let apt = |command| {
                Program::new("apt-get")
                    .arg(format!("-oDir={}", root.path().display()))
                    .args([command, "--yes", "-qq"])
                    .run(&log)
            };
            let refused: Vec<ProcessError> = ["install", "update"]
                .into_iter()
                .filter_map(|command| apt(command).err())
                .collect();
            assert!(!refused.is_empty(), "{lock}");
            for message in refused {
                assert!(is_taken(&message.to_string()), "{message}");
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(!is_taken("E: Unable to locate package x"));
    }
}
