//! Whether a known vulnerability concerns the crates that are locked here: `cargo xtask doctor --advisories`.
//!
//! Nobody is contacted. RustSec's database is a git repository; a copy of it that cargo-audit or cargo-deny keeps is taken,
//! or the one that the user names. Without a database nothing is checked, and the command says so.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rustsec::{Database, Lockfile};
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind};
use base::workspace::Workspace;

/// The version of [`Advisories`].
const VERSION: u32 = 1;
/// The locks of crates: the tool's and the product's.
const LOCKS: [&str; 2] = ["Cargo.lock", "extension/Cargo.lock"];

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advisories {
    /// The version of this format.
    pub version: u32,
    /// The directory of the advisory database.
    pub database: PathBuf,
    /// How many advisories it has.
    pub advisories: usize,
    /// How many crates were looked up.
    pub crates: usize,
    /// The advisories that concern locked crates.
    pub found: Vec<Concern>,
    /// What this database can't tell of.
    pub not_checked: Vec<String>,
}

/// An advisory that concerns a locked crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Concern {
    /// The id of the advisory, such as `RUSTSEC-2020-0071`.
    pub advisory: String,
    /// The first line of the advisory.
    pub title: String,
    /// The name of the crate.
    pub package: String,
    /// The version of the crate in the lock.
    pub locked: String,
    /// The lock, relative to the source tree.
    pub lock: String,
}

/// Why nothing was checked.
#[derive(Debug, Error, Diagnostic)]
pub enum AdvisoriesError {
    /// There is no database.
    #[error("advisories: not checked, no advisory database is here")]
    #[diagnostic(help(
        "`--advisory-db DIR` names a copy of RustSec's; where it can be reached, `cargo deny check advisories` fetches one, \
         which is then found"
    ))]
    NoDatabase,
    /// The directory has another content than an advisory database.
    #[error("advisories: not checked, {} is no advisory database: {reason}", path.display())]
    #[diagnostic(help(
        "a copy of RustSec's has a directory `crates` with a directory for each crate"
    ))]
    Unreadable {
        /// The directory that was named or found.
        path: PathBuf,
        /// What the reader of the database says.
        reason: String,
    },
    /// A lock can't be read.
    #[error("advisories: not checked, can't read {lock}: {reason}")]
    #[diagnostic(help("cargo writes it"))]
    Lock {
        /// The lock, relative to the source tree.
        lock: String,
        /// What the reader of the lock says.
        reason: String,
    },
}

impl ExitKind for AdvisoriesError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoDatabase => Exit::CannotHere,
            Self::Unreadable { .. } | Self::Lock { .. } => Exit::Usage,
        }
    }
}

/// A database that cargo-audit or cargo-deny keeps in a cargo home.
pub fn kept_in(cargo_home: &Path) -> Option<PathBuf> {
    let is_one = |path: &PathBuf| path.join("crates").is_dir();
    let audit = cargo_home.join("advisory-db");
    if is_one(&audit) {
        return Some(audit);
    }
    let denies = std::fs::read_dir(cargo_home.join("advisory-dbs")).ok()?;
    let mut denies: Vec<PathBuf> = denies.flatten().map(|entry| entry.path()).collect();
    denies.sort();
    denies.into_iter().find(is_one)
}

/// Looks up every locked crate.
pub fn check(
    workspace: &Workspace,
    database: Option<&Path>,
) -> Result<Advisories, AdvisoriesError> {
    let path = database.ok_or(AdvisoriesError::NoDatabase)?;
    let unreadable = |reason: String| AdvisoriesError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    if !path.join("crates").is_dir() {
        return Err(unreadable("it has no directory `crates`".into()));
    }
    let read = Database::open(path).map_err(|error| unreadable(error.to_string()))?;
    let advisories = read.iter().count();
    if advisories == 0 {
        return Err(unreadable("it is empty".into()));
    }
    let (mut crates, mut found) = (0, Vec::new());
    for name in LOCKS {
        let lock = Lockfile::load(workspace.root.join(name)).map_err(|error| {
            let (lock, reason) = (name.to_owned(), error.to_string());
            AdvisoriesError::Lock { lock, reason }
        })?;
        crates += lock.packages.len();
        found.extend(read.vulnerabilities(&lock).into_iter().map(|one| Concern {
            advisory: one.advisory.id.to_string(),
            title: one.advisory.title,
            package: one.package.name.to_string(),
            locked: one.package.version.to_string(),
            lock: name.to_owned(),
        }));
    }
    Ok(Advisories {
        version: VERSION,
        database: path.to_owned(),
        advisories,
        crates,
        found,
        not_checked: vec![
            "the wheels and what they bundle: this database has crates only".into(),
            "OpenBLAS: this database has crates only".into(),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::files;

    fn advisory(package: &str, patched: &str) -> String {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"{package}\"\ndate = \"2026-01-01\"\n\n\
             [versions]\npatched = [\"{patched}\"]\n```\n\n# It breaks\n\nWords.\n"
        )
    }

    fn checked(patched: &str) -> Result<Advisories, AdvisoriesError> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("source");
        let lock = "version = 4\n\n[[package]]\nname = \"risky\"\nversion = \"1.2.0\"\n\
            source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
            checksum = \"1111111111111111111111111111111111111111111111111111111111111111\"\n";
        let empty = "version = 4\n";
        files::write(&root.join("Cargo.lock"), empty).unwrap();
        files::write(&root.join("extension/Cargo.lock"), lock).unwrap();
        let home = dir.path().join("cargo");
        let file = home.join("advisory-dbs/github.com-x/crates/risky/RUSTSEC-2026-0001.md");
        files::write(&file, advisory("risky", patched)).unwrap();
        let workspace = Workspace {
            cache: root.join("cache"),
            root,
        };
        check(&workspace, kept_in(&home).as_deref())
    }

    #[test]
    fn a_locked_crate_with_an_advisory_is_named_and_a_patched_one_is_not() {
        let found = checked(">= 1.3.0").unwrap();
        assert_eq!((found.advisories, found.crates), (1, 1));
        let one = &found.found[0];
        assert_eq!(one.advisory, "RUSTSEC-2026-0001");
        assert_eq!(
            (one.package.as_str(), one.locked.as_str()),
            ("risky", "1.2.0")
        );
        assert_eq!(one.lock, "extension/Cargo.lock");
        assert!(!found.not_checked.is_empty());
        assert_eq!(checked(">= 1.2.0").unwrap().found, []);
    }

    #[test]
    fn without_a_database_nothing_counts_as_checked() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: dir.path().to_owned(),
            cache: dir.path().join("cache"),
        };
        assert_eq!(kept_in(dir.path()), None);
        let error = check(&workspace, None).unwrap_err();
        assert_eq!(error.exit(), Exit::CannotHere);
        assert!(error.to_string().contains("not checked"), "{error}");
        let error = check(&workspace, Some(dir.path())).unwrap_err();
        assert!(
            error.to_string().contains("no directory `crates`"),
            "{error}"
        );
        std::fs::create_dir(dir.path().join("crates")).unwrap();
        let error = check(&workspace, Some(dir.path())).unwrap_err();
        assert!(error.to_string().contains("it is empty"), "{error}");
    }
}
