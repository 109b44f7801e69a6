//! The documents of our images.

use targets::Distribution;
use targets::lock::LockedPackage;
use targets::lock::crates::CrateLock;

use super::crates::CrateTree;
use super::native::Native;
use super::part::Part;
use super::{Sbom, SbomError};

/// What is in an image.
pub struct Image<'a> {
    /// Its name and its version.
    pub name: (&'a str, &'a str),
    /// The distribution that it is made for.
    pub distribution: &'a Distribution,
    /// The distribution's packages; `None` if the image has the extension's files alone.
    pub packages: &'a [&'a LockedPackage],
    /// The extension, where the image has it.
    pub extension: Option<Extension<'a>>,
    /// The Python runtime's package and its wheels (as [`super::wheels::parts`] finds them), where the image has them.
    pub runtime: Option<(Part, Vec<Part>)>,
}

/// The extension in an image.
pub struct Extension<'a> {
    /// The part that stands for its package.
    pub package: Part,
    /// The crates that are linked into the extension's library.
    pub crates: &'a CrateTree,
    /// The lock that pins them.
    pub lock: &'a CrateLock,
    /// What else is linked in.
    pub native: &'a [Native],
}

impl Image<'_> {
    /// The document of an image made at that time (as [`super::time`] writes it).
    pub fn document(self, created: String) -> Result<Vec<u8>, SbomError> {
        let mut sbom = Sbom::new(Part::image(self.name.0, self.name.1), created);
        sbom.add(Part::operating_system(self.distribution));
        for package in self.packages {
            sbom.add(Part::distribution_package(package, self.distribution));
        }
        if let Some(extension) = self.extension {
            let package = extension.package.reference.clone();
            sbom.add(extension.package);
            extension
                .crates
                .describe(extension.lock, &package, &mut sbom)?;
            for native in extension.native {
                sbom.add_below(&package, native.part());
            }
        }
        if let Some((package, wheels)) = self.runtime {
            let runtime = package.reference.clone();
            sbom.add(package);
            for wheel in wheels {
                sbom.add_below(&runtime, wheel);
            }
        }
        sbom.render()
    }
}
