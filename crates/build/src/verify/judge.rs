//! What a library is judged by and among, for the verify step as for a user's files: the one place where a target becomes
//! an expectation, a server with its libraries, and a Python runtime.

use std::collections::{BTreeMap, BTreeSet};

use base::exit::Failure;
use base::files;
use base::workspace::Workspace;
use symcheck::Rulebook;
use symcheck::expectation::{Expectation, ExpectedServer, Libpython, Profile};
use symcheck::sql;
use symcheck::surroundings::{Environment, PythonRuntime};
use symcheck::version::Version;
use targets::{Distribution, Target, Targets};

use super::system_libraries::SystemLibraries;

/// Judges libraries for one target, or for all of them at once.
pub struct Judge {
    /// The data that the rules judge by.
    pub book: Rulebook,
    /// What a foreign library has to be. More is expected of the extension: see [`Judge::of_extension`].
    pub expectation: Expectation,
    /// The process that loads the library, where there is one target.
    process: Option<Loading>,
}

/// What loads a library.
struct Loading {
    providers: SystemLibraries,
    runtime: PythonRuntime,
    /// The paths of the extensions that the server opens before.
    beside: Vec<String>,
}

impl Judge {
    /// Judges for a target, in its server, which has opened the extensions at the paths `beside`.
    pub fn for_target(
        book: Rulebook,
        target: &Target,
        providers: SystemLibraries,
        runtime: PythonRuntime,
        beside: Vec<String>,
    ) -> Self {
        Self {
            book,
            expectation: expectation(target),
            process: Some(Loading {
                providers,
                runtime,
                beside,
            }),
        }
    }

    /// Judges by what the oldest distribution has, so that a library which passes is not too new for any. There is no
    /// server to look into.
    pub fn for_every_target(book: Rulebook, targets: &Targets) -> Self {
        let all = targets.distributions.iter().map(floors);
        let expectation = Expectation {
            target: "the oldest target".to_owned(),
            profile: Profile::ForeignLibrary,
            architecture: targets.first_architecture().name.clone(),
            floors: all.reduce(lowest).unwrap_or_default(),
            server: None,
            libpython: Libpython::AnySupported,
            sql_symbols: None,
            before_strip: false,
        };
        Self {
            book,
            expectation,
            process: None,
        }
    }

    /// The same for the extension itself, which was compiled with the headers of a release, and whose SQL is known.
    #[must_use]
    pub fn of_extension(mut self, headers: Option<Version>, sql_symbols: BTreeSet<String>) -> Self {
        self.expectation.profile = Profile::Extension;
        self.expectation.sql_symbols = Some(sql_symbols);
        if let Some(server) = &mut self.expectation.server {
            server.headers = headers;
        }
        self
    }

    /// Starts the server, with what it opens before the library.
    pub fn environment(&self) -> Result<Environment<'_>, Failure> {
        let Some(process) = &self.process else {
            let why = "no target was chosen (`--target any`)".to_owned();
            return Ok(Environment::NotAsked(why));
        };
        let Loading {
            providers,
            runtime,
            beside,
        } = process;
        let surroundings = providers.surroundings(&self.book, runtime.clone(), beside)?;
        Ok(Environment::Known(Box::new(surroundings)))
    }
}

/// What a target expects of a foreign library.
pub fn expectation(target: &Target) -> Expectation {
    Expectation {
        target: target.to_string(),
        profile: Profile::ForeignLibrary,
        architecture: target.distribution.architecture.name.clone(),
        floors: floors(&target.distribution),
        server: Some(ExpectedServer {
            major: target.major,
            headers: None,
        }),
        libpython: Libpython::Exactly(target.distribution.libpython_soname()),
        sql_symbols: None,
        before_strip: false,
    }
}

/// The newest version that a distribution has of each namespace of symbol versions.
fn floors(distribution: &Distribution) -> BTreeMap<String, Version> {
    [
        ("GLIBC", &distribution.glibc),
        ("GLIBCXX", &distribution.glibcxx),
        ("CXXABI", &distribution.cxxabi),
        ("GCC", &distribution.gcc),
    ]
    .into_iter()
    .filter_map(|(name, version)| Some((name.to_owned(), Version::parse(&version.to_string())?)))
    .collect()
}

/// The older of two distributions' versions, namespace by namespace.
fn lowest(
    mut a: BTreeMap<String, Version>,
    b: BTreeMap<String, Version>,
) -> BTreeMap<String, Version> {
    for (namespace, version) in b {
        let entry = a.entry(namespace).or_insert_with(|| version.clone());
        *entry = version.min(entry.clone());
    }
    a
}

/// The C symbols that the SQL of every edition names.
pub fn sql_symbols(workspace: &Workspace) -> Result<BTreeSet<String>, Failure> {
    let dir = workspace.root.join("extension/sql");
    let mut scripts = Vec::new();
    for file in files::files_below(&dir)? {
        let text = files::read_text(&dir.join(&file))?;
        scripts.push((file.to_string_lossy().into_owned(), text));
    }
    Ok(sql::c_symbols_of_scripts(scripts).unwrap_or_default())
}
