//! What is around a library when it is loaded: the server with its libraries, and the Python runtime that comes later.
//! S1, S2 and S11 replay its loading there.

use super::elf::Facts;
use super::scope::{Loaded, Lookup, Process, ScopeError, Site};
use super::version::Version;
use base::files::{self, FileError};
use std::path::Path;

/// What is known of the surroundings.
#[derive(Debug)]
pub enum Environment<'f> {
    /// All that a rule needs.
    Known(Box<Surroundings<'f>>),
    /// Nothing, though it ought to be known; why.
    Unknown(String),
    /// Nothing, because the user did not ask for it; why not.
    NotAsked(String),
}

/// The server that a library is loaded into.
#[derive(Debug)]
pub struct Surroundings<'f> {
    /// The server with its libraries, and what was opened beside, before the library is opened.
    pub server: Process<'f>,
    /// Which release it is.
    pub release: ServerRelease,
    /// How many files the server has by itself. Those behind them were opened beside the library.
    pub own: usize,
    /// Where the tables of the libraries come from.
    pub evidence: Vec<String>,
    /// The Python runtime that the process loads later.
    pub runtime: PythonRuntime,
}

/// The release of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerRelease {
    /// `15.20`, where it is known.
    pub version: Option<Version>,
    /// Whether it is the one that the target's distribution has, and not one that stands for it.
    pub own: bool,
}

impl<'f> Surroundings<'f> {
    /// A server that has opened nothing yet, of an unknown release.
    pub fn new(server: Process<'f>, evidence: Vec<String>, runtime: PythonRuntime) -> Self {
        Self {
            own: server.objects().len(),
            server,
            release: ServerRelease::default(),
            evidence,
            runtime,
        }
    }

    /// The same server, of a known release.
    pub fn of_release(mut self, release: ServerRelease) -> Self {
        self.release = release;
        self
    }

    /// Opens another extension, before the library is opened.
    pub fn open_beside(&mut self, path: &str) -> Result<(), ScopeError> {
        self.server.open_global(path)?;
        self.evidence.push(format!("opened beside: {path}"));
        Ok(())
    }
}

/// What is known of the Python runtime that comes after the library.
#[derive(Debug, Clone)]
pub enum PythonRuntime {
    /// Its libraries, which S11 loads after the judged one.
    Known(Runtime),
    /// Nothing, though it ought to be known; why.
    Unknown(String),
    /// Nothing, because the user gave none; how to give one. S11 then does not apply.
    NotAsked(String),
}

impl PythonRuntime {
    /// The libraries, where they are known.
    pub fn known(&self) -> Option<&Runtime> {
        match self {
            Self::Known(runtime) => Some(runtime),
            Self::Unknown(_) | Self::NotAsked(_) => None,
        }
    }
}

/// The libraries of a Python runtime.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// What people call it.
    pub name: String,
    /// The libraries' paths, in the order in which they are loaded.
    pub libraries: Vec<String>,
}

impl Runtime {
    /// A runtime from its libraries' paths. Modules come before the libraries that wheels bundle (in `*.libs`), which
    /// Python never opens by itself: the modules that need them do.
    pub fn new(name: impl Into<String>, mut libraries: Vec<String>) -> Self {
        libraries.sort_by_cached_key(|path| (path.contains(".libs/"), path.clone()));
        Self {
            name: name.into(),
            libraries,
        }
    }

    /// The runtime whose files lie below `dirs`, and are found at the path `at` of the process.
    pub fn below(
        name: impl Into<String>,
        dirs: &[impl AsRef<Path>],
        at: &str,
    ) -> Result<Self, FileError> {
        let mut libraries = Vec::new();
        for dir in dirs {
            for file in files::files_below(dir.as_ref())? {
                let path = file.to_string_lossy();
                if is_library(&path) {
                    libraries.push(format!("{at}/{path}"));
                }
            }
        }
        Ok(Self::new(name, libraries))
    }
}

/// Whether a file is named like a library.
pub fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}

/// A library's loading, replayed.
pub struct Replay<'f> {
    /// The process in the end.
    pub process: Process<'f>,
    /// The library's number in it.
    pub library: usize,
    /// How many files the server has by itself.
    own: usize,
    /// How many files the server had loaded before.
    server: usize,
    /// How many were loaded when the library was opened.
    opened: usize,
}

/// Whose a loaded file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server itself, or what it loads when it starts.
    Server,
    /// An extension's that was opened beside, or what that needs.
    Beside,
    /// The library that is judged.
    Library,
    /// A library that it needs and that the server did not have.
    Brought,
    /// The Python runtime's, or what that needs.
    Runtime,
}

impl<'f> Replay<'f> {
    /// Loads a library, and then the Python runtime.
    pub fn new(
        surroundings: &Surroundings<'f>,
        path: &str,
        facts: &Facts<'_>,
    ) -> Result<Self, ScopeError> {
        let mut process = surroundings.server.clone();
        let server = process.objects().len();
        let library = process.open_facts(path, facts)?;
        let opened = process.objects().len();
        if let Some(runtime) = surroundings.runtime.known() {
            for module in &runtime.libraries {
                process.open_local(module, Lookup::GlobalFirst)?;
            }
        }
        Ok(Self {
            process,
            library,
            own: surroundings.own,
            server,
            opened,
        })
    }

    /// Whether a loaded file is the server's program.
    pub fn is_server(&self, object: usize) -> bool {
        object == 0
    }

    /// Whether the server's program defines a function.
    pub fn server_has(&self, name: &str) -> bool {
        let names = &self.process.names;
        let program = self.object(0).into_iter();
        let mut symbols = program.flat_map(|program| &program.object.symbols);
        symbols.any(|symbol| !symbol.undefined && names.text(symbol.name) == name)
    }

    /// Whose a loaded file is.
    pub fn side(&self, object: usize) -> Side {
        match object {
            object if object == self.library => Side::Library,
            object if object < self.own => Side::Server,
            object if object < self.server => Side::Beside,
            object if object < self.opened => Side::Brought,
            _ => Side::Runtime,
        }
    }

    /// A loaded file, by its number in the order of loading.
    pub fn object(&self, object: usize) -> Option<&Loaded> {
        self.process.objects().get(object)
    }

    /// The name by which people know a loaded file: its soname, else the last part of its path.
    pub fn name(&self, object: usize) -> &str {
        let Some(loaded) = self.object(object) else {
            return "";
        };
        let last = || loaded.path.rsplit('/').next().unwrap_or(&loaded.path);
        loaded.object.soname.as_deref().unwrap_or_else(last)
    }

    /// The symbols that the library needs from others.
    pub fn undefined(&self) -> Vec<Site> {
        let symbols = self
            .object(self.library)
            .map(|loaded| &loaded.object.symbols);
        let symbols = symbols.into_iter().flatten().enumerate();
        symbols
            .filter(|(_, symbol)| symbol.undefined)
            .map(|(symbol, _)| Site {
                object: self.library,
                symbol,
            })
            .collect()
    }

    /// DT_NEEDED entries of the library, and of what it needs, that were found nowhere.
    pub fn missing(&self) -> Vec<&str> {
        self.missing_on(&[Side::Library, Side::Brought, Side::Beside])
    }

    /// Libraries around that bring others as filters (DT_AUXILIARY, DT_FILTER), which the replay does not follow.
    pub fn filtered(&self) -> Vec<&str> {
        let sides = [Side::Library, Side::Brought, Side::Beside];
        let objects = self.process.objects().iter().enumerate();
        objects
            .filter(|(number, loaded)| {
                sides.contains(&self.side(*number)) && !loaded.object.filters.is_empty()
            })
            .map(|(number, _)| self.name(number))
            .collect()
    }

    /// DT_NEEDED entries of the runtime's libraries that were found nowhere.
    pub fn missing_in_runtime(&self) -> Vec<&str> {
        self.missing_on(&[Side::Runtime])
    }

    fn missing_on(&self, sides: &[Side]) -> Vec<&str> {
        let mut missing = Vec::new();
        for (number, loaded) in self.process.objects().iter().enumerate() {
            if sides.contains(&self.side(number)) {
                missing.extend(loaded.missing.iter().map(String::as_str));
            }
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// What the library brings without naming it: each library that others need for it, and the first that does.
    pub fn brought_by_others(&self) -> Vec<(&str, &str)> {
        let named = self.object(self.library).map(|own| &own.object.needed);
        let mut found = Vec::new();
        for (number, _) in self.process.objects().iter().enumerate() {
            let name = self.name(number);
            let direct = named.is_some_and(|named| named.iter().any(|needed| is_of(needed, name)));
            if self.side(number) != Side::Brought || direct {
                continue;
            }
            let needs = |by: &usize| {
                let by = self.object(*by);
                by.is_some_and(|by| by.object.needed.iter().any(|needed| is_of(needed, name)))
            };
            let brought = (0..self.process.objects().len())
                .filter(|by| self.side(*by) == Side::Brought)
                .find(needs);
            found.push((name, brought.map_or("another library", |by| self.name(by))));
        }
        found
    }

    /// Name and version of a symbol.
    pub fn text(&self, site: Site) -> (&str, Option<&str>) {
        let names = &self.process.names;
        match self.process.symbol(site) {
            Some(symbol) => (
                names.text(symbol.name),
                symbol.version.map(|version| names.text(version)),
            ),
            None => ("", None),
        }
    }
}

/// Whether a DT_NEEDED entry, which may be a path, means a library of this name.
fn is_of(needed: &str, name: &str) -> bool {
    needed.rsplit('/').next() == Some(name)
}
