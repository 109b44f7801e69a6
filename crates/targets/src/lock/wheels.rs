//! Locks of Python wheels: one for the runtime of each Python, one for each Postgres server that comes as a wheel, one for
//! each set that a test runs on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::requirements::{Wanted, wanted};
use super::{FORMAT, LockError};
use crate::{Architecture, Dotted, Extra, Fixture, Headers, Targets};
use base::digest::Digest;
use base::files;
use base::workspace::Workspace;

/// Something that is made of wheels, and has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WheelSet {
    /// The runtime of a Python.
    Runtime {
        /// The version of the Python.
        python: Dotted,
        /// The architecture of the wheels.
        architecture: Architecture,
    },
    /// The server of a Postgres major, for compiling and tests.
    Server {
        /// The Postgres major of the server.
        major: u16,
        /// The name of the project in the package index.
        wheel: String,
        /// The version of the project.
        version: String,
        /// The Python whose wheel is taken.
        python: Dotted,
        /// The architecture of the wheel.
        architecture: Architecture,
    },
    /// The wheels that a test runs on, for the first architecture.
    Fixture(Fixture),
    /// What a package adds to the runtime of a Python.
    Extra {
        /// What it adds.
        extra: Extra,
        /// The version of the Python.
        python: Dotted,
        /// The architecture of the wheels.
        architecture: Architecture,
    },
}

impl WheelSet {
    /// All that `targets.toml` asks for.
    pub fn all(targets: &Targets) -> Vec<Self> {
        let mut pythons: Vec<&Dotted> = targets.distributions.iter().map(|d| &d.python).collect();
        pythons.sort();
        pythons.dedup();
        let mut sets = Vec::new();
        for architecture in &targets.architectures {
            sets.extend(pythons.iter().map(|python| Self::Runtime {
                python: (*python).clone(),
                architecture: architecture.clone(),
            }));
            for extra in &targets.wheels.extras {
                sets.extend(pythons.iter().map(|python| Self::Extra {
                    extra: extra.clone(),
                    python: (*python).clone(),
                    architecture: architecture.clone(),
                }));
            }
            for major in &targets.majors {
                let server = targets.server_wheel(major.version, architecture);
                if let Some(Headers::Wheel {
                    wheel,
                    version,
                    python,
                    ..
                }) = server
                {
                    sets.push(Self::Server {
                        major: major.version,
                        wheel: wheel.clone(),
                        version: version.clone(),
                        python: python.clone(),
                        architecture: architecture.clone(),
                    });
                }
            }
        }
        let fixtures = targets.wheels.fixtures.iter().cloned().map(Self::Fixture);
        sets.into_iter().chain(fixtures).collect()
    }

    /// What its lock is called: `python3.11`, `postgres14`.
    pub fn name(&self) -> String {
        match self {
            Self::Runtime {
                python,
                architecture,
            } => Self::runtime_name(python, architecture),
            Self::Server {
                major,
                architecture,
                ..
            } => Self::server_name(*major, architecture),
            Self::Fixture(fixture) => format!("{}-python{}", fixture.name, fixture.python),
            Self::Extra {
                extra,
                python,
                architecture,
            } => format!(
                "{}-{}",
                extra.name,
                Self::runtime_name(python, architecture)
            ),
        }
    }

    /// What the lock of a Python's runtime is called: `python3.11`, `python3.11-arm64`.
    pub fn runtime_name(python: &Dotted, architecture: &Architecture) -> String {
        architecture.qualify(&format!("python{python}"))
    }

    /// What the lock of a major's server is called.
    pub fn server_name(major: u16, architecture: &Architecture) -> String {
        architecture.qualify(&format!("postgres{major}"))
    }

    /// The machine that its wheels are for.
    pub fn architecture<'a>(&'a self, targets: &'a Targets) -> &'a Architecture {
        match self {
            Self::Runtime { architecture, .. }
            | Self::Server { architecture, .. }
            | Self::Extra { architecture, .. } => architecture,
            Self::Fixture(_) => targets.first_architecture(),
        }
    }

    /// The Python that its wheels are for.
    pub fn python(&self) -> &Dotted {
        match self {
            Self::Runtime { python, .. }
            | Self::Server { python, .. }
            | Self::Extra { python, .. } => python,
            Self::Fixture(fixture) => &fixture.python,
        }
    }

    /// The file that lists it, for a set that has one.
    pub fn requirements<'a>(&'a self, targets: &'a Targets) -> Option<&'a str> {
        match self {
            Self::Runtime { .. } => Some(&targets.wheels.requirements),
            Self::Fixture(fixture) => Some(&fixture.requirements),
            Self::Extra { extra, .. } => Some(&extra.requirements),
            Self::Server { .. } => None,
        }
    }

    /// What belongs to it.
    pub fn wanted(&self, targets: &Targets, root: &Path) -> Result<Vec<Wanted>, LockError> {
        match (self, self.requirements(targets)) {
            (_, Some(file)) => {
                let text = files::read_text(&root.join(file))?;
                wanted(
                    file,
                    &text,
                    self.python(),
                    &self.architecture(targets).machine,
                )
            }
            (Self::Server { wheel, version, .. }, None) => Ok(vec![Wanted {
                name: wheel.clone(),
                version: version.clone(),
                hashes: Vec::new(),
            }]),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// The digest of what its lock is made from: a change of the list that concerns another Python leaves it as it is.
    fn config(&self, targets: &Targets, wanted: &[Wanted]) -> Digest {
        #[derive(Serialize)]
        struct Config<'a> {
            format: u32,
            name: String,
            python: &'a Dotted,
            platforms: &'a [String],
            wanted: &'a [Wanted],
        }
        let config = Config {
            format: FORMAT,
            name: self.name(),
            python: self.python(),
            platforms: &self.architecture(targets).platforms,
            wanted,
        };
        Digest::of_json(&config)
    }
}

/// The wheels of one set, pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelLock {
    version: u32,
    /// The set's name: `python3.11`, `postgres14`.
    pub name: String,
    /// The Python that its wheels are for.
    pub python: Dotted,
    /// The digest of what it was made from.
    pub config: Digest,
    /// The wheels, by name.
    #[serde(rename = "wheel")]
    pub wheels: Vec<LockedWheel>,
}

/// A wheel that a lock pins by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedWheel {
    /// The name of the project in the package index.
    pub name: String,
    /// The version of the project.
    pub version: String,
    /// The file's name, whose tags say what it runs on.
    pub filename: String,
    /// The digest of the file.
    pub sha256: Digest,
    /// The size of the file.
    pub size: u64,
}

impl WheelLock {
    /// A lock that was made now, of these wheels.
    pub fn new(
        targets: &Targets,
        set: &WheelSet,
        wanted: &[Wanted],
        wheels: Vec<LockedWheel>,
    ) -> Self {
        Self {
            version: FORMAT,
            name: set.name(),
            python: set.python().clone(),
            config: set.config(targets, wanted),
            wheels,
        }
    }

    /// The lock file of a set.
    pub fn path(workspace: &Workspace, set: &WheelSet) -> PathBuf {
        workspace.locks().join(format!("{}.toml", set.name()))
    }

    /// Reads a set's lock and checks that it fits what it was made from.
    pub fn open(
        workspace: &Workspace,
        targets: &Targets,
        set: &WheelSet,
    ) -> Result<Self, LockError> {
        let path = Self::path(workspace, set);
        if !path.exists() {
            return Err(LockError::Missing {
                path,
                what: set.name(),
            });
        }
        let lock: Self = super::read(&path)?;
        let wanted = set.wanted(targets, &workspace.root)?;
        if lock.name != set.name() || lock.config != set.config(targets, &wanted) {
            return Err(LockError::Stale {
                lock: set.name(),
                why: match set.requirements(targets) {
                    Some(file) => format!("its part of {file} has changed since"),
                    None => "packaging/targets.toml has changed since".to_owned(),
                },
            });
        }
        Ok(lock)
    }

    /// Writes the lock file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        super::write(
            path,
            &format!("cargo xtask lock --update {}", self.name),
            self,
        )
    }
}
