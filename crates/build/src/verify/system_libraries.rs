//! The libraries that a target's server loads, out of the locked packages: what the symbol tables of S1, S2 and S11 are read
//! from. They are read and never loaded, so that any distribution's will do on any machine.
//!
//! Where a distribution is not locked, the builder's libraries stand for its own: they are older, and glibc and libgcc keep
//! every symbol version that they ever had. The report says so.

mod choice;
mod error;
pub mod gather;
mod root;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::choice::wheel_job;
pub use self::choice::{Choice, Server, job};
use self::error::SystemLibrariesError;
use self::gather::{PACKAGES, ROOT, program};

use crate::server_wheel;
use base::exit::Failure;
use base::files;
use symcheck::Rulebook;
use symcheck::scope::{FileSystem, Process};
use symcheck::server_release;
use symcheck::surroundings::{PythonRuntime, ServerRelease, Surroundings};
use targets::{Distribution, Headers, Target, Targets};

/// Where a wheel's server is put in the replayed process.
const WHEEL_AT: &str = "/server-of-a-wheel";
/// What a target's process sees, and what people should know of it.
pub struct SystemLibraries {
    /// The files, without those of the library that is judged and of the runtime.
    pub files: FileSystem,
    program: String,
    libpython: Option<String>,
    python: (u8, u8),
    release: ServerRelease,
    evidence: Vec<String>,
}

/// What a server is read from.
struct ServerFiles {
    files: FileSystem,
    /// The path of `postgres` among them.
    program: String,
    release: ServerRelease,
    evidence: String,
}

impl SystemLibraries {
    /// Puts together what jobs have read. `files` come first; `output_of` finds a job's output.
    pub fn new(
        targets: &Targets,
        target: &Target,
        choice: &Choice,
        files: FileSystem,
        output_of: &dyn Fn(&str) -> Result<PathBuf, Failure>,
    ) -> Result<Self, Failure> {
        let own = &target.distribution;
        let libraries = output_of(&job(&choice.libraries))?;
        let files = files.directory("/", &libraries.join(ROOT));
        let read_from = targets.require_distribution(&choice.libraries)?;
        let mut evidence = library_evidence(own, read_from, &PackageNames::read(&libraries)?);
        let no_server = || SystemLibrariesError::NoServer {
            major: target.major,
        };
        let server = match &choice.server {
            None => return Err(no_server().into()),
            Some(Server::Package(other)) => {
                let dir = output_of(&job(other))?;
                let other = targets.require_distribution(other)?;
                let files = match other.id == choice.libraries {
                    true => files,
                    false => files.directory("/", &dir.join(ROOT)),
                };
                server_of_package(target, other, &dir, files)?
            }
            Some(Server::Wheel) => {
                let dir = output_of(&wheel_job(target))?;
                let wheel = targets.server_wheel(target.major, &own.architecture);
                let wheel = wheel.ok_or_else(no_server)?;
                server_of_wheel(target, wheel, &dir, files)?.ok_or_else(no_server)?
            }
        };
        evidence.push(server.evidence);
        Ok(Self {
            files: server.files,
            program: server.program,
            libpython: (read_from.base() != own.id).then(|| own.libpython_soname()),
            python: python_of(own),
            release: server.release,
            evidence,
        })
    }

    /// Adds the files of a runtime, or of what else is looked into last.
    #[must_use]
    pub fn with(mut self, add: impl FnOnce(FileSystem) -> FileSystem) -> Self {
        self.files = add(self.files);
        self
    }

    /// Starts the server, which then opens the extensions at the paths `beside`.
    pub fn surroundings<'f>(
        &'f self,
        book: &Rulebook,
        runtime: PythonRuntime,
        beside: &[String],
    ) -> Result<Surroundings<'f>, Failure> {
        let mut server = Process::start(&self.files, &self.program)?;
        if let Some(soname) = &self.libpython {
            let symbols = book.abi3.symbols_up_to(self.python);
            server.suppose(soname, symbols.map(|(name, _)| name.to_owned()));
        }
        let mut evidence = self.evidence.clone();
        if let Some(runtime) = runtime.known() {
            self.files.read_ahead(&runtime.libraries);
            evidence.push(format!("Python's libraries: {}", runtime.name));
        }
        let mut surroundings =
            Surroundings::new(server, evidence, runtime).of_release(self.release.clone());
        for path in beside {
            surroundings.open_beside(path)?;
        }
        Ok(surroundings)
    }
}

/// The version of a distribution's Python.
fn python_of(distribution: &Distribution) -> (u8, u8) {
    let mut python = distribution.python.parts().iter();
    let mut part = || {
        python
            .next()
            .and_then(|part| u8::try_from(*part).ok())
            .unwrap_or(0)
    };
    (part(), part())
}

/// Says whose libraries a target's own are, or which ones stand for them.
fn library_evidence(
    own: &Distribution,
    read_from: &Distribution,
    packages: &PackageNames,
) -> Vec<String> {
    let glibc = packages.of("libc.so.6");
    let (title, soname) = (&own.title, own.libpython_soname());
    if read_from.base() == own.id {
        let python = packages.of(&soname);
        return vec![format!(
            "libraries: the locked packages of {title} ({glibc}, {python})"
        )];
    }
    vec![
        format!(
            "libraries: no packages of {title} are locked; those of {} ({glibc}) stand for its glibc {}, which keeps \
             every older symbol version",
            read_from.title, own.glibc
        ),
        format!("{soname}: CPython's list of its stable ABI, not the library itself"),
    ]
}

/// The server of a distribution's package, which may stand for the target's own.
fn server_of_package(
    target: &Target,
    read_from: &Distribution,
    output: &Path,
    files: FileSystem,
) -> Result<ServerFiles, Failure> {
    let server = PackageNames::read(output)?.of("postgres");
    let own = read_from.base() == target.distribution.id;
    let version = server
        .split_once(' ')
        .and_then(|(_, version)| server_release::of_package(version));
    Ok(ServerFiles {
        files,
        program: program(target.major),
        release: ServerRelease { version, own },
        evidence: match own {
            true => format!("server: {server}"),
            false => format!(
                "server: {server} of {}, with those of its libraries that are not above",
                read_from.title
            ),
        },
    })
}

/// The server of a wheel, whose headers tell its release; `None` where these headers are not a wheel's.
fn server_of_wheel(
    target: &Target,
    headers: &Headers,
    output: &Path,
    files: FileSystem,
) -> Result<Option<ServerFiles>, Failure> {
    let Headers::Wheel {
        root,
        wheel,
        version,
        ..
    } = headers
    else {
        return Ok(None);
    };
    let release = ServerRelease {
        version: server_release::of_headers(output, target.major)?,
        own: false,
    };
    Ok(Some(ServerFiles {
        files: files.directory(WHEEL_AT, &output.join(server_wheel::WHEEL).join(root)),
        program: format!("{WHEEL_AT}/bin/postgres"),
        release,
        evidence: format!("server: the wheel {wheel} {version}"),
    }))
}

/// Which package each file of a job's output is from: `/lib/…/libc.so.6` → `libc6 2.36-9`.
struct PackageNames(BTreeMap<String, String>);

impl PackageNames {
    fn read(output: &Path) -> Result<Self, Failure> {
        let text = files::read_text(&output.join(PACKAGES))?;
        Ok(Self(serde_json::from_str(&text).unwrap_or_default())) // only names in words
    }

    /// Name and version of the package that has a file of this name.
    fn of(&self, file: &str) -> String {
        let suffix = format!("/{file}");
        let found = self.0.iter().find(|(path, _)| path.ends_with(&suffix));
        found.map_or("a package".to_owned(), |(_, package)| package.clone())
    }
}
