//! `packaging/release.toml` and the release's time: what all packages of one release share.

use std::path::Path;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use base::day::Day;
use base::exit::{Exit, ExitKind, Failure};
use base::files;

/// What every package carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The version of the product, such as `3.0.0`.
    pub version: String,
    /// The revision of the packaging: the number behind the version's hyphen.
    pub revision: u32,
    /// The day of the release, `2026-11-22`: the time of every file in it is the start of that day, UTC.
    pub date: String,
    /// `Maintainer` of every package.
    pub maintainer: String,
}

/// Why there is no release to build.
#[derive(Debug, Error, Diagnostic)]
pub enum ReleaseError {
    /// The file is wrong.
    #[error("{path}: {message}")]
    #[diagnostic(help("it has four fields: `version`, `revision`, `date` and `maintainer`"))]
    Malformed {
        /// The path of the file.
        path: String,
        /// What the parser says, with line and field.
        message: String,
    },
    /// The day of the release is none.
    #[error("can't tell the time of the release from `{0}`")]
    #[diagnostic(help(
        "`date` in packaging/release.toml is a day such as `2026-11-22`; SOURCE_DATE_EPOCH, where it is set, is a number of seconds"
    ))]
    NoTime(String),
}

impl ExitKind for ReleaseError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Release {
    /// Reads the facts of the release, packaging/release.toml.
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

/// The time of every file of the release, seconds since 1970: the given one, else the start of the release's day.
///
/// The day is the release's own and not that of the last commit, as dpkg takes it from the changelog: a commit that
/// changes nothing of a package must not change its bytes, and a shallow clone must not either.
pub fn epoch(release: &Release, given: Option<&str>) -> Result<u64, ReleaseError> {
    let wrong = |text: &str| ReleaseError::NoTime(text.to_owned());
    match given {
        Some(given) => given.trim().parse().map_err(|_| wrong(given)),
        None => {
            let day = Day::try_from(release.date.clone()).ok();
            day.and_then(|day| day.epoch())
                .ok_or_else(|| wrong(&release.date))
        }
    }
}
