//! What an image is made of, as a CycloneDX document: the distribution's packages by their lock, ours, the wheels by their
//! lock, the crates that were compiled, and OpenBLAS, which no package manager knows.
//!
//! Nothing is guessed: each component is one that a lock or a compiler named, with the hash by which it was pinned.

use std::collections::BTreeMap;

use cyclonedx_bom::models::bom::{Bom, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{DateTime, Purl, SpdxExpression, Validate};

use super::OciError;
use crate::digest::Digest;
use crate::exit::Failure;
use crate::lock::{LockedPackage, LockedWheel};

/// What an SBOM is gathered from.
pub struct Contents<'a> {
    /// The image: its name and its version.
    pub image: (&'a str, &'a str),
    /// `debian`, `12`.
    pub distribution: (&'a str, &'a str),
    /// The time of the release.
    pub created: &'a str,
    /// The distribution's packages.
    pub packages: &'a [&'a LockedPackage],
    /// Our packages: name, version, digest of the `.deb`.
    pub own: &'a [(String, String, Digest)],
    /// The wheels of the runtime.
    pub wheels: &'a [LockedWheel],
    /// `name version|licence`, a line for each crate in the library.
    pub crates: &'a str,
    /// The lock of the crates, for their hashes.
    pub cargo_lock: &'a str,
    /// The version of the OpenBLAS that is linked in.
    pub openblas: &'a str,
}

fn wrong(error: impl std::fmt::Display) -> OciError {
    OciError::Format(error.to_string())
}

fn component(
    kind: Classification,
    (purl_type, namespace): (&str, &str),
    (name, version): (&str, &str),
    sha256: Option<&str>,
) -> Result<Component, OciError> {
    let purl = Purl::new(purl_type, name, version).map_err(wrong)?;
    // The library's constructor has no namespace; it stands between type and name.
    let purl = purl.to_string();
    let purl = match namespace.is_empty() {
        true => purl,
        false => purl.replacen('/', &format!("/{namespace}/"), 1),
    };
    let mut component = Component::new(kind, name, version, Some(purl.clone()));
    component.purl = purl.parse().ok();
    component.hashes = sha256.map(|hash| {
        Hashes(vec![Hash {
            alg: HashAlgorithm::SHA_256,
            content: HashValue(hash.to_owned()),
        }])
    });
    Ok(component)
}

/// The checksums of a `Cargo.lock`, by name and version.
fn checksums(cargo_lock: &str) -> Result<BTreeMap<(String, String), String>, OciError> {
    let lock: toml::Table = cargo_lock.parse().map_err(wrong)?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let field = |package: &toml::Value, name: &str| Some(package.get(name)?.as_str()?.to_owned());
    let entry = |package: &toml::Value| {
        let id = (field(package, "name")?, field(package, "version")?);
        Some((id, field(package, "checksum")?))
    };
    Ok(packages.into_iter().flatten().filter_map(entry).collect())
}

/// Writes the document.
pub fn write(contents: &Contents<'_>) -> Result<Vec<u8>, Failure> {
    let (vendor, release) = contents.distribution;
    let mut components = vec![Component::new(
        Classification::OperatingSystem,
        vendor,
        release,
        Some(format!("{vendor}-{release}")),
    )];
    for package in contents.packages {
        let hash = package.sha256.to_string();
        let id = (package.name.as_str(), package.version.as_str());
        components.push(component(
            Classification::Library,
            ("deb", vendor),
            id,
            Some(&hash),
        )?);
    }
    for (name, version, digest) in contents.own {
        let hash = digest.to_string();
        components.push(component(
            Classification::Application,
            ("deb", "pgml"),
            (name, version),
            Some(&hash),
        )?);
    }
    for wheel in contents.wheels {
        let hash = wheel.sha256.to_string();
        let id = (wheel.name.as_str(), wheel.version.as_str());
        components.push(component(
            Classification::Library,
            ("pypi", ""),
            id,
            Some(&hash),
        )?);
    }
    let checksums = checksums(contents.cargo_lock)?;
    for line in contents.crates.lines() {
        let (id, licence) = line.split_once('|').unwrap_or((line, ""));
        let (name, version) = id.split_once(' ').unwrap_or((id, ""));
        let hash = checksums.get(&(name.to_owned(), version.to_owned()));
        let hash = hash.map(String::as_str);
        let mut found = component(
            Classification::Library,
            ("cargo", ""),
            (name, version),
            hash,
        )?;
        found.licenses = licences(licence);
        components.push(found);
    }
    let mut openblas = component(
        Classification::Library,
        ("generic", ""),
        ("openblas", contents.openblas),
        None,
    )?;
    openblas.licenses = licences("BSD-3-Clause");
    components.push(openblas);

    let (name, version) = contents.image;
    let metadata = Metadata {
        timestamp: Some(DateTime::try_from(contents.created.to_owned()).map_err(wrong)?),
        component: Some(Component::new(
            Classification::Container,
            name,
            version,
            Some(format!("{name}-{version}")),
        )),
        ..Metadata::default()
    };
    let mut bom = Bom {
        version: 1,
        serial_number: None,
        metadata: Some(metadata),
        components: Some(Components(components)),
        ..Bom::default()
    };
    // A serial number from the contents: another document has another one, and the same one has the same.
    let uuid = uuid_of(&Digest::of(json(&bom)?));
    bom.serial_number = Some(UrnUuid(format!("urn:uuid:{uuid}")));
    let valid = bom.validate();
    if !valid.passed() {
        return Err(wrong(format!("the SBOM is not valid CycloneDX: {valid:?}")).into());
    }
    json(&bom)
}

fn json(bom: &Bom) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    bom.clone().output_as_json_v1_5(&mut bytes).map_err(wrong)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A licence as an SPDX expression; what is none of SPDX's is kept by its name.
fn licences(text: &str) -> Option<Licenses> {
    // `MIT/Apache-2.0` is how older crates write `OR`.
    let text = text.trim().replace('/', " OR ");
    if text.is_empty() {
        return None;
    }
    let choice = match SpdxExpression::parse_lax(text.clone()) {
        Ok(expression) => LicenseChoice::Expression(expression),
        Err(_) => LicenseChoice::license(&text),
    };
    Some(Licenses(vec![choice]))
}

/// A name-based UUID (version 8: made by a rule of one's own) from a digest.
fn uuid_of(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!(
        "{}-{}-8{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nchecksum = \"aa\"\n";

    #[test]
    fn a_document_names_what_is_inside() {
        let hash = Digest::of("x").to_string();
        let lock = LOCK.replace("\"aa\"", &format!("\"{hash}\""));
        let contents = Contents {
            image: ("pgml", "3.0.0"),
            distribution: ("debian", "12"),
            created: "2026-11-22T00:00:00Z",
            packages: &[],
            own: &[(
                "postgresql-15-pgml".into(),
                "3.0.0-1~debian12".into(),
                Digest::of("y"),
            )],
            wheels: &[],
            crates: "serde 1.0.0|MIT/Apache-2.0\npgml 3.0.0|",
            cargo_lock: &lock,
            openblas: "0.3.21",
        };
        let text = write(&contents).unwrap();
        assert_eq!(text, write(&contents).unwrap());
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let components = json["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(named("serde")["purl"], "pkg:cargo/serde@1.0.0");
        assert_eq!(named("serde")["hashes"][0]["content"], hash);
        assert_eq!(
            named("serde")["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        let own = named("postgresql-15-pgml")["purl"].as_str().unwrap();
        assert!(
            own.starts_with("pkg:deb/pgml/postgresql-15-pgml@3.0.0-1"),
            "{own}"
        );
        assert_eq!(named("openblas")["version"], "0.3.21");
    }

    #[test]
    fn a_uuid_has_the_form_of_one() {
        let uuid = uuid_of(&Digest::of("x"));
        assert!(UrnUuid::new(format!("urn:uuid:{uuid}")).is_ok(), "{uuid}");
    }
}
