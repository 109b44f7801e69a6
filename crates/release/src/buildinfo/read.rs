//! Reads a `.buildinfo` of ours: what is to be built again, at which time, and which digests have to come out.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use base::deb822;
use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files;
use targets::{Target, Targets};

use super::SOURCE;

/// The file is none that this program can rebuild from.
#[derive(Debug, Error, Diagnostic)]
#[error("{} is no .buildinfo of this project: {what}", path.display())]
#[diagnostic(help("name one that lies beside a package in the pool of the repository"))]
pub struct BuildinfoError {
    path: PathBuf,
    what: String,
}

impl ExitKind for BuildinfoError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Whether a file is one by its name.
pub fn is_buildinfo(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "buildinfo")
}

/// What a file asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The time of the release, in seconds since 1970.
    pub epoch: u64,
    /// The version of the packages, `3.0.0-1~debian12`.
    pub version: String,
    /// The names of the packages.
    pub binaries: Vec<String>,
    /// The architecture of the packages.
    pub architecture: String,
    /// The packages' files, their digests and sizes.
    pub files: Vec<(String, Digest, u64)>,
}

impl Rebuild {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = files::read_text(path)?;
        Ok(Self::parse(&text).map_err(|what| BuildinfoError {
            path: path.to_owned(),
            what,
        })?)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let stanza = deb822::stanzas(text)
            .next()
            .ok_or("it is empty")?
            .map_err(|error| error.to_string())?;
        let field = |name: &str| {
            let value = stanza.get(name);
            value
                .map(str::trim)
                .ok_or(format!("it has no field `{name}`"))
        };
        let source = field("Source")?;
        if source != SOURCE {
            return Err(format!("it is of the source `{source}`, not `{SOURCE}`"));
        }
        let epoch = field("Environment")?
            .lines()
            .find_map(|line| line.trim().strip_prefix("SOURCE_DATE_EPOCH="))
            .and_then(|value| value.trim_matches('"').parse().ok());
        let mut files = Vec::new();
        for line in field("Checksums-Sha256")?.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [digest, size, name] = words[..] {
                let size = size.parse().map_err(|_| format!("`{size}` is no size"))?;
                files.push((name.to_owned(), digest.parse()?, size));
            }
        }
        if files.is_empty() {
            return Err("it names no files".to_owned());
        }
        Ok(Self {
            epoch: epoch.ok_or("its Environment has no SOURCE_DATE_EPOCH")?,
            version: field("Version")?.to_owned(),
            binaries: field("Binary")?
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            architecture: field("Architecture")?.to_owned(),
            files,
        })
    }

    /// The target whose build makes these packages. The Python runtime is of a distribution: any major's build makes
    /// it.
    pub fn target(&self, targets: &Targets) -> Result<Target, Failure> {
        let release = self
            .version
            .rsplit_once('~')
            .map_or("", |(_, release)| release);
        let of_release = targets.distributions.iter().find(|distribution| {
            distribution.release == release && distribution.architecture.name == self.architecture
        });
        let wrong = || BuildinfoError {
            path: PathBuf::from(self.binaries.join(" ")),
            what: format!(
                "there is no distribution for version {} on {}",
                self.version, self.architecture
            ),
        };
        let distribution = of_release.ok_or_else(wrong)?;
        let major = self.binaries.iter().find_map(|name| {
            let rest = name.strip_prefix("postgresql-")?;
            rest.split('-').next()?.parse().ok()
        });
        let major = major.unwrap_or_else(|| targets.default_major(distribution));
        Ok(Target {
            distribution: distribution.clone(),
            major,
        })
    }
}
