//! Puts layers, settings and an SBOM together: configuration, manifest and index of one image, in one archive.

use std::collections::HashMap;
use std::path::PathBuf;

use oci_spec::image::{
    Arch, Config, DescriptorBuilder, HistoryBuilder, ImageConfigurationBuilder, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, PlatformBuilder, RootFsBuilder,
};
use serde_json::{Value, json};

use base::digest::Digest;
use base::exit::Failure;

use super::layer::Layer;
use super::layout::{Layout, blob_path, canonical_json};
use super::{Flavour, OciError};

/// What CycloneDX documents are called.
pub const SBOM_TYPE: &str = "application/vnd.cyclonedx+json";
/// The label that names the SBOM's blob.
pub const SBOM_LABEL: &str = "pgml.sbom.digest";

/// A layer of an image, where it is, and what made it.
pub struct Part {
    /// The digests and the size of the layer.
    pub layer: Layer,
    /// The path of the compressed archive on this machine.
    pub file: PathBuf,
    /// The text for `created_by` in the history of the image.
    pub made_by: String,
}

/// A container image that is ready to be written as an OCI archive.
pub struct Image<'a> {
    /// Whether it is the full, the slim or the extension's image.
    pub flavour: Flavour,
    /// Its name before the tag.
    pub repository: String,
    /// The tags of the image, without the name before them.
    pub tags: [String; 2],
    /// The architecture by OCI's name, which is the same as Debian's: `amd64`, `arm64`.
    pub architecture: String,
    /// The layers, lowest first.
    pub parts: Vec<Part>,
    /// How its containers behave.
    pub config: Config,
    /// The health check, in Docker's form.
    pub health_check: Option<Value>,
    /// What it says of itself.
    pub annotations: Vec<(String, String)>,
    /// The time of the release: in RFC 3339, and in seconds since 1970.
    pub created: (&'a str, u64),
    /// Its software bill of materials.
    pub sbom: Vec<u8>,
}

fn format_error(error: impl std::fmt::Display) -> OciError {
    OciError::Format(error.to_string())
}

impl Image<'_> {
    /// Writes the image as an OCI archive into the file `to`.
    pub fn write(mut self, to: &std::path::Path) -> Result<(), Failure> {
        let mut layout = Layout::default();
        let epoch = self.created.1;
        let sbom_digest = Digest::of(&self.sbom);
        let layers: Vec<_> = self
            .parts
            .iter()
            .map(|part| {
                let Layer { digest, size, .. } = &part.layer;
                layout.add_file(MediaType::ImageLayerGzip, &part.file, digest, *size)
            })
            .collect::<Result<_, _>>()?;
        let configuration = self.configuration(&sbom_digest)?;
        let config = layout.add(MediaType::ImageConfig, configuration)?;
        let docker = json!([{
            "Config": blob_path(&digest_of(&config)?),
            "Layers": self.parts.iter().map(|part| blob_path(&part.layer.digest)).collect::<Vec<_>>(),
            "RepoTags": self.tags.iter().map(|tag| format!("{}:{tag}", self.repository)).collect::<Vec<_>>(),
        }]);
        let annotations: HashMap<String, String> = self.annotations.drain(..).collect();
        let manifest = ImageManifestBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers(layers)
            .annotations(annotations)
            .build()
            .map_err(format_error)?;
        let image = layout.add(MediaType::ImageManifest, canonical_json(&manifest)?)?;
        let platform = PlatformBuilder::default()
            .architecture(self.arch())
            .os(Os::Linux)
            .build()
            .map_err(format_error)?;
        let sbom = std::mem::take(&mut self.sbom);
        let sbom = attach(&mut layout, &image, sbom)?;
        let named = |tag: &String| {
            let mut entry = image.clone();
            entry.set_platform(Some(platform.clone()));
            entry.set_annotations(Some(HashMap::from([
                ("org.opencontainers.image.ref.name".to_owned(), tag.clone()),
                (
                    "io.containerd.image.name".to_owned(),
                    format!("docker.io/library/{}:{tag}", self.repository),
                ),
            ])));
            entry
        };
        let manifests = self
            .tags
            .iter()
            .map(named)
            .chain([sbom])
            .collect::<Vec<_>>();
        let index = ImageIndexBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageIndex)
            .manifests(manifests)
            .build()
            .map_err(format_error)?;
        layout.write(
            to,
            canonical_json(&index)?,
            Some(canonical_json(&docker)?),
            epoch,
        )
    }

    fn arch(&self) -> Arch {
        Arch::from(self.architecture.as_str())
    }

    fn configuration(&self, sbom: &Digest) -> Result<Vec<u8>, Failure> {
        let mut config = self.config.clone();
        let mut labels: HashMap<String, String> = self.annotations.iter().cloned().collect();
        labels.insert(SBOM_LABEL.into(), format!("sha256:{sbom}"));
        config.set_labels(Some(labels));
        let diff_ids: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("sha256:{}", part.layer.diff_id))
            .collect();
        let history = self
            .parts
            .iter()
            .map(|part| {
                HistoryBuilder::default()
                    .created(self.created.0)
                    .created_by(part.made_by.as_str())
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(format_error)?;
        let rootfs = RootFsBuilder::default()
            .typ("layers")
            .diff_ids(diff_ids)
            .build()
            .map_err(format_error)?;
        let configuration = ImageConfigurationBuilder::default()
            .created(self.created.0)
            .architecture(self.arch())
            .os(Os::Linux)
            .config(config)
            .rootfs(rootfs)
            .history(history)
            .build()
            .map_err(format_error)?;
        let mut value = serde_json::to_value(configuration).map_err(format_error)?;
        // Docker's own, which the specification leaves room for.
        if let (Some(check), Some(config)) = (&self.health_check, value.get_mut("config")) {
            config["Healthcheck"] = check.clone();
        }
        canonical_json(&value)
    }
}

fn digest_of(descriptor: &oci_spec::image::Descriptor) -> Result<Digest, Failure> {
    let text = descriptor.as_digest_sha256().unwrap_or_default();
    Ok(text.parse::<Digest>().map_err(OciError::Format)?)
}

/// Adds the SBOM as an artifact that refers to the image; returns the index's entry of it.
fn attach(
    layout: &mut Layout,
    image: &oci_spec::image::Descriptor,
    sbom: Vec<u8>,
) -> Result<oci_spec::image::Descriptor, Failure> {
    let kind = MediaType::Other(SBOM_TYPE.into());
    let document = layout.add(kind.clone(), sbom)?;
    let empty = layout.add(MediaType::EmptyJSON, b"{}".to_vec())?;
    let manifest = ImageManifestBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageManifest)
        .artifact_type(kind.clone())
        .config(empty)
        .layers(vec![document])
        .subject(image.clone())
        .build()
        .map_err(format_error)?;
    let added = layout.add(MediaType::ImageManifest, canonical_json(&manifest)?)?;
    Ok(DescriptorBuilder::default()
        .media_type(MediaType::ImageManifest)
        .digest(added.digest().clone())
        .size(added.size())
        .artifact_type(kind)
        .build()
        .map_err(format_error)?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use super::*;
    use crate::oci::layer::{Entry, Kind, LayerWriter};
    use crate::oci::settings::Settings;

    fn write(dir: &Path, name: &str) -> PathBuf {
        write_for(dir, name, "amd64")
    }

    fn write_for(dir: &Path, name: &str, architecture: &str) -> PathBuf {
        let file = dir.join("layer");
        let mut layer = LayerWriter::create(&file).unwrap();
        layer
            .add(&Entry::of_root("a", Kind::File(1), 0o644, 1), &b"a"[..])
            .unwrap();
        let settings = Settings {
            major: 15,
            flavour: Flavour::Full,
            uid: 999,
            root: dir,
        };
        let image = Image {
            flavour: Flavour::Full,
            repository: "pgml".into(),
            tags: ["15-debian12".into(), "15".into()],
            architecture: architecture.into(),
            parts: vec![Part {
                layer: layer.finish().unwrap(),
                file,
                made_by: "a test".into(),
            }],
            config: settings.config().unwrap(),
            health_check: Some(settings.health_check()),
            annotations: vec![("org.opencontainers.image.version".into(), "3.0.0".into())],
            created: ("2026-11-22T00:00:00Z", 1_795_305_600),
            sbom: b"{}\n".to_vec(),
        };
        let to = dir.join(name);
        image.write(&to).unwrap();
        to
    }

    fn contents(path: &Path) -> HashMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        });
        entries.collect()
    }

    #[test]
    fn two_writes_are_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let digest = |name: &str| Digest::of_file(&write(dir.path(), name)).unwrap();
        assert_eq!(digest("1"), digest("2"));
    }

    #[test]
    fn an_image_says_for_which_machine_it_is() {
        let dir = tempfile::tempdir().unwrap();
        for architecture in ["amd64", "arm64"] {
            let files = contents(&write_for(dir.path(), "x", architecture));
            let json = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
            let index = json("index.json");
            let platform = &index["manifests"][0]["platform"];
            assert_eq!(
                *platform,
                json!({"architecture": architecture, "os": "linux"})
            );
            let docker = json("manifest.json");
            let config = json(docker[0]["Config"].as_str().unwrap());
            assert_eq!(config["architecture"], architecture);
        }
    }

    #[test]
    fn everything_that_is_named_is_there_and_has_that_digest() {
        let dir = tempfile::tempdir().unwrap();
        let files = contents(&write(dir.path(), "x"));
        let json = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
        for (name, bytes) in &files {
            if let Some(digest) = name.strip_prefix("blobs/sha256/").filter(|d| !d.is_empty()) {
                assert_eq!(Digest::of(bytes).to_string(), digest);
            }
        }
        let blob = |digest: &Value| {
            let digest = digest.as_str().unwrap();
            json(&format!("blobs/{}", digest.replace(':', "/")))
        };
        let index = json("index.json");
        let image = blob(&index["manifests"][0]["digest"]);
        let config = blob(&image["config"]["digest"]);
        assert_eq!(config["config"]["Healthcheck"]["Retries"], 5);
        assert_eq!(config["created"], "2026-11-22T00:00:00Z");
        // The SBOM: an artifact that refers to the image, and the label that names its blob.
        let artifact = &index["manifests"][2];
        assert_eq!(artifact["artifactType"], SBOM_TYPE);
        let artifact = blob(&artifact["digest"]);
        assert_eq!(
            artifact["subject"]["digest"],
            index["manifests"][0]["digest"]
        );
        let label = &config["config"]["Labels"][SBOM_LABEL];
        assert_eq!(*label, artifact["layers"][0]["digest"]);
        // What engines before 25 read names the same blobs.
        let docker = json("manifest.json");
        assert!(files.contains_key(docker[0]["Config"].as_str().unwrap()));
        assert!(files.contains_key(docker[0]["Layers"][0].as_str().unwrap()));
        assert_eq!(docker[0]["RepoTags"][1], "pgml:15");
    }
}
