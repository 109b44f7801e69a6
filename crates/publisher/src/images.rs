//! Which images of a release get which tags, and the index behind a tag, with one image for each architecture.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use base::exit::Failure;
use build::oci::Flavour;
use build::oci::config::ImageConfig;
use build::oci::layout::canonical_json;
use release::publish::{Kind, Manifest};
use targets::{Distribution, Target, Targets};

use crate::archive::Archive;

/// The annotation with the version of what is in an index.
pub const VERSION: &str = "org.opencontainers.image.version";
/// What an index of images is.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// What an image's manifest is.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// The images of one major, distribution and flavour: one for each architecture that was built.
pub struct Tagged {
    /// The name of the repository: `pgml`.
    pub repository: String,
    /// The tags, the one that names version and distribution first.
    pub tags: Vec<String>,
    /// The version of the extension.
    pub version: String,
    /// The images, in the order of their architectures.
    pub images: Vec<Archive>,
}

/// The images that share their tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    major: u16,
    flavour: &'static str,
    release: String,
}

/// All images of a release.
pub fn of_release(
    release: &Path,
    manifest: &Manifest,
    targets: &Targets,
    config: &ImageConfig,
) -> Result<Vec<Tagged>, Failure> {
    let version = version(&manifest.release);
    let mut groups: BTreeMap<Group, (Flavour, Vec<(Target, String)>)> = BTreeMap::new();
    let images = manifest.artifacts.iter();
    for image in images.filter(|artifact| artifact.kind == Kind::Image) {
        let name = image.target.as_deref().unwrap_or_default();
        let target = targets.target(name)?;
        let file = image.path.rsplit('/').next().unwrap_or_default();
        let is_it = |flavour: &Flavour| flavour.file_name(&config.name, &target) == file;
        let flavour = Flavour::ALL.into_iter().find(is_it);
        let flavour = flavour.ok_or_else(|| {
            Failure::bug(format!("{file} is an image of {name} of an unknown kind"))
        })?;
        let group = Group {
            major: target.major,
            flavour: flavour.name(),
            release: target.distribution.release.clone(),
        };
        let of_group = groups.entry(group).or_insert((flavour, Vec::new()));
        of_group.1.push((target, image.path.clone()));
    }
    let mut tagged = Vec::new();
    for (group, (flavour, members)) in &groups {
        let rivals = groups
            .iter()
            .filter(|(other, _)| (other.major, other.flavour) == (group.major, group.flavour));
        let rivals: Vec<&Distribution> = rivals
            .filter_map(|(_, (_, members))| members.first())
            .map(|(target, _)| &target.distribution)
            .collect();
        let first = preferred(targets, &rivals) == Some(group.release.as_str());
        let archives = members
            .iter()
            .map(|(_, path)| Archive::open(&release.join(path)));
        let mut images = archives.collect::<Result<Vec<_>, _>>()?;
        images.sort_by_key(|archive| platform(archive).to_string());
        tagged.push(Tagged {
            repository: flavour.repository(&config.name),
            tags: tags(group, *flavour, version, first),
            version: version.to_owned(),
            images,
        });
    }
    Ok(tagged)
}

/// The version of the extension in that of a release, `3.0.0` in `3.0.0-1`.
fn version(release: &str) -> &str {
    release
        .rsplit_once('-')
        .map_or(release, |(version, _)| version)
}

/// The distribution whose images get the tags without a distribution's name: the newest that has been released,
/// Debian before others, as Docker's Postgres images have it.
fn preferred<'a>(targets: &Targets, rivals: &[&'a Distribution]) -> Option<&'a str> {
    let age = |one: &Distribution| {
        targets
            .distributions
            .iter()
            .position(|d| d.release == one.release)
    };
    let rank = |one: &&&Distribution| {
        let is_released = one.end_of_life.is_some();
        (is_released, one.vendor == "debian", age(one))
    };
    rivals
        .iter()
        .max_by_key(rank)
        .map(|one| one.release.as_str())
}

/// `16-3.0.0-debian12-slim`, `16-debian12-slim`, and for the first among distributions `16-3.0.0-slim` and `16-slim`.
fn tags(group: &Group, flavour: Flavour, version: &str, first: bool) -> Vec<String> {
    let suffix = if flavour == Flavour::Slim {
        "-slim"
    } else {
        ""
    };
    let Group { major, release, .. } = group;
    let mut tags = vec![
        format!("{major}-{version}-{release}{suffix}"),
        format!("{major}-{release}{suffix}"),
    ];
    if first {
        tags.push(format!("{major}-{version}{suffix}"));
        tags.push(format!("{major}{suffix}"));
    }
    tags
}

fn platform(archive: &Archive) -> &Value {
    &archive.image.json["platform"]
}

impl Tagged {
    /// The index behind the tags. What is there already for other architectures stays, if it is of the same version:
    /// each architecture may be published from the machine that built it.
    pub fn index(&self, there: Option<&Value>) -> Result<Vec<u8>, Failure> {
        let own = self.images.iter().map(|archive| {
            json!({
                "mediaType": MANIFEST_TYPE,
                "digest": format!("sha256:{}", archive.image.digest),
                "size": archive.image.size,
                "platform": platform(archive),
            })
        });
        let mut manifests: Vec<Value> = own.collect();
        let of_version = there.filter(|there| there["annotations"][VERSION] == *self.version);
        let others = of_version.and_then(|there| there["manifests"].as_array());
        for other in others.into_iter().flatten() {
            let known = manifests
                .iter()
                .any(|own| own["platform"] == other["platform"]);
            if !known && other["platform"].is_object() {
                manifests.push(other.clone());
            }
        }
        manifests.sort_by_key(|manifest| manifest["platform"].to_string());
        canonical_json(&json!({
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": manifests,
            "annotations": {VERSION: self.version},
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        let text = include_str!("../../../packaging/targets.toml");
        Targets::parse("targets.toml", text).unwrap()
    }

    #[test]
    fn tags_are_those_that_users_of_postgres_images_expect() {
        let group = Group {
            major: 16,
            flavour: "slim",
            release: "debian12".into(),
        };
        let all = tags(&group, Flavour::Slim, version("3.0.0-1"), true);
        let expected = [
            "16-3.0.0-debian12-slim",
            "16-debian12-slim",
            "16-3.0.0-slim",
            "16-slim",
        ];
        assert_eq!(all, expected);
        let group = Group {
            flavour: "full",
            ..group
        };
        let other = tags(&group, Flavour::Full, "3.0.0", false);
        assert_eq!(other, ["16-3.0.0-debian12", "16-debian12"]);
    }

    #[test]
    fn the_short_tag_is_the_newest_released_debians() {
        let targets = targets();
        let of = |names: &[&str]| {
            let all: Vec<&Distribution> = names
                .iter()
                .map(|name| targets.distribution(name).unwrap())
                .collect();
            preferred(&targets, &all).map(str::to_owned)
        };
        assert_eq!(
            of(&["debian12", "debian13", "ubuntu24.04"]).as_deref(),
            Some("debian13")
        );
        // Debian 14 is not released.
        assert_eq!(of(&["debian14", "debian12"]).as_deref(), Some("debian12"));
        assert_eq!(of(&["debian14"]).as_deref(), Some("debian14"));
        assert_eq!(of(&["debian12-arm64"]).as_deref(), Some("debian12"));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_index_keeps_other_architectures_of_the_same_version() {
        let tagged = Tagged {
            repository: "pgml".into(),
            tags: Vec::new(),
            version: "3.0.0".into(),
            images: Vec::new(),
        };
        let arm =
            json!({"digest": "sha256:1", "platform": {"architecture": "arm64", "os": "linux"}});
        let there = |version: &str| json!({"manifests": [arm], "annotations": {VERSION: version}});
        let manifests = |there: Option<&Value>| {
            let index: Value = serde_json::from_slice(&tagged.index(there).unwrap()).unwrap();
            index["manifests"].as_array().unwrap().len()
        };
        assert_eq!(manifests(Some(&there("3.0.0"))), 1);
        assert_eq!(manifests(Some(&there("2.9.0"))), 0);
        assert_eq!(manifests(None), 0);
    }
}
