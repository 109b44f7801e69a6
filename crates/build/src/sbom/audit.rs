//! The list of linked crates inside the library: the section `.dep-v0` as cargo-auditable defines it. A scanner finds it in
//! every copy of the library.
//!
//! It is zlib-compressed JSON. The format knows crates only. Other libraries are listed as packages with the source
//! [`NATIVE`], which readers of the format keep.

use std::io::{Read as _, Write as _};

use auditable_serde::VersionInfo;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use object::{Object as _, ObjectSection as _};
use serde_json::{Value, json};

use targets::lock::crates::{CrateLock, Origin};

use super::SbomError;
use super::crates::CrateTree;
use super::native::Native;

/// The ELF section that cargo-auditable's readers look for.
pub const SECTION: &str = ".dep-v0";
/// The source of a package that is no crate.
pub const NATIVE: &str = "native";
/// The limit for an unpacked list, so that a damaged section can't fill the memory.
const LONGEST: u64 = 8 << 20;

/// The section's contents for a library that these are linked into.
pub fn contents(
    tree: &CrateTree,
    lock: &CrateLock,
    native: &[Native],
) -> Result<Vec<u8>, SbomError> {
    let mut packages: Vec<Value> = Vec::new();
    for found in &tree.crates {
        let source = match CrateTree::locked(found, lock)?.origin() {
            Origin::Local => "local",
            Origin::PublicRegistry => "crates.io",
            Origin::OtherRegistry => "registry",
            Origin::Git => "git",
        };
        let mut package = json!({ "name": found.name, "version": found.version, "source": source });
        if !found.needs.is_empty() {
            package["dependencies"] = json!(found.needs);
        }
        packages.push(package);
    }
    // The library itself, which comes first, is what needs them.
    let first = packages.len();
    packages[0]["root"] = json!(true);
    let mut needs: Vec<usize> = tree.crates[0].needs.iter().copied().collect();
    for (at, library) in native.iter().enumerate() {
        needs.push(first + at);
        let (name, version) = (&library.name, &library.version);
        packages.push(json!({ "name": name, "version": version, "source": NATIVE }));
    }
    packages[0]["dependencies"] = json!(needs);
    // Format 1 tells procedural macros from crates that exist at run time.
    let text = json!({ "packages": packages, "format": 1 }).to_string();
    // Serialise with the format's own library, which refuses cycles, a second root and invalid versions.
    let info: VersionInfo = text
        .parse()
        .map_err(|error: serde_json::Error| SbomError::Tree(error.to_string()))?;
    let json = base::json::compact(&info);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // INVARIANT: writing to memory does not fail.
    let _ = encoder.write_all(&json);
    Ok(encoder.finish().unwrap_or_default())
}

/// The section's contents in a library; `None` if it has no such section.
pub fn section(library: &[u8]) -> Option<Vec<u8>> {
    let file = object::File::parse(library).ok()?;
    let section = file.section_by_name(SECTION)?;
    Some(section.data().ok()?.to_vec())
}

/// What a section says.
pub fn read(section: &[u8]) -> Result<VersionInfo, String> {
    let mut text = String::new();
    ZlibDecoder::new(section)
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    text.parse()
        .map_err(|error: serde_json::Error| error.to_string())
}

/// Sees that a library says of itself what it was linked from.
pub fn check(file: &str, library: &[u8], expected: &[u8]) -> Result<(), SbomError> {
    let wrong = |reason: String| SbomError::Section {
        file: file.to_owned(),
        reason,
    };
    let found = section(library).ok_or_else(|| wrong(format!("it has no section `{SECTION}`")))?;
    if found == expected {
        return Ok(());
    }
    let names = |bytes: &[u8]| -> Result<Vec<String>, SbomError> {
        let info = read(bytes).map_err(wrong)?;
        let name =
            |package: &auditable_serde::Package| format!("{} {}", package.name, package.version);
        Ok(info.packages.iter().map(name).collect())
    };
    let (found, expected) = (names(&found)?, names(expected)?);
    let first =
        |of: &[String], other: &[String]| of.iter().find(|name| !other.contains(name)).cloned();
    Err(wrong(
        match (first(&found, &expected), first(&expected, &found)) {
            (Some(name), _) => format!("it names {name}, which was not linked"),
            (None, Some(name)) => format!("it does not name {name}"),
            (None, None) => "the same names, related otherwise".to_owned(),
        },
    ))
}
