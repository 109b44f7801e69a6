//! `packaging/release.toml` and the release's time: what all packages of one release share.

use std::path::Path;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::exit::{Exit, ExitKind, Failure};
use crate::files;
use crate::process::Program;
use crate::workspace::Workspace;

/// What every package carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// `3.0.0`.
    pub version: String,
    /// The packaging's revision.
    pub revision: u32,
    /// `Maintainer` of every package.
    pub maintainer: String,
}

/// Why there is no release to build.
#[derive(Debug, Error, Diagnostic)]
pub enum ReleaseError {
    /// The file is wrong.
    #[error("{path}: {message}")]
    #[diagnostic(help("it has three fields: `version`, `revision` and `maintainer`"))]
    Malformed {
        /// The file.
        path: String,
        /// What the parser says, with line and field.
        message: String,
    },
    /// Nothing says when the source was made.
    #[error(
        "can't tell the time of the release: the source tree is no git checkout with a commit, and SOURCE_DATE_EPOCH is not set"
    )]
    #[diagnostic(help(
        "set SOURCE_DATE_EPOCH to the seconds since 1970 at which the source was released"
    ))]
    NoTime,
}

impl ExitKind for ReleaseError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Release {
    /// Reads `packaging/release.toml`.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = files::read_text(path)?;
        toml::from_str(&text).map_err(|error| {
            ReleaseError::Malformed {
                path: path.display().to_string(),
                message: error.to_string(),
            }
            .into()
        })
    }

    /// The Debian version in a distribution: `3.0.0-1~debian12`. The tilde sorts it before a plain `3.0.0-1`, and the
    /// distribution's id sorts `~ubuntu20.04 < ~ubuntu22.04`, so that a dist-upgrade moves to the newer one's package.
    pub fn debian_version(&self, distribution: &str) -> String {
        format!("{}-{}~{distribution}", self.version, self.revision)
    }
}

/// The time of every file of the release, seconds since 1970: the given one, else that of the last commit.
pub fn epoch(workspace: &Workspace, given: Option<&str>) -> Result<u64, Failure> {
    if let Some(given) = given {
        return Ok(given.trim().parse().map_err(|_| ReleaseError::NoTime)?);
    }
    let time = Program::new("git")
        // A checkout that another user owns (CI, a container) is still this source tree.
        .args(["-c", "safe.directory=*", "log", "-1", "--format=%ct"])
        .dir(&workspace.root)
        .output(&workspace.log("release"))
        .map_err(|_| ReleaseError::NoTime)?;
    let time = String::from_utf8_lossy(&time).trim().parse();
    Ok(time.map_err(|_| ReleaseError::NoTime)?)
}
