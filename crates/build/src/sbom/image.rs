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
    /// The part that stands for the package of the extension.
    pub extension: Part,
    /// The crates that are linked into the extension's library.
    pub crates: &'a CrateTree,
    /// The lock that pins them.
    pub lock: &'a CrateLock,
    /// What else is linked in.
    pub native: &'a [Native],
    /// The Python runtime's package and its wheels (as [`super::wheels::parts`] finds them), where the image has them.
    pub runtime: Option<(Part, Vec<Part>)>,
}

impl Image<'_> {
    /// The document of an image made at that time (as [`super::time`] writes it).
    pub fn document(self, created: String) -> Result<Vec<u8>, SbomError> {
        let mut sbom = Sbom::new(Part::image(self.name.0, self.name.1), created);
        sbom.add(Part::operating_system(self.distribution));
        for package in self.packages {
            sbom.add(Part::distribution_package(package, self.distribution));
        }
        let extension = self.extension.reference.clone();
        sbom.add(self.extension);
        self.crates.describe(self.lock, &extension, &mut sbom)?;
        for native in self.native {
            sbom.add_below(&extension, native.part());
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
