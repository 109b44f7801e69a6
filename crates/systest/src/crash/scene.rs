//! A server in a root file system of locked packages, for one session that may crash it.
//!
//! Each session gets a fresh copy of the cluster, the library that it names in place of `pgml.so`, and its own environment.
//! It runs as an ordinary user without network. All its processes have ended when it returns.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::sandbox::Sandbox;
use build::layout;

/// Where files that a session is shown lie inside.
pub const SHOWN: &str = "/run/shown";
/// Where the dynamic linker's record of a session is written.
const DEBUG: &str = "/run/debug";
const DATA: &str = "/run/data";

/// The kernels that every OpenBLAS uses. Without this setting the machine's processor would decide, and a processor that an
/// OpenBLAS does not know gets a fallback. These are in all builds of the test, and every x86-64 processor can run them. The
/// wrong variants end with signal 11 on them as on Nehalem, Sandybridge, Haswell, Zen and SkylakeX (docs/crash.md).
pub const KERNELS: (&str, &str) = ("OPENBLAS_CORETYPE", "Prescott");

/// A root file system with a server, a Python and wheels.
pub struct Scene<'a> {
    /// The root file system.
    pub rootfs: &'a Path,
    /// The tree with the wheels.
    pub runtime: &'a Path,
    /// The major version of the PostgreSQL server that crashes.
    pub major: u16,
    /// The source tree, for the extension's control file and SQL.
    pub source: &'a Path,
    /// A directory of its own to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// One connection to a server, and what that server is given.
pub struct Session<'a> {
    /// The library in place of `pgml.so`, stamped.
    pub library: &'a Path,
    /// A directory that is shown at [`SHOWN`].
    pub shown: &'a Path,
    /// The server's environment, besides [`KERNELS`].
    pub environment: Vec<(&'static str, String)>,
    /// What the session runs; it ends at the first error.
    pub sql: &'a str,
    /// Whether the dynamic linker records what it binds.
    pub debug: bool,
}

/// How a session ended.
pub struct Outcome {
    /// What psql printed, and why it stopped.
    pub output: String,
    /// What the server wrote.
    pub server: String,
    /// The dynamic linker's record of the session, where it was asked for.
    pub debug: String,
}

impl Outcome {
    /// Whether the server says that a backend was ended by this signal.
    pub fn ended_by_signal(&self, signal: i32) -> bool {
        let line = format!("was terminated by signal {signal}:");
        self.server.contains(&line)
    }

    /// The output of the session and the log of the server, for the message of a failed test.
    pub fn transcript(&self) -> String {
        format!(
            "psql printed\n{}\nthe server wrote\n{}",
            self.output, self.server
        )
    }
}

impl Scene<'_> {
    /// Makes the cluster that each session gets a copy of, with the extension created by `library`.
    pub fn prepare(&self, library: &Path) -> Result<(), Failure> {
        files::remove_dir(self.scratch)?;
        files::create_dir(&self.scratch.join("cluster"))?;
        // initdb asks for the name of the user that it runs as.
        let passwd = self.scratch.join("passwd");
        files::write(&passwd, "postgres:x:1000:1000::/tmp:/bin/sh\n")?;
        self.directory("lib", &self.pkglib(), &[library])?;
        let sql = self.source.join("extension/sql");
        let mut ours: Vec<PathBuf> = files::files_below(&sql)?;
        ours.iter_mut().for_each(|file| *file = sql.join(&*file));
        ours.push(self.source.join("extension/pgml.control"));
        let ours: Vec<&Path> = ours.iter().map(PathBuf::as_path).collect();
        self.directory("extension", &self.extension(), &ours)?;
        let script = format!(
            "$BIN/initdb --no-sync --auth=trust --encoding=UTF8 --locale=C.UTF-8 --username postgres --pgdata {DATA}\n\
             {START}\n$PSQL --command 'CREATE EXTENSION pgml'\n{STOP}"
        );
        let cluster = self.scratch.join("cluster");
        let sandbox = self.sandbox(&cluster).env("SERVER_ENVIRONMENT", "");
        Ok(sandbox.script(&script).run(self.log)?)
    }

    /// Starts a server on a copy of the cluster, runs the SQL of a session and stops the server.
    pub fn run(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let library = self.scratch.join("pgml.so");
        files::link_or_copy(session.library, &library)?;
        self.directory("lib", &self.pkglib(), &[&library])?;
        let cluster = self.scratch.join("session");
        files::remove_dir(&cluster)?;
        base::process::Program::new("cp")
            .args([
                "--recursive".as_ref(),
                self.scratch.join("cluster").as_os_str(),
            ])
            .arg(&cluster)
            .run(self.log)?;
        files::set_mode(&cluster, 0o700)?;
        let debug = self.scratch.join("debug");
        files::remove_dir(&debug)?;
        files::create_dir(&debug)?;
        let mut environment = session.environment.clone();
        environment.push((KERNELS.0, KERNELS.1.into()));
        if session.debug {
            environment.push(("LD_DEBUG", "bindings,files".into()));
            environment.push(("LD_DEBUG_OUTPUT", format!("{DEBUG}/ld")));
        }
        let environment: Vec<String> = environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let sql = self.scratch.join("session.sql");
        files::write(&sql, session.sql)?;
        // The session may end the server, so nothing but the server's start may fail the script.
        let script = format!(
            "{START}\n$PSQL --file /run/session.sql 2>&1 || true\n{STOP}\necho '{SERVER_LOG}'; cat /tmp/server.log"
        );
        let output = self
            .sandbox(&cluster)
            .read_only(session.shown, SHOWN)
            .read_only(&sql, "/run/session.sql")
            .writable(&debug, DEBUG)
            .env("SERVER_ENVIRONMENT", environment.join(" "))
            .script(&script)
            .output(self.log)?;
        let text = String::from_utf8_lossy(&output);
        let (output, server) = text.split_once(SERVER_LOG).unwrap_or((&text, ""));
        Ok(Outcome {
            output: output.trim().to_owned(),
            server: server.trim().to_owned(),
            debug: record_of_session(&debug)?,
        })
    }

    /// The directory with the server's libraries, inside.
    pub fn pkglib(&self) -> String {
        format!("/usr/lib/postgresql/{}/lib", self.major)
    }

    fn extension(&self) -> String {
        format!("/usr/share/postgresql/{}/extension", self.major)
    }

    fn sandbox(&self, cluster: &Path) -> Sandbox {
        let bin = format!("/usr/lib/postgresql/{}/bin", self.major);
        Sandbox::new(self.rootfs)
            .read_only(&self.scratch.join("passwd"), "/etc/passwd")
            .read_only(&self.scratch.join("lib"), &self.pkglib())
            .read_only(&self.scratch.join("extension"), &self.extension())
            .read_only(self.runtime, layout::PYTHON_PREFIX)
            .writable(cluster, DATA)
            .env(
                "PSQL",
                format!("{bin}/psql -XAtq -v ON_ERROR_STOP=1 --host=/tmp --username=postgres"),
            )
            .env("BIN", bin)
    }

    /// A directory with what the root file system has there, and our files, by link.
    fn directory(&self, name: &str, inside: &str, ours: &[&Path]) -> Result<(), FileError> {
        let merged = self.scratch.join(name);
        files::remove_dir(&merged)?;
        let system = self.rootfs.join(inside.trim_start_matches('/'));
        for file in files::files_below(&system)? {
            let to = merged.join(&file);
            files::create_dir(to.parent().unwrap_or(&merged))?;
            files::link_or_copy(&system.join(&file), &to)?;
        }
        ours.iter().try_for_each(|file| {
            files::link_or_copy(file, &merged.join(file.file_name().unwrap_or_default()))
        })
    }
}

/// The record of the process that loaded the extension and then imported packages. Each process writes its own.
fn record_of_session(debug: &Path) -> Result<String, FileError> {
    for file in files::files_below(debug)? {
        let text = files::read(&debug.join(file))?;
        let text = String::from_utf8_lossy(&text);
        if text.contains("/pgml.so") && text.contains("site-packages") {
            return Ok(text.into_owned());
        }
    }
    Ok(String::new())
}

const SERVER_LOG: &str = "-- what the server wrote --";

/// Starts the server; its environment is set for it alone. A backend that ends by a signal ends the server. Trainings run in
/// the backend: in a separate process the crash that this suite is about would be an ERROR.
const START: &str = r#"
env $SERVER_ENVIRONMENT $BIN/postgres -D /run/data -c listen_addresses= -c unix_socket_directories=/tmp -c fsync=off \
    -c restart_after_crash=off -c jit=off -c pgml.isolation=backend >/tmp/server.log 2>&1 &
server=$!
tries=0
until $BIN/pg_isready --quiet --host=/tmp; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] && kill -0 $server || { cat /tmp/server.log; exit 1; }
    sleep 0.1
done
"#;

/// Stops it, if it still runs.
const STOP: &str = "kill -INT $server 2>/dev/null || true; wait $server || true";
