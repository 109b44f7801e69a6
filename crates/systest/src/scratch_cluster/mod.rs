//! A Postgres cluster to try a build of the extension in: it is kept between runs, and its server runs as long as someone
//! holds it.
//!
//! Nothing is installed. The server runs in a [`Sandbox`] over this machine's own file system, read-only, in which the
//! server's two extension directories are replaced by directories of links to what is in them, and to the build. It
//! listens on a Unix socket alone, as another user than root, and dies with this process.

mod error;
mod server;

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::sandbox::Sandbox;
use inputs::host::Host;
use inputs::host::require::install_line;
use targets::Target;

pub use self::error::ScratchError;
use self::server::SocketDir;
pub use self::server::{Created, Server};

/// The superuser of the cluster, and its first database.
pub const SUPERUSER: &str = "postgres";

/// Where things are inside. The sandbox has an empty `/run`, so that no path of the cache reaches the server.
const DATA: &str = "/run/pgml/data";
const SOCKET: &str = "/run/pgml/socket";
const RUNTIME: &str = "/run/pgml/runtime";
const HOST_LIB: &str = "/run/pgml/host/lib";
const HOST_SHARE: &str = "/run/pgml/host/extension";

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
    /// The path of `pgml.control` in the source tree.
    pub control: &'a Path,
    /// The directory of `pgml--*.sql`.
    pub sql: &'a Path,
    /// The directory of the Python runtime that the library loads.
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

impl ScratchCluster {
    /// The cluster in a directory, which need not exist.
    pub fn open(dir: &Path, major: u16) -> Result<Self, Failure> {
        let dir = std::path::absolute(dir).map_err(FileError::at("find", dir))?;
        files::create_dir(&dir)?;
        files::set_mode(&dir, 0o700)?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(FileError::at("open", &path))?;
        if lock.try_lock().is_err() {
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

    /// Makes the cluster's data if there is none. Returns whether it did.
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
        let command = self
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
        let mut server = Server::launch(command, socket, new, self, log)?;
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
            // The files of an installed pgml of any version.
            if text.starts_with("pgml.") || text.starts_with("pgml-") {
                continue;
            }
            let link = merged.join(&name);
            std::os::unix::fs::symlink(Path::new(inside).join(&name), &link)
                .map_err(FileError::at("make the link", &link))?;
        }
        Ok(merged)
    }
}

/// Ends the server by a fast shutdown when standard input ends: when this process closes it or has ended. A signal to
/// bubblewrap would not be a fast shutdown. `$$` becomes the server. Twice in the background: init's child, not the
/// server's.
const WATCH: &str = "( { read -r _ <&3 || true; kill -INT $$; } & )";

/// A program of a major, where Debian and Ubuntu have it.
fn program(major: u16, name: &str) -> String {
    format!("/usr/lib/postgresql/{major}/bin/{name}")
}

/// The directory that `pg_config --pkglibdir` prints on Debian.
fn pkglib(major: u16) -> PathBuf {
    format!("/usr/lib/postgresql/{major}/lib").into()
}

/// The directory `$(pg_config --sharedir)/extension` on Debian.
fn extension(major: u16) -> PathBuf {
    format!("/usr/share/postgresql/{major}/extension").into()
}
