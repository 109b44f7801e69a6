//! The server of a scratch cluster, while it runs.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{self, ProcessError, Program};

use super::error::ScratchError;
use super::{Build, SUPERUSER, ScratchCluster, program};

/// The name of the server's socket in its directory.
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// The longest path that a Unix socket can have.
const LONGEST_SOCKET: usize = 107;
/// Crash recovery may take a while; a server that takes longer has another problem.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// A fast shutdown does not wait for sessions; it writes a checkpoint.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// What was done so that the database has the extension of the build.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// It is the one that was there, or there was none and it was created.
    Current,
    /// Its SQL had changed: it was dropped and created again.
    Again,
    /// The SQL of the extension has changed, and other objects depend on the old one. The value is the message of Postgres.
    Outdated(String),
}

/// A running server. Dropping it ends it.
pub struct Server {
    child: Child,
    stop: Option<ChildStdin>,
    socket: SocketDir,
    new: bool,
    cluster: ScratchCluster,
    log: PathBuf,
}

impl Server {
    /// Starts the program that runs the server, which ends when its standard input does.
    pub(super) fn launch(
        mut program: Command,
        socket: SocketDir,
        new: bool,
        cluster: ScratchCluster,
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let at_log = || FileError::at("write the log", log);
        let out = File::options().append(true).open(log).map_err(at_log())?;
        let err = out.try_clone().map_err(at_log())?;
        let mut child = program
            // Ctrl-C on a terminal goes to the group of the foreground, and is meant for psql.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|reason| ProcessError::Start {
                program: program.get_program().to_string_lossy().into_owned(),
                reason,
            })?;
        Ok(Self {
            stop: child.stdin.take(),
            child,
            socket,
            new,
            cluster,
            log: log.to_owned(),
        })
    }

    /// Returns when the server takes connections. `asked_to_end` is called often, and ends the waiting.
    pub(super) fn wait_until_ready(
        &mut self,
        pid_file: &Path,
        asked_to_end: &mut dyn FnMut() -> bool,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        // The eighth line of postmaster.pid is the server's state; pg_ctl reads it so too.
        let ready = || {
            let text = std::fs::read_to_string(pid_file).unwrap_or_default();
            text.lines()
                .nth(7)
                .is_some_and(|state| state.trim() == "ready")
        };
        while !ready() {
            if asked_to_end() {
                return Err(ScratchError::Interrupted.into());
            }
            let ended = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            if ended || began.elapsed() > START_TIMEOUT {
                let text = files::read(&self.log)?;
                return Err(ScratchError::NotStarted {
                    tail: process::tail(&String::from_utf8_lossy(&text)),
                    log: self.log.clone(),
                }
                .into());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Whether the cluster was made for this server.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// The process that holds the server and all of its processes.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The major's own psql.
    pub fn psql(&self) -> String {
        program(self.cluster.major, "psql")
    }

    /// The variables that tell psql, or any client, how to connect.
    pub fn connection(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("PGHOST", self.socket.path().to_owned()),
            ("PGPORT", "5432".into()),
            ("PGUSER", SUPERUSER.into()),
            ("PGDATABASE", SUPERUSER.into()),
        ]
    }

    /// Runs SQL in one transaction and returns what it selects, unaligned and without headers.
    pub fn sql(&self, sql: &str) -> Result<String, ProcessError> {
        let mut psql = Program::new(self.psql()).args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            "--command",
            sql,
        ]);
        for (name, value) in self.connection() {
            psql = psql.env(name, value);
        }
        let out = psql.output(&self.log.with_extension("sql.log"))?;
        Ok(String::from_utf8_lossy(&out).trim_end().to_owned())
    }

    /// Creates the extension in the first database, or creates it again if it is of another build.
    pub fn create_extension(&self, build: &Build<'_>) -> Result<Created, Failure> {
        let digest = build.sql_digest()?.to_string();
        let kept = self.cluster.dir.join("extension.sha256");
        let before = match self.new {
            true => None,
            false => files::read_text(&kept).ok(),
        };
        let changed = before.is_some_and(|before| before != digest);
        let done = match changed {
            true => match self.sql("DROP EXTENSION IF EXISTS pgml; CREATE EXTENSION pgml") {
                Ok(_) => Created::Again,
                Err(ProcessError::Failed { tail, .. }) => return Ok(Created::Outdated(tail)),
                Err(error) => return Err(error.into()),
            },
            false => {
                self.sql("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS pgml")?;
                Created::Current
            }
        };
        files::write(&kept, digest)?;
        Ok(done)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(POLL);
        }
        // The server has ended already, or can't be waited for; its processes end with it. A drop can't report an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server's socket is: beside the data, or in a temporary directory where that path is too long.
pub(super) enum SocketDir {
    Beside(PathBuf),
    Temporary(TempDir),
}

impl SocketDir {
    /// The directory for a cluster in `dir`, empty.
    pub(super) fn below(dir: &Path) -> Result<Self, FileError> {
        let beside = dir.join("socket");
        // A comma separates the hosts of a connection.
        let bytes = beside.as_os_str().as_bytes();
        if bytes.len() + 1 + SOCKET_FILE.len() <= LONGEST_SOCKET && !bytes.contains(&b',') {
            files::remove_dir(&beside)?;
            files::create_dir(&beside)?;
            return Ok(Self::Beside(beside));
        }
        tempfile::Builder::new()
            .prefix("pgml-dev-")
            .tempdir()
            .map(Self::Temporary)
            .map_err(FileError::at(
                "make a temporary directory for the socket, for want of a shorter path than",
                beside,
            ))
    }

    /// Its path on the host.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Beside(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
