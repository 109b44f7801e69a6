//! The documents of our packages.

use std::path::Path;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use targets::lock::LockedWheel;
use targets::lock::crates::CrateLock;

use super::crates::CrateTree;
use super::native::Native;
use super::part::Part;
use super::{Sbom, audit, wheels};

/// One of our packages.
pub struct Deb<'a> {
    /// The path of the `.deb` file on this machine.
    pub path: &'a Path,
    /// When the release was made, as [`super::time`] writes it.
    pub created: String,
}

impl Deb<'_> {
    /// The name of the file: `postgresql-15-pgml_3.0.0-1~debian12_amd64.deb`.
    fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The name of its document.
    pub fn document(&self) -> String {
        format!(
            "{}{}",
            self.file_name().trim_end_matches(".deb"),
            super::SUFFIX
        )
    }

    fn sbom(&self) -> Result<Sbom, Failure> {
        let (digest, _) = Digest::of_file(self.path).map_err(FileError::at("read", self.path))?;
        let file = self.file_name();
        // `NAME_VERSION_ARCHITECTURE.deb`, as we write it.
        let mut words = file.trim_end_matches(".deb").split('_');
        let mut word = || words.next().unwrap_or_default();
        let subject = Part::own_package(word(), word(), word(), digest);
        Ok(Sbom::new(subject, self.created.clone()))
    }
}

/// What is in the extension's package.
pub struct Extension<'a> {
    /// The library as packaged.
    pub library: &'a [u8],
    /// Where it lies on a user's system.
    pub place: &'a str,
    /// The crates that are linked in.
    pub crates: &'a CrateTree,
    /// The lock that pins them.
    pub lock: &'a CrateLock,
    /// The libraries from `native.toml` that are linked in besides crates.
    pub native: &'a [Native],
}

/// The document of an extension's package. The list inside the library has to be the same.
pub fn extension(deb: &Deb<'_>, inside: &Extension<'_>) -> Result<Vec<u8>, Failure> {
    let expected = audit::contents(inside.crates, inside.lock, inside.native)?;
    audit::check(inside.place, inside.library, &expected)?;
    let mut sbom = deb.sbom()?;
    let library = Part::file(inside.place, Digest::of(inside.library));
    let reference = library.reference.clone();
    sbom.add(library);
    inside.crates.describe(inside.lock, &reference, &mut sbom)?;
    for native in inside.native {
        sbom.add_below(&reference, native.part());
    }
    Ok(sbom.render()?)
}

/// The document of a Python runtime's package; the arguments are those of [`wheels::parts`].
pub fn runtime(
    deb: &Deb<'_>,
    wheels: &[LockedWheel],
    licences: &Path,
    tree: &Path,
    prefix: &str,
) -> Result<Vec<u8>, Failure> {
    let mut sbom = deb.sbom()?;
    let licences = files::read_text(licences)?;
    for part in wheels::parts(wheels, &licences, tree, prefix)? {
        sbom.add(part);
    }
    Ok(sbom.render()?)
}
