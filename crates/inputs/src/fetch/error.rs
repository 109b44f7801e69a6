//! Why an input could not be got.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files::FileError;
use base::process::ProcessError;
use base::store::StoreError;
use targets::lock::{Absent, LockedPackage};
use targets::suggestion;

/// Why an input could not be got.
#[derive(Debug, Error, Diagnostic)]
pub enum FetchError {
    /// `--mirror` names no archive.
    #[error("there is no archive `{name}`")]
    UnknownArchive {
        /// What was asked for.
        name: String,
        /// The nearest names, as a question.
        #[help]
        help: Option<String>,
    },
    /// `--mirror` without an address, for an archive that has none of its own.
    #[error("`--mirror {name}` needs an address")]
    #[diagnostic(help("write `--mirror {name}=http://mirror.example/path`"))]
    MirrorWithoutUri {
        /// The archive's name in `targets.toml`.
        name: String,
    },
    /// The archive may not be contacted from here.
    #[error("the archive `{archive}` is not enabled on this machine")]
    #[diagnostic(help(
        "add it to this machine's apt sources, or enable it for this run with `--mirror {archive}=URI` \
         (or PGML_DIST_MIRRORS in the environment)"
    ))]
    NotEnabled {
        /// The archive's name in `targets.toml`.
        archive: String,
    },
    /// Neither the archive nor a service that keeps what left it has files that the lock names.
    #[error("{} gone from the archive `{archive}`\n{output}", are(packages))]
    #[diagnostic(help(
        "archives drop superseded versions: `cargo xtask lock --update {lock}` pins what they have now; a snapshot \
         service (`--mirror {archive}-snapshot=URI`) may still have the old ones"
    ))]
    Gone {
        /// All packages of the run that no place has.
        packages: Vec<Absent>,
        /// The archive of the first of them.
        archive: String,
        /// The lock that names it.
        lock: String,
        /// The output of the downloader.
        output: String,
    },
    /// What came is not what the lock names.
    #[error("`{what}` from {from} is not what the lock pins: expected sha256 {expected}")]
    #[diagnostic(help(
        "nothing was kept of it. A mirror or proxy that changes files? If the archive really replaced it, \
         `cargo xtask lock --update` pins the new one"
    ))]
    WrongHash {
        /// The name and version of a package, or the name of a file.
        what: String,
        /// Where it came from.
        from: String,
        /// What the lock says.
        expected: String,
    },
    /// The other side can't be reached, or refuses.
    #[error("can't get `{what}` from {from}\n{output}")]
    #[diagnostic(help(
        "check the network, the proxy and the mirror's address, then run the same command again: what has arrived is kept"
    ))]
    Unreachable {
        /// The name and version of a package, or the name of a file.
        what: String,
        /// The base address of the archive, or a name for it.
        from: String,
        /// The output of the downloader.
        output: String,
    },
    /// The crates' lock does not fit their manifest.
    #[error("{} does not fit its Cargo.toml", lock.display())]
    #[diagnostic(help(
        "run `cargo metadata` beside it, look at what changed in it, and commit it"
    ))]
    CargoLock {
        /// The path of the `Cargo.lock`.
        lock: PathBuf,
    },
    /// A file of our own could not be written or read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The store refused it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// A program of others failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Process(#[from] ProcessError),
}

/// A package that no place has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The name and version that the lock pins.
    pub package: Absent,
    /// The archive that had it.
    pub archive: String,
    /// The output of the downloader for the last place that was asked.
    pub output: String,
}

impl Gone {
    pub(super) fn of(package: &LockedPackage, output: String) -> Self {
        Self {
            package: Absent::of(package),
            archive: package.archive.clone(),
            output,
        }
    }
}

/// `` `a 1.0` is``, or `` `a 1.0`, `b 2.0` and 3 more are``.
pub fn are(packages: &[Absent]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = packages
        .iter()
        .take(NAMED)
        .map(|one| format!("`{} {}`", one.name, one.version))
        .collect();
    match (packages.len(), packages.len().saturating_sub(NAMED)) {
        (0, _) => "files are".to_owned(),
        (1, _) => format!("{} is", named.join("")),
        (_, 0) => format!("{} are", named.join(", ")),
        (_, more) => format!("{} and {more} more are", named.join(", ")),
    }
}

impl FetchError {
    /// The error that names all packages that no place has; `None` if there is no such package.
    pub(super) fn all_gone(lock: &str, gone: Vec<Gone>) -> Option<Self> {
        let first = gone.first()?.clone();
        Some(Self::Gone {
            packages: gone.into_iter().map(|one| one.package).collect(),
            archive: first.archive,
            lock: lock.to_owned(),
            output: first.output,
        })
    }

    /// apt, pip or cargo found no room in a directory of ours.
    pub fn disk_full(dir: &Path) -> Self {
        FileError::at("download into", dir)(ErrorKind::StorageFull.into()).into()
    }

    /// `--mirror` names none of the known archives.
    pub fn unknown_archive<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self::UnknownArchive {
            name: name.to_owned(),
            help: suggestion(name, known),
        }
    }

    /// Whether a failure is [`Self::Gone`]: packages that no place has.
    pub fn is_gone(failure: &Failure) -> bool {
        matches!(failure.error(), Some(Self::Gone { .. }))
    }
}

impl ExitKind for FetchError {
    fn exit(&self) -> Exit {
        match self {
            Self::UnknownArchive { .. } | Self::MirrorWithoutUri { .. } => Exit::Usage,
            Self::WrongHash { .. } | Self::CargoLock { .. } => Exit::CheckFailed,
            Self::NotEnabled { .. } | Self::Gone { .. } | Self::Unreachable { .. } => {
                Exit::CannotHere
            }
            Self::File(error) => error.exit(),
            Self::Store(error) => error.exit(),
            Self::Process(error) => error.exit(),
        }
    }
}
