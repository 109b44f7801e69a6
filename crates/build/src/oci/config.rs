//! `packaging/images.toml`: the names and the labels of images.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use base::exit::Failure;
use base::files;

use super::OciError;

/// The file, relative to the source tree.
pub const FILE: &str = "packaging/images.toml";
/// The version of the format that this program reads.
const FORMAT: u32 = 1;

/// The line of `largest` for distributions that have none.
const DEFAULT: &str = "default";

/// The most that the compressed layers of images may have, in MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Largest {
    /// Of the full image.
    pub full: u64,
    /// Of the slim image.
    pub slim: u64,
}

/// What the file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    version: u32,
    /// The name before the tag.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// A sentence on what it is.
    pub description: String,
    /// Where the source is.
    pub source: String,
    /// The SPDX expression for the label with the licences of the image.
    pub licences: String,
    /// User and group of the server.
    pub uid: u64,
    largest: BTreeMap<String, Largest>,
}

impl ImageConfig {
    /// The most that the images of a distribution may have; [`Self::load`] refuses a file without a default.
    pub fn largest(&self, distribution: &str) -> Option<Largest> {
        let own = self.largest.get(distribution);
        own.or_else(|| self.largest.get(DEFAULT)).copied()
    }

    /// Reads and checks it.
    pub fn load(root: &Path) -> Result<Self, Failure> {
        Ok(Self::parse(&files::read_text(&root.join(FILE))?)?)
    }

    fn parse(text: &str) -> Result<Self, OciError> {
        let wrong = |what: String| OciError::Configuration { file: FILE, what };
        let config: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if config.version != FORMAT {
            return Err(wrong(format!(
                "this is version {} of the format, and this program reads version {FORMAT}",
                config.version
            )));
        }
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if config.name.is_empty() || !config.name.chars().all(is_name) {
            return Err(wrong(format!(
                "`{}` can't be the name of an image: lower-case letters, digits and `-`",
                config.name
            )));
        }
        if !(1..65_000).contains(&config.uid) {
            return Err(wrong(format!(
                "a server can't run as uid {}: from 1 to 64999",
                config.uid
            )));
        }
        if config.largest(DEFAULT).is_none() {
            return Err(wrong(format!("[largest] has no line `{DEFAULT}`")));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_image_could_carry_is_refused() {
        let text = include_str!("../../../../packaging/images.toml");
        let config = ImageConfig::parse(text).unwrap();
        let of = |distribution| config.largest(distribution).unwrap();
        assert_eq!(of("debian13"), of("ubuntu24.04"));
        assert!(of("debian12").full < of("debian13").full);
        for (from, to) in [
            ("name = \"pgml\"", "name = \"PGML\""),
            ("uid = 999", "uid = 0"),
            ("version = 1", "version = 2"),
            ("uid = 999", "uid = 999\nport = 1"),
            ("default = {", "debian13 = {"),
        ] {
            assert!(ImageConfig::parse(&text.replace(from, to)).is_err(), "{to}");
        }
    }
}
