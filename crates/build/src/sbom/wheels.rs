//! What a Python runtime consists of: the wheels by their lock, and the libraries that they bundle.
//!
//! auditwheel puts copies of other projects' libraries into `NAME.libs/`, under a name with a hash. Newer versions of
//! auditwheel also write the package of each library into the wheel's `.dist-info/sboms/`. Where that is missing, the
//! document has a version only if the library itself contains one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use targets::lock::LockedWheel;

use super::part::Part;

/// The wheels of a runtime. `tree` is what they were installed into, `prefix` where it lies on a user's system, `licences`
/// has `name version|licence` lines.
pub fn parts(
    wheels: &[LockedWheel],
    licences: &str,
    tree: &Path,
    prefix: &str,
) -> Result<Vec<Part>, Failure> {
    let all = files::files_below(tree)?;
    let licences: BTreeMap<String, &str> = licences
        .lines()
        .filter_map(|line| line.split_once('|'))
        .filter_map(|(id, licence)| Some((normal(id.split_once(' ')?.0), licence)))
        .collect();
    let mut parts = Vec::new();
    for wheel in wheels {
        let name = normal(&wheel.name);
        let licence = licences.get(&name).copied().unwrap_or_default();
        let mut part = Part::wheel(wheel, licence);
        let versions = declared(tree, &all, &name)?;
        for path in all.iter().filter(|path| is_bundled(path, &name)) {
            let bytes = files::read(&tree.join(path))?;
            let library = library_name(path);
            let declared = versions.get(&library).cloned();
            let version = declared.or_else(|| own_version(&bytes));
            let place = format!("{prefix}/{}", path.display());
            let place = place.trim_start_matches('/');
            let digest = Digest::of(&bytes);
            part = part.with_part(Part::library_file(
                &library,
                version.as_deref(),
                place,
                digest,
            ));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// A project's name as its directories have it: `scikit-learn` → `scikit_learn`.
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// Whether a file is a library that a wheel bundles, which is below its `.libs`.
fn is_bundled(path: &Path, wheel: &str) -> bool {
    let of_wheel = |part: &std::ffi::OsStr| {
        let part = part.to_string_lossy();
        part.strip_suffix(".libs")
            .is_some_and(|name| normal(name) == wheel)
    };
    path.parent().is_some_and(|dir| dir.iter().any(of_wheel))
        && path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// The library's name without the wheel's hash: `libgomp-e985bcbb.so.1.0.0` → `libgomp`.
fn library_name(path: &Path) -> String {
    let file = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let stem = file.split(".so").next().unwrap_or_default();
    stem.split('-').next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: Option<String>,
}

/// The versions of libraries that a wheel's own SBOMs name.
fn declared(
    tree: &Path,
    all: &[PathBuf],
    wheel: &str,
) -> Result<BTreeMap<String, String>, FileError> {
    let mut found = BTreeMap::new();
    for path in all {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let [.., info, sboms, file] = &parts[..] else {
            continue;
        };
        let of_wheel = info
            .strip_suffix(".dist-info")
            .and_then(|name| name.split('-').next())
            .is_some_and(|name| normal(name) == wheel);
        if !(of_wheel && sboms == "sboms" && file.ends_with(".json")) {
            continue;
        }
        let text = files::read(&tree.join(path))?;
        // Another project's tool writes these files: a file in another format is skipped.
        let Ok(document) = serde_json::from_slice::<Declared>(&text) else {
            continue;
        };
        for component in document.components {
            found.extend(component.version.map(|version| (component.name, version)));
        }
    }
    Ok(found)
}

/// The version in OpenBLAS's configuration, which is a text inside it: `OpenBLAS 0.3.31.188.0  USE64BITINT`.
fn own_version(library: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"OpenBLAS ";
    let mut places = library.windows(NAME.len()).enumerate();
    places.find_map(|(at, window)| {
        if window != NAME {
            return None;
        }
        let rest = library.get(at + NAME.len()..)?;
        let length = rest
            .iter()
            .take_while(|c| c.is_ascii_digit() || **c == b'.')
            .count();
        let version = std::str::from_utf8(&rest[..length]).ok()?;
        version
            .contains('.')
            .then(|| version.trim_end_matches('.').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_libraries_are_named_with_the_version_that_somebody_declared() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("python3.11/site-packages");
        let put = |name: &str, contents: &str| files::write(&site.join(name), contents).unwrap();
        put("some_wheel.libs/libgomp-e985bcbb.so.1.0.0", "gomp");
        put(
            "some_wheel.libs/libz_openblas64_-32a4b2a6.so",
            "..OpenBLAS 0.3.31.188.0  USE64BITINT",
        );
        put("some_wheel.libs/libquadmath-96973f99.so.0", "nobody says");
        put("other.libs/libother-1.so", "of another wheel");
        put(
            "some_wheel-1.0.dist-info/sboms/auditwheel.cdx.json",
            r#"{"components": [{"name": "libgomp", "version": "8.5.0-28"}]}"#,
        );
        let wheel = LockedWheel {
            name: "some-wheel".into(),
            version: "1.0".into(),
            filename: "some_wheel-1.0-py3-none-any.whl".into(),
            sha256: Digest::of("wheel"),
            size: 5,
        };
        let parts = parts(
            &[wheel],
            "some-wheel 1.0|MIT\n",
            dir.path(),
            "/usr/lib/pgml",
        )
        .unwrap();
        let component = parts[0].component().unwrap();
        let bundled = component.components.unwrap().0;
        let said: Vec<_> = bundled
            .iter()
            .map(|c| {
                (
                    c.name.to_string(),
                    c.version.as_ref().map(ToString::to_string),
                )
            })
            .collect();
        let expected = [
            ("libgomp", Some("8.5.0-28")),
            ("libquadmath", None),
            ("libz_openblas64_", Some("0.3.31.188.0")),
        ];
        assert_eq!(
            said,
            expected.map(|(name, version)| (name.to_owned(), version.map(str::to_owned)))
        );
    }
}
