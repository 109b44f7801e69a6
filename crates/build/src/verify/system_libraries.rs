//! The libraries that a target's server loads, out of the locked packages: what the symbol tables of S1, S2 and S11 are read
//! from. They are read and never loaded, so that any distribution's will do on any machine.
//!
//! Where a distribution is not locked, the builder's libraries stand for its own: they are older, and glibc and libgcc keep
//! every symbol version that they ever had. The report says so.

mod root;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::server_wheel;
use base::exit::{Exit, ExitKind, Failure};
use base::files;
use debian::deb::reader::{self, DebError, Kind, Limits};
use symcheck::Rulebook;
use symcheck::scope::{FileSystem, Process};
use symcheck::server_release;
use symcheck::surroundings::{Runtime, ServerRelease, Surroundings};
use targets::lock::WheelSet;
use targets::{Distribution, Headers, Target, Targets};

/// How every ELF file starts.
const ELF: &[u8] = b"\x7fELF";
/// Which package each file is of, in the job's output.
const PACKAGES: &str = "packages.json";
/// The directory with the files, in the job's output.
const ROOT: &str = "root";
/// Where a wheel's server is put in the replayed process.
const WHEEL_AT: &str = "/server-of-a-wheel";
/// The directories whose libraries the dynamic linker finds by name.
const LIBRARIES: [&str; 5] = [
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "lib64",
];
/// Libraries that a Python runtime or an extension may need beside those of the server.
const BESIDE: [&str; 3] = ["libgomp.so.1", "libstdc++.so.6", "libgcc_s.so.1"];

/// Where the server of a target is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A distribution's package.
    Package(String),
    /// A wheel.
    Wheel,
}

/// Where the libraries of a target are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The distribution whose libraries are read, by its id.
    pub libraries: String,
    /// Whose server is read; `None` where none can be had.
    pub server: Option<Server>,
}

impl Choice {
    /// The best that the locks have. `has_lock` tells whether one of this name exists.
    pub fn of(targets: &Targets, target: &Target, has_lock: &dyn Fn(&str) -> bool) -> Self {
        let own = &target.distribution;
        if let Some(server) = targets.server_of(target, has_lock) {
            return Self {
                libraries: server.id.clone(),
                server: Some(Server::Package(server.id.clone())),
            };
        }
        let serves = |other: &&Distribution| {
            other.postgres == target.major
                && other.architecture == own.architecture
                && has_lock(&other.id)
        };
        let package = targets.distributions.iter().find(serves);
        let server = targets.server_wheel(target.major, &own.architecture);
        let wheel =
            server.is_some() && has_lock(&WheelSet::server_name(target.major, &own.architecture));
        Self {
            libraries: match has_lock(&own.id) {
                true => own.id.clone(),
                false => own
                    .architecture
                    .qualify(oldest_locked(targets, own, has_lock)),
            },
            server: match package {
                Some(other) => Some(Server::Package(other.id.clone())),
                None => wheel.then_some(Server::Wheel),
            },
        }
    }

    /// The distributions whose packages it is read from.
    pub fn distributions(&self) -> Vec<&str> {
        let mut distributions = vec![self.libraries.as_str()];
        if let Some(Server::Package(other)) = &self.server
            && *other != self.libraries
        {
            distributions.push(other);
        }
        distributions
    }

    /// The jobs whose outputs it is read from.
    pub fn jobs(&self, target: &Target) -> Vec<String> {
        let mut jobs: Vec<String> = self.distributions().into_iter().map(job).collect();
        if self.server == Some(Server::Wheel) {
            jobs.push(wheel_job(target));
        }
        jobs
    }
}

/// The release whose libraries stand for those of a distribution that is not locked: the first builder that is.
fn oldest_locked<'a>(
    targets: &'a Targets,
    own: &Distribution,
    has_lock: &dyn Fn(&str) -> bool,
) -> &'a str {
    let all = || targets.builders.iter().map(|b| b.distribution.as_str());
    let locked = all().find(|release| has_lock(&own.architecture.qualify(release)));
    locked.or_else(|| all().next()).unwrap_or_default() // INVARIANT: targets.toml names a builder
}

/// The job that reads a distribution's libraries.
pub fn job(distribution: &str) -> String {
    format!("providers:{distribution}")
}

/// The job that unpacks the wheel with a server of a major.
fn wheel_job(target: &Target) -> String {
    let architecture = &target.distribution.architecture;
    format!(
        "unpack:{}:headers",
        WheelSet::server_name(target.major, architecture)
    )
}

/// The libraries can't be told.
#[derive(Debug, Error, Diagnostic)]
enum ProvidersError {
    #[error("can't read {package}: {source}")]
    Package { package: String, source: DebError },
    #[error("the locked packages of {distribution} have no {what}")]
    #[diagnostic(help("`cargo xtask lock --update {distribution}` pins them again"))]
    Lacks { distribution: String, what: String },
    #[error("{} has no server of PostgreSQL {major}: there is no {program}", root.display())]
    #[diagnostic(help(
        "name a target of a major that is there (`--target TARGET`), or another root"
    ))]
    NoServerInRoot {
        root: PathBuf,
        major: u16,
        program: String,
    },
    #[error("no server of PostgreSQL {major} can be read here")]
    #[diagnostic(help("lock a distribution that has one (`cargo xtask lock --update DISTRO`)"))]
    NoServer { major: u16 },
}

impl ExitKind for ProvidersError {
    fn exit(&self) -> Exit {
        match self {
            Self::Package { source, .. } => source.exit(),
            Self::Lacks { .. } | Self::NoServerInRoot { .. } => Exit::Usage,
            Self::NoServer { .. } => Exit::CannotHere,
        }
    }
}

/// Takes the server, and all libraries that it, Python and an extension load, out of packages.
pub fn gather(
    debs: &[PathBuf],
    distribution: &Distribution,
    out: &Path,
) -> Result<String, Failure> {
    let root = out.join(ROOT);
    let program = program(distribution.postgres);
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    for path in debs {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with("_all.deb") {
            continue; // has no libraries
        }
        let wanted = |file: &str| is_wanted(file, &program);
        // Of a hard link the contents are its first name's, whatever that is.
        let wanted = |file: &str, head: &[u8]| wanted(file) || head.starts_with(ELF);
        let deb = reader::read_path(path, &Limits::default(), wanted).map_err(|source| {
            ProvidersError::Package {
                package: name.clone(),
                source,
            }
        })?;
        let field = |field: &str| deb.field(field).unwrap_or_default();
        let package = format!("{} {}", field("Package"), field("Version"));
        for file in &deb.files {
            if !is_wanted(&file.path, &program) {
                continue;
            }
            let to = root.join(&file.path);
            match (&file.kind, deb.contents(file)) {
                (_, Some(contents)) if contents.starts_with(ELF) => files::write(&to, contents)?,
                (Kind::Symlink(target), _) => files::symlink(Path::new(target), &to)?,
                _ => continue,
            }
            packages.insert(format!("/{}", file.path), package.clone());
        }
    }
    let kept = keep_what_is_loaded(&root, distribution, &mut packages)?;
    let json = serde_json::to_vec_pretty(&packages).unwrap_or_default(); // INVARIANT: plain data
    files::write(&out.join(PACKAGES), json)?;
    Ok(format!("{kept} libraries of {}", distribution.title))
}

/// Whether a file of a package is the server or a library.
fn is_wanted(path: &str, program: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let library = name.ends_with(".so") || name.contains(".so.");
    (LIBRARIES.contains(&dir) && library) || program.trim_start_matches('/') == path
}

/// Loads the server and all that may be needed beside it in a replay, and removes what that did not touch.
fn keep_what_is_loaded(
    root: &Path,
    distribution: &Distribution,
    packages: &mut BTreeMap<String, String>,
) -> Result<usize, Failure> {
    let files = FileSystem::new().directory("/", root);
    let program = program(distribution.postgres);
    let lacks = |what: String| ProvidersError::Lacks {
        distribution: distribution.id.clone(),
        what,
    };
    if files.resolve(&program).is_none() {
        return Err(lacks(program).into());
    }
    let mut process = Process::start(&files, &program)?;
    let python = distribution.libpython_soname();
    for name in BESIDE.into_iter().chain(PRELOADED).chain([python.as_str()]) {
        let found = files.find_in_system(name);
        // Older glibcs have libraries of their own for what newer ones have in libc.so.6.
        match found {
            Some(path) => {
                process.open_global(&path)?;
            }
            None if PRELOADED.contains(&name) => {}
            None => return Err(lacks(name.to_owned()).into()),
        }
    }
    let used: Vec<&str> = process
        .objects()
        .iter()
        .map(|loaded| loaded.path.as_str())
        .collect();
    let missing: Vec<&str> = process
        .objects()
        .iter()
        .flat_map(|loaded| loaded.missing.iter().map(String::as_str))
        .collect();
    if !missing.is_empty() {
        return Err(lacks(missing.join(", ")).into());
    }
    packages.retain(|path, _| {
        files
            .resolve(path)
            .is_some_and(|file| used.contains(&file.as_str()))
    });
    for file in files::files_below(root)? {
        if !packages.contains_key(&format!("/{}", file.display())) {
            files::remove_file(&root.join(file))?;
        }
    }
    Ok(used.len())
}

/// The parts of glibc, of which every library may need any.
const PRELOADED: [&str; 5] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
];

/// Where a distribution has the server of a major.
fn program(major: u16) -> String {
    format!("/usr/lib/postgresql/{major}/bin/postgres")
}

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
