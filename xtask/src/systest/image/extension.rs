//! The image with the extension's files alone: no engine is needed to see what is in it.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::archive::{blob, manifest};
use super::{ImageTest, ensure_says};
use crate::digest::Digest;
use crate::exit::Failure;
use crate::files::FileError;
use crate::oci::Flavour;
use crate::systest::cases::{Cases, ensure};

impl ImageTest<'_> {
    pub(super) fn extension_image(&self, cases: &mut Cases<'_>) {
        cases.run(
            "the extension's own image has the package's files where Postgres looks",
            || {
                let archive = self.archive(Flavour::Extension);
                let (_, manifest) = manifest(&archive)?;
                let layers = manifest["layers"].as_array().map_or(0, Vec::len);
                ensure(layers == 1, || format!("it has {layers} layers"))?;
                let layer = blob(&archive, &manifest["layers"][0])?;
                let files = self.contents(&layer)?;
                let library = files.get("lib/pgml.so");
                let packaged = self.packaged_library()?;
                ensure(library == Some(&packaged), || {
                    format!("{library:?} instead of {packaged}")
                })?;
                let names: Vec<&str> = files.keys().map(String::as_str).collect();
                let release = format!("share/extension/pgml--{}.sql", env!("CARGO_PKG_VERSION"));
                let wanted = [
                    "share/extension/pgml.control",
                    &release,
                    "licenses/pgml/copyright",
                ];
                ensure_says(&names.join(" "), &wanted)
            },
        );
    }

    fn contents(&self, layer: &[u8]) -> Result<BTreeMap<String, Digest>, Failure> {
        let unreadable = || FileError::at("read the layer of", self.archive(Flavour::Extension));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer));
        let mut found = BTreeMap::new();
        for entry in archive.entries().map_err(unreadable())? {
            let mut entry = entry.map_err(unreadable())?;
            let path = entry
                .path()
                .map_err(unreadable())?
                .to_string_lossy()
                .into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable())?;
            found.insert(path, Digest::of(bytes));
        }
        Ok(found)
    }
}
