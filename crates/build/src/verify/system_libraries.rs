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
use self::error::ProvidersError;
use self::gather::{PACKAGES, ROOT, program};

use crate::server_wheel;
use base::exit::Failure;
use base::files;
use symcheck::Rulebook;
use symcheck::scope::{FileSystem, Process};
use symcheck::server_release;
use symcheck::surroundings::{Runtime, ServerRelease, Surroundings};
use targets::{Distribution, Headers, Target, Targets};

/// Where a wheel's server is put in the replayed process.
const WHEEL_AT: &str = "/server-of-a-wheel";
/// What a target's process sees, and what people should know of it.
pub struct Providers {
    /// The files, without those of the library that is judged and of the runtime.
    pub files: FileSystem,
    program: String,
    libpython: Option<String>,
    python: (u8, u8),
    release: ServerRelease,
    evidence: Vec<String>,
}

impl Providers {
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
        let mut files = files.directory("/", &libraries.join(ROOT));
        let mut evidence = Vec::new();
        let mut libpython = None;
        let known = packages(&libraries)?;
        let package = |known: &BTreeMap<String, String>, name: &str| {
            let suffix = format!("/{name}");
            let found = known.iter().find(|(path, _)| path.ends_with(&suffix));
            found.map_or("a package".to_owned(), |(_, package)| package.clone())
        };
        let glibc = package(&known, "libc.so.6");
        let read_from = targets.require_distribution(&choice.libraries)?;
        if read_from.base() == own.id {
            evidence.push(format!(
                "libraries: the locked packages of {} ({glibc}, {})",
                own.title,
                package(&known, &own.libpython_soname())
            ));
        } else {
            let title = &read_from.title;
            evidence.push(format!(
                "libraries: no packages of {} are locked; those of {title} ({glibc}) stand for its glibc {}, which keeps \
                 every older symbol version",
                own.title, own.glibc
            ));
            let soname = own.libpython_soname();
            evidence.push(format!(
                "{soname}: CPython's list of its stable ABI, not the library itself"
            ));
            libpython = Some(soname);
        }
        let mut release = ServerRelease::default();
        let program = match &choice.server {
            None => {
                return Err(ProvidersError::NoServer {
                    major: target.major,
                }
                .into());
            }
            Some(Server::Package(other)) => {
                let program = program(target.major);
                let dir = output_of(&job(other))?;
                let server = package(&packages(&dir)?, "postgres");
                release.own = targets.require_distribution(other)?.base() == own.id;
                release.version = server
                    .split_once(' ')
                    .and_then(|(_, version)| server_release::of_package(version));
                evidence.push(format!(
                    "server: {server}{}",
                    match release.own {
                        true => String::new(),
                        false => format!(
                            " of {}, with those of its libraries that are not above",
                            targets.require_distribution(other)?.title
                        ),
                    }
                ));
                if *other != choice.libraries {
                    files = files.directory("/", &dir.join(ROOT));
                }
                program
            }
            Some(Server::Wheel) => {
                let dir = output_of(&wheel_job(target))?;
                release.version = server_release::of_headers(&dir, target.major)?;
                let Some(Headers::Wheel {
                    root,
                    wheel,
                    version,
                    ..
                }) = targets.server_wheel(target.major, &own.architecture)
                else {
                    return Err(ProvidersError::NoServer {
                        major: target.major,
                    }
                    .into());
                };
                evidence.push(format!("server: the wheel {wheel} {version}"));
                files = files.directory(WHEEL_AT, &dir.join(server_wheel::WHEEL).join(root));
                format!("{WHEEL_AT}/bin/postgres")
            }
        };
        Ok(Self {
            files,
            program,
            libpython,
            python: python_of(own),
            release,
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
        runtime: Result<Runtime, String>,
        beside: &[String],
    ) -> Result<Surroundings<'f>, Failure> {
        let mut server = Process::start(&self.files, &self.program)?;
        if let Some(soname) = &self.libpython {
            let symbols = book.abi3.symbols_up_to(self.python);
            server.suppose(soname, symbols.map(|(name, _)| name.to_owned()));
        }
        let mut evidence = self.evidence.clone();
        if let Ok(runtime) = &runtime {
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

fn packages(output: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = files::read_text(&output.join(PACKAGES))?;
    Ok(serde_json::from_str(&text).unwrap_or_default()) // only names in words
}

/// The libraries of a Python runtime, of a job's output or an unpacked package, as they are found at a path of the process.
pub fn libraries_below(dir: &Path, at: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for file in files::files_below(dir)? {
        let path = file.to_string_lossy();
        if is_library(&path) {
            found.push(format!("{at}/{path}"));
        }
    }
    Ok(found)
}

/// Whether a file is named like a library.
pub fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}
