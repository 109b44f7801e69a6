//! The `Depends` of the extension's package, derived from what the verified library really needs.
//!
//! dpkg-shlibdeps would need the target's symbols files; the same facts are in the library: each needed library, and the
//! newest version of its symbols that is needed.

use std::collections::BTreeMap;

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind};
use symcheck::version::Version;

/// A library that no known package provides.
#[derive(Debug, Error, Diagnostic)]
#[error("no package is known that provides `{soname}`, which the library needs")]
#[diagnostic(help(
    "rule S3 should have refused it; `[libraries]` in packaging/policy.toml and crates/build/src/package/depends.rs disagree"
))]
pub struct UnknownLibrary {
    soname: String,
}

impl ExitKind for UnknownLibrary {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// The relation of one needed library: package, and the version namespace whose newest need bounds it.
fn provider<'a>(soname: &str, libpython: &'a str) -> Option<(&'a str, Option<&'static str>)> {
    Some(match soname {
        "libc.so.6"
        | "libm.so.6"
        | "libdl.so.2"
        | "libpthread.so.0"
        | "librt.so.1"
        | "ld-linux-x86-64.so.2"
        | "ld-linux-aarch64.so.1" => ("libc6", Some("GLIBC")),
        "libgcc_s.so.1" => ("libgcc-s1", Some("GCC")),
        // The namespace GLIBCXX counts otherwise than the package does; rule S6 compares it with the target's.
        "libstdc++.so.6" => ("libstdc++6", None),
        "libgomp.so.1" => ("libgomp1", None),
        "libz.so.1" => ("zlib1g", None),
        _ if soname.starts_with("libpython3.") => (libpython, None),
        _ => return None,
    })
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

/// The `Depends` for needed libraries. `newest` maps a version namespace (`GLIBC`) to the newest version needed;
/// `libpython` is the distribution's package of it.
pub fn of_libraries(
    needed: &[String],
    newest: &BTreeMap<String, String>,
    libpython: &str,
) -> Result<Vec<String>, UnknownLibrary> {
    let mut relations = BTreeMap::new();
    for soname in needed {
        let (package, namespace) = provider(soname, libpython).ok_or_else(|| UnknownLibrary {
            soname: soname.clone(),
        })?;
        let version = namespace.and_then(|namespace| newest.get(namespace));
        relations.insert(package, version.cloned());
    }
    Ok(relations
        .into_iter()
        .map(|(package, version)| match version {
            Some(version) => format!("{package} (>= {version})"),
            None => package.to_owned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(
            of_libraries(&needed, &newest, "libpython3.12t64").unwrap(),
            [
                "libc6 (>= 2.30)",
                "libgcc-s1 (>= 4.2.0)",
                "libpython3.12t64"
            ]
        );
        assert!(of_libraries(&["libopenblas.so.0".into()], &newest, "x").is_err());
    }
}
