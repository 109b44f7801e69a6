//! `packaging/native.toml`: the linked libraries that are no Rust crates. No tool can derive them from a lock alone, so each
//! has an entry. Versions and hashes come from the locks where the locks have them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use targets::lock::Lock;
use targets::lock::crates::CrateLock;

use super::SbomError;
use super::part::Part;

/// The file, below `packaging/`.
pub const FILE: &str = "native.toml";
/// The version of its format.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(rename = "library", default)]
    libraries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    licence: String,
    /// The version. For a package it is derived from the package's version.
    version: Option<String>,
    /// Its name in vulnerability databases, with `{version}`.
    cpe: Option<String>,
    /// The locked package of a distribution that the archive comes from.
    package: Option<String>,
    /// The crate, `NAME@VERSION`, whose archive has the sources.
    #[serde(rename = "crate")]
    of_crate: Option<String>,
    /// The digest of what it came in, where no lock of OpenBLAS's distribution has it.
    sha256: Option<Sha256>,
}

/// One digest, or one for each architecture by Debian's name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sha256 {
    Everywhere(Digest),
    On(BTreeMap<String, Digest>),
}

/// A library that is linked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// The name of the library, as `native.toml` has it.
    pub name: String,
    /// Its own version: `0.3.21`.
    pub version: String,
    /// What it came in: `libopenblas-serial-dev 0.3.21+ds-4`.
    pub from: String,
    /// The digest of that.
    pub sha256: Digest,
    licence: String,
    cpe: Option<String>,
}

impl Native {
    /// As a part of a document.
    pub fn part(&self) -> Part {
        let part = Part::library(&self.name, &self.version)
            .with_sha256(self.sha256)
            .with_licence(&self.licence);
        match &self.cpe {
            Some(cpe) => part.with_cpe(cpe.clone()),
            None => part,
        }
    }
}

/// Reads the file and finds each entry in the locks.
pub fn load(packaging: &Path, packages: &Lock, crates: &CrateLock) -> Result<Vec<Native>, Failure> {
    let text = files::read_text(&packaging.join(FILE))?;
    Ok(parse(&text, packages, crates)?)
}

fn parse(text: &str, packages: &Lock, crates: &CrateLock) -> Result<Vec<Native>, SbomError> {
    let file: File = toml::from_str(text).map_err(|error| SbomError::Native(error.to_string()))?;
    if file.version != VERSION {
        let words = format!(
            "its format is {}, this program reads {VERSION}",
            file.version
        );
        return Err(SbomError::Native(words));
    }
    let entries = file.libraries.into_iter();
    entries.map(|entry| find(entry, packages, crates)).collect()
}

fn find(entry: Entry, packages: &Lock, crates: &CrateLock) -> Result<Native, SbomError> {
    let name = entry.name;
    let wrong = |what: String| SbomError::Native(format!("`{name}`: {what}"));
    let (version, from, sha256) = match (entry.package, entry.of_crate, entry.sha256) {
        (Some(package), None, None) => {
            let mut all = packages.packages.iter();
            let found = all.find(|locked| locked.name == package).ok_or_else(|| {
                let lock = &packages.distribution;
                wrong(format!("the lock of {lock} has no package `{package}`"))
            })?;
            let version = match entry.version {
                Some(_) => return Err(wrong("the version of a package is the lock's".into())),
                None => upstream(&found.version).to_owned(),
            };
            (
                version,
                format!("{package} {}", found.version),
                found.sha256,
            )
        }
        (None, Some(of_crate), None) => {
            let (crate_name, crate_version) = of_crate
                .split_once('@')
                .ok_or_else(|| wrong(format!("`{of_crate}` is not `NAME@VERSION`")))?;
            let locked = crates.get(crate_name, crate_version).ok_or_else(|| {
                wrong(format!(
                    "extension/Cargo.lock has no {of_crate}; see what its sources are now, and change the entry"
                ))
            })?;
            let checksum = locked
                .checksum
                .ok_or_else(|| wrong(format!("{of_crate} has no checksum")))?;
            let version = entry
                .version
                .ok_or_else(|| wrong("it has no version".into()))?;
            (version, format!("crate {of_crate}"), checksum)
        }
        (None, None, Some(sha256)) => {
            let version = entry
                .version
                .ok_or_else(|| wrong("it has no version".into()))?;
            let sha256 = match sha256 {
                Sha256::Everywhere(sha256) => sha256,
                Sha256::On(digests) => {
                    let architecture = packages.architecture().unwrap_or_default();
                    let own = digests.get(architecture).copied();
                    own.ok_or_else(|| wrong(format!("it has no sha256 for {architecture}")))?
                }
            };
            (version, "sources of its own".to_owned(), sha256)
        }
        _ => {
            let words = "it comes from one of `package`, `crate` or `sha256`";
            return Err(wrong(words.into()));
        }
    };
    Ok(Native {
        cpe: entry.cpe.map(|cpe| cpe.replace("{version}", &version)),
        licence: entry.licence,
        version,
        from,
        sha256,
        name,
    })
}

/// The upstream part of a package's version: `1:0.3.21+ds-4` → `0.3.21`.
pub fn upstream(version: &str) -> &str {
    let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
    without_epoch
        .split(['+', '-', '~'])
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: &str = "version = 1\ndistribution = \"debian12\"\nsuite = []\n\
        config = \"0000000000000000000000000000000000000000000000000000000000000000\"\n\
        [[package]]\nname = \"libx-dev\"\nversion = \"1:1.2.3+ds-4\"\narchitecture = \"amd64\"\nsize = 1\n\
        sha256 = \"1111111111111111111111111111111111111111111111111111111111111111\"\narchive = \"debian\"\n\
        path = \"x\"\nroles = [\"x\"]\n";
    const CRATES: &str = "[[package]]\nname = \"y-sys\"\nversion = \"2.0.0\"\n\
        source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
        checksum = \"2222222222222222222222222222222222222222222222222222222222222222\"\n";

    fn parsed(entry: &str) -> Result<Vec<Native>, SbomError> {
        let text = format!("version = 1\n[[library]]\nname = \"x\"\nlicence = \"MIT\"\n{entry}");
        let crates = CrateLock::parse(CRATES).unwrap();
        parse(&text, &toml::from_str(PACKAGES).unwrap(), &crates)
    }

    #[test]
    fn versions_and_hashes_are_the_locks() {
        let native =
            &parsed("package = \"libx-dev\"\ncpe = \"cpe:2.3:a:x:x:{version}\"").unwrap()[0];
        assert_eq!(native.version, "1.2.3");
        assert_eq!(native.from, "libx-dev 1:1.2.3+ds-4");
        assert_eq!(native.sha256.to_string(), "1".repeat(64));
        assert_eq!(native.cpe.as_deref(), Some("cpe:2.3:a:x:x:1.2.3"));
        let native = &parsed("version = \"7.1\"\ncrate = \"y-sys@2.0.0\"").unwrap()[0];
        assert_eq!(
            (native.version.as_str(), native.sha256.short()),
            ("7.1", "2".repeat(12))
        );
    }

    #[test]
    fn an_entry_that_no_lock_has_is_refused() {
        // Catches sources that moved while their entry kept the old version.
        for (entry, words) in [
            ("package = \"liby-dev\"", "no package `liby-dev`"),
            ("package = \"libx-dev\"\nversion = \"1\"", "is the lock's"),
            (
                "version = \"7.1\"\ncrate = \"y-sys@2.0.1\"",
                "no y-sys@2.0.1",
            ),
            ("crate = \"y-sys@2.0.0\"", "no version"),
            (
                "version = \"1\"\nsha256.arm64 = \"3333333333333333333333333333333333333333333333333333333333333333\"",
                "no sha256 for amd64",
            ),
            ("version = \"1\"", "one of"),
            ("colour = \"red\"", "colour"),
        ] {
            let error = parsed(entry).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
