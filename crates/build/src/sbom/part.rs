//! A thing that is inside an artifact: a package, a crate, a wheel, a library, a file.

use cyclonedx_bom::models::component::{Classification, Component, Components, Cpe};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::SpdxExpression;
use purl::GenericPurlBuilder;

use base::digest::Digest;
use targets::Distribution;
use targets::lock::crates::{LockedCrate, Origin};
use targets::lock::{LockedPackage, LockedWheel};

/// Whose our own packages are, in their package URLs.
const VENDOR: &str = "pgml";

/// A thing that is inside, or the artifact itself.
#[derive(Debug, Clone)]
pub struct Part {
    kind: Classification,
    /// The name of the part without its version.
    pub name: String,
    version: Option<String>,
    /// The reference by which other parts name it: its package URL, or a file's path.
    pub reference: String,
    purl: Option<String>,
    sha256: Option<Digest>,
    licence: Option<String>,
    cpe: Option<String>,
    parts: Vec<Part>,
}

/// The parts of a package URL: type, namespace, qualifiers.
type Address<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

impl Part {
    fn new(kind: Classification, name: &str, version: Option<&str>, reference: String) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            version: version.map(str::to_owned),
            reference,
            purl: None,
            sha256: None,
            licence: None,
            cpe: None,
            parts: Vec::new(),
        }
    }

    /// Something with a package URL.
    fn addressed(kind: Classification, address: Address<'_>, name: &str, version: &str) -> Self {
        let purl = package_url(address, name, version);
        let mut part = Self::new(kind, name, Some(version), purl.clone());
        part.purl = Some(purl);
        part
    }

    /// A package of a distribution.
    pub fn distribution_package(package: &LockedPackage, of: &Distribution) -> Self {
        let (vendor, release) = vendor_and_release(&of.id);
        let distro = format!("{vendor}-{release}");
        let qualifiers = [("arch", package.architecture.as_str()), ("distro", &distro)];
        let address = ("deb", Some(vendor), &qualifiers[..]);
        Self::addressed(
            Classification::Library,
            address,
            &package.name,
            &package.version,
        )
        .with_sha256(package.sha256)
    }

    /// One of our own packages.
    pub fn own_package(name: &str, version: &str, architecture: &str, sha256: Digest) -> Self {
        let qualifiers = [("arch", architecture)];
        let address = ("deb", Some(VENDOR), &qualifiers[..]);
        Self::addressed(Classification::Application, address, name, version).with_sha256(sha256)
    }

    /// The part that stands for a distribution as a whole.
    pub fn operating_system(of: &Distribution) -> Self {
        let (vendor, release) = vendor_and_release(&of.id);
        let kind = Classification::OperatingSystem;
        Self::new(kind, vendor, Some(release), format!("{vendor}-{release}"))
    }

    /// An image, which has no address before it is pushed somewhere.
    pub fn image(name: &str, version: &str) -> Self {
        let kind = Classification::Container;
        Self::new(kind, name, Some(version), format!("{name}-{version}"))
    }

    /// The part for a crate of the extension's lock.
    pub fn of_crate(locked: &LockedCrate, licence: &str) -> Self {
        let address = ("cargo", None, &[][..]);
        let mut part = Self::addressed(
            Classification::Library,
            address,
            &locked.name,
            &locked.version,
        )
        .with_licence(licence);
        part.sha256 = locked.checksum;
        if locked.origin() == Origin::Local {
            // No registry has it: an address there would mean another crate.
            part.reference = format!("{}-{}", locked.name, locked.version);
            part.purl = None;
        }
        part
    }

    /// The part for a wheel of the Python runtime.
    pub fn wheel(wheel: &LockedWheel, licence: &str) -> Self {
        let address = ("pypi", None, &[][..]);
        Self::addressed(
            Classification::Library,
            address,
            &wheel.name,
            &wheel.version,
        )
        .with_sha256(wheel.sha256)
        .with_licence(licence)
    }

    /// A library that no package manager of the artifact knows.
    pub fn library(name: &str, version: &str) -> Self {
        Self::addressed(
            Classification::Library,
            ("generic", None, &[]),
            name,
            version,
        )
    }

    /// A file of the artifact that is a library of its own; its version where that is known.
    pub fn library_file(name: &str, version: Option<&str>, path: &str, sha256: Digest) -> Self {
        let mut part = Self::new(Classification::Library, name, version, path.to_owned());
        part.purl = version.map(|version| package_url(("generic", None, &[]), name, version));
        part.with_sha256(sha256).with_part(Self::file(path, sha256))
    }

    /// A file of the artifact.
    pub fn file(path: &str, sha256: Digest) -> Self {
        Self::new(Classification::File, path, None, format!("file:{path}")).with_sha256(sha256)
    }

    /// Adds the SHA-256 digest of the part's file.
    pub fn with_sha256(mut self, sha256: Digest) -> Self {
        self.sha256 = Some(sha256);
        self
    }

    /// Adds the licence, as the authors of the part wrote it.
    pub fn with_licence(mut self, licence: &str) -> Self {
        self.licence = Some(licence.trim().to_owned()).filter(|text| !text.is_empty());
        self
    }

    /// Its name in vulnerability databases.
    pub fn with_cpe(mut self, cpe: String) -> Self {
        self.cpe = Some(cpe);
        self
    }

    /// Something that is inside it.
    pub fn with_part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// As the format's library has it.
    pub(super) fn component(&self) -> Result<Component, String> {
        let version = self.version.as_deref().unwrap_or_default();
        let reference = Some(self.reference.clone());
        let mut component = Component::new(self.kind.clone(), &self.name, version, reference);
        if self.version.is_none() {
            component.version = None;
        }
        let purl = self.purl.as_ref().map(|purl| purl.parse());
        component.purl = purl
            .transpose()
            .map_err(|()| "its package URL is none".to_owned())?;
        component.hashes = self.sha256.map(|sha256| {
            Hashes(vec![Hash {
                alg: HashAlgorithm::SHA_256,
                content: HashValue(sha256.to_string()),
            }])
        });
        component.licenses = self.licence.as_deref().map(licences);
        component.cpe = self.cpe.as_deref().map(Cpe::new);
        if !self.parts.is_empty() {
            let parts: Result<_, String> = self.parts.iter().map(Self::component).collect();
            component.components = Some(Components(parts?));
        }
        Ok(component)
    }
}

/// `debian12` → `debian` and `12`.
fn vendor_and_release(id: &str) -> (&str, &str) {
    id.split_at(id.find(|c: char| c.is_ascii_digit()).unwrap_or(id.len()))
}

fn package_url(address: Address<'_>, name: &str, version: &str) -> String {
    let (kind, namespace, qualifiers) = address;
    let mut builder = GenericPurlBuilder::new(kind.to_owned(), name).with_version(version);
    if let Some(namespace) = namespace {
        builder = builder.with_namespace(namespace);
    }
    for (key, value) in qualifiers {
        builder = match builder.clone().with_qualifier(*key, *value) {
            Ok(with) => with,
            Err(_) => builder, // INVARIANT: the keys are constants of this file, all of the form that the format wants
        };
    }
    builder
        .build()
        .map(|purl| purl.to_string())
        .unwrap_or_default()
}

/// A licence as an SPDX expression; a licence that SPDX does not know is kept by its name.
fn licences(text: &str) -> Licenses {
    // `MIT/Apache-2.0` is how older crates write `OR`.
    let text = text.replace('/', " OR ");
    let choice = match SpdxExpression::try_from(text.clone()) {
        Ok(expression) => LicenseChoice::Expression(expression),
        Err(_) => LicenseChoice::license(&text),
    };
    Licenses(vec![choice])
}
