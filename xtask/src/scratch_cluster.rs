//! A Postgres cluster to try a build of the extension in: it is kept between runs, and its server runs as long as someone
//! holds it.
//!
//! Nothing is installed. The server runs in a [`Sandbox`] over this machine's own file system, read-only, in which the
//! server's two extension directories are replaced by directories of links to what is in them, and to the build. It
//! listens on a Unix socket alone, as another user than root, and dies with this process.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use miette::Diagnostic;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;
use thiserror::Error;

use crate::digest::Digest;
use crate::exit::{Exit, ExitKind, Failure};
use crate::files::{self, FileError};
use crate::host::Host;
use crate::host::require::install_line;
use crate::process::{ProcessError, Program};
use crate::sandbox::Sandbox;
use crate::targets::Target;

/// The superuser of the cluster, and its first database.
pub const SUPERUSER: &str = "postgres";

/// Where things are inside. The sandbox has an empty `/run`, so that no path of the cache reaches the server.
const DATA: &str = "/run/pgml/data";
const SOCKET: &str = "/run/pgml/socket";
const RUNTIME: &str = "/run/pgml/runtime";
const HOST_LIB: &str = "/run/pgml/host/lib";
const HOST_SHARE: &str = "/run/pgml/host/extension";
/// The name of the server's socket in its directory.
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// The longest path that a Unix socket can have.
const LONGEST_SOCKET: usize = 107;
/// Crash recovery may take a while; a server that takes longer has another problem.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// A fast shutdown waits for nobody; it writes a checkpoint.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Why there is no server with the build in it.
#[derive(Debug, Error, Diagnostic)]
pub enum ScratchError {
    /// The server, or the Python that the extension embeds, is not installed.
    #[error("this machine lacks {what}")]
    #[diagnostic(help("run `{line}`"))]
    NotInstalled {
        /// What is missing.
        what: String,
        /// The line that installs it.
        line: String,
    },
    /// Another run holds the cluster.
    #[error("the scratch cluster {} is in use by another run", dir.display())]
    #[diagnostic(help("end the other `cargo xtask dev`; for a second psql beside it: `{psql}`"))]
    InUse {
        /// The cluster.
        dir: PathBuf,
        /// The command that connects to the running server.
        psql: String,
    },
    /// The server ended, or never said that it was ready.
    #[error("the scratch server did not start\n{tail}")]
    #[diagnostic(help(
        "its whole log is in {}; `cargo xtask dev --fresh` starts over with an empty cluster",
        log.display()
    ))]
    NotStarted {
        /// The end of its log.
        tail: String,
        /// Its log.
        log: PathBuf,
    },
    /// The user asked to end while the server was starting.
    #[error("interrupted while the scratch server was starting")]
    Interrupted,
}

impl ExitKind for ScratchError {
    fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::CheckFailed,
            _ => Exit::CannotHere,
        }
    }
}

/// Finds out whether a machine (its file system begins at `root`) has what a server with the extension needs.
pub fn require(host: &Host, root: &Path, target: &Target) -> Result<(), ScratchError> {
    let mut what = Vec::new();
    let mut packages = Vec::new();
    let server = format!("postgresql-{}", target.major);
    if !host.postgres.contains(&target.major) {
        what.push(format!("a PostgreSQL {} server", target.major));
        packages.push(server.as_str());
    }
    let soname = target.distribution.libpython_soname();
    let mut libraries = std::fs::read_dir(root.join("usr/lib"))
        .into_iter()
        .flatten()
        .flatten();
    if !libraries.any(|dir| dir.path().join(&soname).exists()) {
        what.push(format!("`{soname}`"));
        packages.push(&target.distribution.libpython);
    }
    match packages.is_empty() {
        true => Ok(()),
        false => Err(ScratchError::NotInstalled {
            what: what.join(" and "),
            line: install_line(&packages),
        }),
    }
}

/// What was built, as the server is to see it.
pub struct Build<'a> {
    /// `pgml.so`, stamped for this machine.
    pub library: &'a Path,
    /// `pgml.control`
    pub control: &'a Path,
    /// The directory of `pgml--*.sql`.
    pub sql: &'a Path,
    /// The Python runtime.
    pub runtime: &'a Path,
}

impl Build<'_> {
    /// The files for the server's extension directory.
    fn extension_files(&self) -> Result<Vec<PathBuf>, FileError> {
        let sql = files::files_below(self.sql)?;
        let sql = sql.iter().map(|name| self.sql.join(name));
        Ok([self.control.to_owned()].into_iter().chain(sql).collect())
    }

    /// What `CREATE EXTENSION` reads. When this changes, an extension that was created before is out of date.
    fn sql_digest(&self) -> Result<Digest, FileError> {
        let mut all = Vec::new();
        for file in self.extension_files()? {
            let contents = files::read(&file)?;
            all.extend_from_slice(file.file_name().unwrap_or_default().as_bytes());
            all.extend_from_slice(format!("\0{}\0", contents.len()).as_bytes());
            all.extend(contents);
        }
        Ok(Digest::of(all))
    }
}

/// A cluster of one Postgres major. One process at a time holds it.
pub struct ScratchCluster {
    dir: PathBuf,
    major: u16,
    _lock: File,
}

/// What was done so that the database has the extension of the build.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// It is the one that was there, or there was none and it was created.
    Current,
    /// Its SQL had changed: it was dropped and created again.
    Again,
    /// Its SQL had changed, and something depends on the old one; what Postgres said.
    Outdated(String),
}

impl ScratchCluster {
    /// The cluster in a directory, which need not exist.
    pub fn open(dir: &Path, major: u16) -> Result<Self, Failure> {
        let dir = std::path::absolute(dir).map_err(FileError::at("find", dir))?;
        files::create_dir(&dir)?;
        files::set_mode(&dir, 0o700)?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(FileError::at("open", &path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let socket = files::read_text(&dir.join("socket-directory")).unwrap_or_default();
            return Err(ScratchError::InUse {
                psql: format!(
                    "{} --host={socket} --username={SUPERUSER}",
                    program(major, "psql")
                ),
                dir,
            }
            .into());
        }
        Ok(Self {
            dir,
            major,
            _lock: lock,
        })
    }

    /// Throws the cluster's data away.
    pub fn clear(&self) -> Result<(), FileError> {
        files::remove_dir(&self.data())
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn sandbox(&self) -> Result<Sandbox, FileError> {
        // The server asks for the name of the user that it runs as.
        let passwd = self.dir.join("passwd");
        files::write(&passwd, format!("{SUPERUSER}:x:1000:1000::/tmp:/bin/sh\n"))?;
        Ok(Sandbox::new(Path::new("/")).read_only(&passwd, "/etc/passwd"))
    }

    /// Makes the cluster's data where there is none; whether it did.
    fn init(&self, log: &Path) -> Result<bool, Failure> {
        if self.data().exists() {
            return Ok(false);
        }
        // Renamed when it is whole, so that an interrupted one does not count.
        let partial = self.dir.join("data.partial");
        files::remove_dir(&partial)?;
        files::create_dir(&partial)?;
        self.sandbox()?
            .writable(&partial, DATA)
            .program([
                program(self.major, "initdb").as_str(),
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--username",
                SUPERUSER,
                "--pgdata",
                DATA,
            ])
            .run(log)?;
        files::rename(&partial, &self.data())?;
        Ok(true)
    }

    /// Starts a server that has the build. Call it on the thread that outlives the server: the kernel ends the server
    /// when the thread that started it is gone. `asked_to_end` is called often, and ends the waiting.
    pub fn start(
        self,
        build: &Build<'_>,
        asked_to_end: &mut dyn FnMut() -> bool,
        log: &Path,
    ) -> Result<Server, Failure> {
        files::write(log, "")?;
        let new = self.init(log)?;
        let lib = self.merged("lib", HOST_LIB, &pkglib(self.major), &[build.library])?;
        let ours = build.extension_files()?;
        let ours: Vec<&Path> = ours.iter().map(PathBuf::as_path).collect();
        let share = self.merged("extension", HOST_SHARE, &extension(self.major), &ours)?;
        let socket = SocketDir::below(&self.dir)?;
        files::write(
            &self.dir.join("socket-directory"),
            socket.path().as_os_str().as_bytes(),
        )?;
        // Left by a server that was killed. We hold the lock, so that there is no other.
        let pid_file = self.data().join("postmaster.pid");
        let _ = std::fs::remove_file(&pid_file);

        let settings = [
            "listen_addresses=".into(),
            format!("unix_socket_directories={SOCKET}"),
            format!("pgml.runtime_path={RUNTIME}"),
        ];
        let settings: Vec<String> = settings.iter().map(|s| format!("-c '{s}'")).collect();
        let script = format!(
            "exec 3<&0\n{WATCH}\nexec {} -D {DATA} {} </dev/null 3<&-",
            program(self.major, "postgres"),
            settings.join(" ")
        );
        let at_log = |reason| ProcessError::Log {
            path: log.to_owned(),
            reason,
        };
        let out = File::options().append(true).open(log).map_err(at_log)?;
        let err = out.try_clone().map_err(at_log)?;
        let mut command = self
            .sandbox()?
            .writable(&self.data(), DATA)
            .writable(socket.path(), SOCKET)
            .read_only(build.runtime, RUNTIME)
            .read_only(&pkglib(self.major), HOST_LIB)
            .read_only(&extension(self.major), HOST_SHARE)
            .read_only(&lib, &pkglib(self.major).to_string_lossy())
            .read_only(&share, &extension(self.major).to_string_lossy())
            .script(&script)
            .command();
        let mut child = command
            // Ctrl-C on a terminal goes to the group of the foreground, and is meant for psql.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|reason| ProcessError::Start {
                program: "bwrap".into(),
                reason,
            })?;
        let mut server = Server {
            stop: child.stdin.take(),
            child,
            socket,
            new,
            cluster: self,
            log: log.to_owned(),
        };
        server.wait_until_ready(&pid_file, asked_to_end)?;
        Ok(server)
    }

    /// A directory that has what `host` has, as links to what it is inside, and our files instead of any of those names.
    fn merged(
        &self,
        name: &str,
        inside: &str,
        host: &Path,
        ours: &[&Path],
    ) -> Result<PathBuf, FileError> {
        let merged = self.dir.join(name);
        files::remove_dir(&merged)?;
        files::create_dir(&merged)?;
        for file in ours {
            files::copy(file, &merged.join(file.file_name().unwrap_or_default()))?;
        }
        for entry in std::fs::read_dir(host).map_err(FileError::at("list", host))? {
            let name = entry.map_err(FileError::at("list", host))?.file_name();
            let text = name.to_string_lossy();
            // Those of an installed pgml, of whatever version.
            if text.starts_with("pgml.") || text.starts_with("pgml--") {
                continue;
            }
            let link = merged.join(&name);
            std::os::unix::fs::symlink(Path::new(inside).join(&name), &link)
                .map_err(FileError::at("make the link", &link))?;
        }
        Ok(merged)
    }
}

/// Ends the server when standard input ends, that is when we close it or are gone: a fast shutdown, which a signal to
/// bubblewrap would not be. `$$` becomes the server. Twice in the background: init's child, not the server's.
const WATCH: &str = "( { read -r _ <&3 || true; kill -INT $$; } & )";

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
    fn wait_until_ready(
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
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                return Err(ScratchError::NotStarted {
                    tail: lines[lines.len().saturating_sub(25)..].join("\n"),
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

    /// Sees to it that the first database has the extension, and of this build.
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
        // Ended already, or beyond waiting; its processes go with it. There is nobody to report to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server's socket is: beside the data, or in a temporary directory where that path is too long.
enum SocketDir {
    Beside(PathBuf),
    Temporary(TempDir),
}

impl SocketDir {
    fn below(dir: &Path) -> Result<Self, FileError> {
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

    fn path(&self) -> &Path {
        match self {
            Self::Beside(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

/// A program of a major, where Debian and Ubuntu have it.
fn program(major: u16, name: &str) -> String {
    format!("/usr/lib/postgresql/{major}/bin/{name}")
}

/// `pg_config --pkglibdir`
fn pkglib(major: u16) -> PathBuf {
    format!("/usr/lib/postgresql/{major}/lib").into()
}

/// `$(pg_config --sharedir)/extension`
fn extension(major: u16) -> PathBuf {
    format!("/usr/share/postgresql/{major}/extension").into()
}
