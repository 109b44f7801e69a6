//! The `Depends` of the extension's package, derived from the needs of the verified library.
//!
//! dpkg-shlibdeps would need the target's symbols files; the same facts are in the library: each needed library, and the
//! newest version of its symbols that is needed.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind};
use base::files::{self, FileError};
use symcheck::version::Version;

/// Where the facts stand, relative to `packaging/`.
const FILE: &str = "deb/libraries.toml";
/// The version of that file that this program reads.
const VERSION: u32 = 1;

/// Why relations can't be derived.
#[derive(Debug, Error, Diagnostic)]
pub enum DependsError {
    /// A library that no known package provides.
    #[error("no package is known that provides `{0}`, which the library needs")]
    #[diagnostic(help(
        "rule S3 should have refused it; `[libraries]` in packaging/policy.toml and packaging/{FILE} disagree"
    ))]
    UnknownLibrary(String),
    /// The list of packages can't be used.
    #[error("packaging/{FILE}: {0}")]
    #[diagnostic(help("correct the file; `git checkout` brings the committed one back"))]
    Syntax(Box<toml::de::Error>),
    /// The list of packages is of another version.
    #[error(
        "packaging/{FILE} is in version {0} of the format; this program reads version {VERSION}"
    )]
    #[diagnostic(help("use the program of the same commit"))]
    Format(u32),
    /// The list of packages can't be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
}

impl ExitKind for DependsError {
    fn exit(&self) -> Exit {
        match self {
            Self::UnknownLibrary(_) => Exit::CheckFailed,
            Self::Syntax(_) | Self::Format(_) => Exit::Usage,
            Self::File(error) => error.exit(),
        }
    }
}

/// The packages that provide libraries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Libraries {
    version: u32,
    #[serde(rename = "library")]
    libraries: Vec<Library>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    package: String,
    /// The version namespace whose newest need bounds the package's version.
    versions: Option<String>,
    sonames: Vec<String>,
}

impl Libraries {
    /// Reads the list in `packaging/`.
    pub fn load(packaging: &Path) -> Result<Self, DependsError> {
        let text = files::read_text(&packaging.join(FILE))?;
        let libraries: Self =
            toml::from_str(&text).map_err(|error| DependsError::Syntax(Box::new(error)))?;
        match libraries.version {
            VERSION => Ok(libraries),
            other => Err(DependsError::Format(other)),
        }
    }

    /// The package of a library, and the version namespace that bounds it. `libpython` is the target's package of that.
    fn provider<'a>(
        &'a self,
        soname: &str,
        libpython: &'a str,
    ) -> Result<(&'a str, Option<&'a str>), DependsError> {
        if soname.starts_with("libpython3.") {
            return Ok((libpython, None));
        }
        let mut all = self.libraries.iter();
        let found = all.find(|library| library.sonames.iter().any(|name| name == soname));
        let found = found.ok_or_else(|| DependsError::UnknownLibrary(soname.to_owned()))?;
        Ok((&found.package, found.versions.as_deref()))
    }

    /// The `Depends` for needed libraries. `newest` maps a version namespace (`GLIBC`) to the newest version needed;
    /// `libpython` is the distribution's package of it.
    pub fn depends(
        &self,
        needed: &[String],
        newest: &BTreeMap<String, String>,
        libpython: &str,
    ) -> Result<Vec<String>, DependsError> {
        let mut relations = BTreeMap::new();
        for soname in needed {
            let (package, namespace) = self.provider(soname, libpython)?;
            let version = namespace.and_then(|namespace| newest.get(namespace));
            relations.insert(package, version.cloned());
        }
        let relation = |(package, version): (&str, Option<String>)| match version {
            Some(version) => format!("{package} (>= {version})"),
            None => package.to_owned(),
        };
        Ok(relations.into_iter().map(relation).collect())
    }
}

/// Adds the needs of one more library, keeping the newest version of each namespace.
pub fn keep_newest(newest: &mut BTreeMap<String, String>, more: BTreeMap<String, String>) {
    for (namespace, version) in more {
        let known = newest
            .get(&namespace)
            .and_then(|known| Version::parse(known));
        if known < Version::parse(&version) {
            newest.insert(namespace, version);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn packaging() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
    }

    fn known() -> Libraries {
        Libraries::load(&packaging()).unwrap()
    }

    #[test]
    fn relations_follow_the_library() {
        let needed = [
            "libpython3.12.so.1.0",
            "libgcc_s.so.1",
            "libc.so.6",
            "libm.so.6",
        ]
        .map(String::from);
        let newest = BTreeMap::from([
            ("GLIBC".into(), "2.30".into()),
            ("GCC".into(), "4.2.0".into()),
        ]);
        let known = known();
        assert_eq!(
            known.depends(&needed, &newest, "libpython3.12t64").unwrap(),
            [
                "libc6 (>= 2.30)",
                "libgcc-s1 (>= 4.2.0)",
                "libpython3.12t64"
            ]
        );
        assert!(
            known
                .depends(&["libopenblas.so.0".into()], &newest, "x")
                .is_err()
        );
    }

    /// Catches a library that rule S3 allows and whose package nobody knows.
    #[test]
    fn each_allowed_library_has_a_package() {
        let policy = symcheck::Rulebook::load(&packaging()).unwrap().policy;
        let known = known();
        assert!(!policy.allowed_libraries.is_empty());
        for soname in &policy.allowed_libraries {
            known.provider(soname, "libpython").unwrap();
        }
    }
}
