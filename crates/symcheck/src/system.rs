//! A system that lies in a directory, this machine's own among them: what it expects of a library, and what is loaded with
//! it there. No target says so; it is read from the system's own libraries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::exit::{Exit, ExitKind};
use miette::Diagnostic;
use thiserror::Error;

use super::elf::{ElfError, Facts};
use super::expectation::{Expectation, Libpython, Profile};
use super::policy::Policy;
use super::scope::{FileSystem, Process, ScopeError};
use super::surroundings::{Environment, PythonRuntime, Surroundings};
use super::version::Version;

/// The link that means a system's Python, on Debian and its derivatives.
const PYTHON: &str = "/usr/bin/python3";

/// Why a library can't be judged among a system's.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum SystemError {
    /// Nothing tells what it is like.
    #[error("there is no system in {}: it has no {libc}", root.display())]
    #[diagnostic(help("give the directory that has the system's /usr (`--root DIR`)"))]
    NoLibc { root: PathBuf, libc: String },
    /// Its libc can't be read.
    #[error("can't read {path}: {source}")]
    Libc {
        /// Inside of the system.
        path: String,
        source: ElfError,
    },
    /// It is of another kind of processor than those of the policy.
    #[error("{path} is for a processor that the policy does not describe")]
    #[diagnostic(help("describe its ELF header under [machines] in the policy (`--policy FILE`)"))]
    Machine {
        /// Inside of the system.
        path: String,
    },
    /// A file of it can't be read.
    #[error(transparent)]
    Scope(#[from] ScopeError),
}

impl ExitKind for SystemError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoLibc { .. } | Self::Libc { .. } | Self::Machine { .. } => Exit::Usage,
            Self::Scope(source) => source.exit(),
        }
    }
}

/// A system, as the libraries in it are judged.
pub struct System {
    /// What it expects of a foreign library.
    pub expectation: Expectation,
    files: FileSystem,
    evidence: String,
}

impl System {
    /// Reads the system below `root`. `files` come before its own.
    pub fn read(root: &Path, files: FileSystem, policy: &Policy) -> Result<Self, SystemError> {
        let files = files.system(root);
        let target = match root == Path::new("/") {
            true => "this machine".to_owned(),
            false => root.display().to_string(),
        };
        let expectation = Expectation {
            target,
            profile: Profile::ForeignLibrary,
            architecture: architecture(&files, root, policy)?,
            floors: floors(&files, policy)?,
            server: None,
            libpython: libpython(&files),
            sql_symbols: None,
            before_strip: false,
        };
        Ok(Self {
            expectation,
            files,
            evidence: format!("libraries: those below {}", root.display()),
        })
    }

    /// Starts a program of the system, if one is named, so that a library can be opened in it. Without one a library finds
    /// only what it brings itself.
    pub fn environment(
        &self,
        program: Option<&str>,
        runtime: PythonRuntime,
    ) -> Result<Environment<'_>, SystemError> {
        let process = match program {
            Some(program) => Process::start(&self.files, program)?,
            None => Process::without_program(&self.files),
        };
        let mut evidence = vec![self.evidence.clone()];
        evidence.push(match program {
            Some(program) => format!("opened by {program}"),
            None => "opened by no program (`--program PATH`)".to_owned(),
        });
        if let Some(runtime) = runtime.known() {
            self.files.read_ahead(&runtime.libraries);
            evidence.push(format!("Python's libraries: {}", runtime.name));
        }
        let surroundings = Surroundings::new(process, evidence, runtime);
        Ok(Environment::Known(Box::new(surroundings)))
    }
}

/// The architecture of a system, which is its libc's.
fn architecture(files: &FileSystem, root: &Path, policy: &Policy) -> Result<String, SystemError> {
    let libc = policy.loading.glibc.first().cloned().unwrap_or_default(); // INVARIANT: the policy names one
    let path = files.find_in_system(&libc);
    let path = path.ok_or_else(|| SystemError::NoLibc {
        root: root.to_owned(),
        libc,
    })?;
    let bytes = files.read(&path)?;
    let facts = Facts::read(&bytes).map_err(|source| SystemError::Libc {
        path: path.clone(),
        source,
    })?;
    let machine = policy.machines.iter().find(|(_, machine)| {
        (machine.class, machine.endian, machine.machine)
            == (facts.class, facts.endian, facts.machine)
    });
    let (architecture, _) = machine.ok_or(SystemError::Machine { path })?;
    Ok(architecture.clone())
}

/// The newest version of each namespace that a system's own libraries define: those that the policy allows to be needed.
fn floors(files: &FileSystem, policy: &Policy) -> Result<BTreeMap<String, Version>, SystemError> {
    let mut floors: BTreeMap<String, Version> = BTreeMap::new();
    for name in &policy.allowed_libraries {
        let Some(path) = files.find_in_system(name) else {
            continue;
        };
        let bytes = files.read(&path)?;
        let Ok(facts) = Facts::read(&bytes) else {
            continue; // what it has is then not known, and a need of it is a finding
        };
        for defined in facts.versions.defines() {
            let Some((namespace, version)) = defined.name.rsplit_once('_') else {
                continue;
            };
            let Some(version) = Version::parse(version) else {
                continue;
            };
            let floor = floors.entry(namespace.to_owned());
            let floor = floor.or_insert_with(|| version.clone());
            *floor = version.max(floor.clone());
        }
    }
    Ok(floors)
}

/// The libpython of a system's own Python, by the name of the program that its link means; any where it has none.
fn libpython(files: &FileSystem) -> Libpython {
    let program = files.resolve(PYTHON);
    let name = program.as_deref().and_then(|path| path.rsplit('/').next());
    match name.filter(|name| name.contains('.')) {
        Some(name) => Libpython::Exactly(format!("lib{name}.so.1.0")),
        None => Libpython::AnySupported,
    }
}
