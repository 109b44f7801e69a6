//! The steps that make images: those with a server, and the one with the extension's files alone.

use std::path::{Path, PathBuf};

use oci_spec::image::Config;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use targets::lock::crates::CrateLock;
use targets::lock::{Lock, LockedPackage, LockedWheel, WheelLock, WheelSet};
use targets::{Distribution, Target};

use super::context::Steps;
use super::image_runtime::{RUNTIME, RUNTIME_LAYER, deb_of, python_rootfs};
use crate::oci::base_layer::{self, BaseLayers, SYSTEM};
use crate::oci::config::ImageConfig;
use crate::oci::dpkg::Install;
use crate::oci::filter::Filter;
use crate::oci::image::{Image, Part};
use crate::oci::layer::Layer;
use crate::oci::settings::Settings;
use crate::oci::{Flavour, OciError, volume};
use crate::package::packages;
use crate::plan::{Work, ids};
use crate::sbom::crates::CrateTree;
use crate::sbom::native;
use crate::{layout, sbom};

fn read_json<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T, Failure> {
    let value = serde_json::from_slice(&files::read(path)?);
    Ok(value.map_err(|error| OciError::Format(format!("{}: {error}", path.display())))?)
}

/// What is linked into the extension's library.
struct Library {
    crates: CrateTree,
    lock: CrateLock,
    native: Vec<native::Native>,
}

/// What all images of a target share.
pub(super) struct Making<'a> {
    pub(super) steps: &'a Steps<'a>,
    pub(super) work: &'a Work<'a>,
    pub(super) target: &'a Target,
    config: ImageConfig,
    created: String,
}

impl<'a> Making<'a> {
    pub(super) fn new(
        steps: &'a Steps<'a>,
        work: &'a Work<'a>,
        target: &'a Target,
    ) -> Result<Self, Failure> {
        Ok(Self {
            steps,
            work,
            target,
            config: ImageConfig::load(&steps.workspace.root)?,
            created: sbom::time(steps.epoch, &work.log)?,
        })
    }

    pub(super) fn version(&self) -> String {
        self.steps
            .release
            .debian_version(&self.target.distribution.release)
    }

    fn package_name(&self) -> String {
        packages::extension_name(self.target.major)
    }

    /// The annotations of the OCI image specification. The revision is the key of the job that made the package: equal for
    /// equal sources and locks, independent of other files in the commit.
    fn annotations(&self, flavour: Flavour) -> Vec<(String, String)> {
        let package = format!("job package:{}", self.target);
        let revision = self.work.job.inputs.get(&package);
        let about = match flavour {
            Flavour::Full => "with its Python runtime",
            Flavour::Slim => "without Python packages and LLVM",
            Flavour::Extension => "the extension's files, to be mounted",
            Flavour::Python => "a Python runtime for it, to be mounted",
        };
        let distribution = &self.target.distribution.title;
        [
            (
                "title",
                format!("{} ({})", self.config.title, flavour.name()),
            ),
            (
                "description",
                format!("{}; {about}; for {distribution}", self.config.description),
            ),
            ("version", self.version()),
            (
                "revision",
                revision.map(ToString::to_string).unwrap_or_default(),
            ),
            ("source", self.config.source.clone()),
            ("licenses", self.config.licences.clone()),
            ("created", self.created.clone()),
        ]
        .into_iter()
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value))
        .collect()
    }

    /// The document of one of the images, with the packages of the distribution, the extension's and the runtime's, where it has
    /// them.
    pub(super) fn sbom(
        &self,
        packages: &[&LockedPackage],
        extension: Option<&Path>,
        python: Option<&Path>,
    ) -> Result<Vec<u8>, Failure> {
        let (steps, work, version) = (self.steps, self.work, self.version());
        let part = |name: &str, deb: &Path| {
            let (digest, _) = Digest::of_file(deb).map_err(FileError::at("read", deb))?;
            let architecture = &self.target.distribution.architecture.name;
            Ok::<_, FileError>(sbom::part::Part::own_package(
                name,
                &version,
                architecture,
                digest,
            ))
        };
        let runtime = python.map(|deb| {
            let distribution = &self.target.distribution;
            let made = work.output_of(&ids::runtime(&distribution.id))?;
            let licences = files::read_text(&made.join(layout::WHEELS))?;
            let tree = made.join(layout::PYTHON_TREE);
            let wheels = wheels(steps, distribution)?;
            let wheels = sbom::wheels::parts(&wheels, &licences, &tree, layout::PYTHON_PREFIX)?;
            Ok::<_, Failure>((part("pgml-python", deb)?, wheels))
        });
        let library = extension.map(|_| self.library()).transpose()?;
        let extension = match (extension, &library) {
            (Some(deb), Some(library)) => Some(sbom::image::Extension {
                package: part(&self.package_name(), deb)?,
                crates: &library.crates,
                lock: &library.lock,
                native: &library.native,
            }),
            _ => None,
        };
        let image = sbom::image::Image {
            name: (&self.config.name, &version),
            distribution: &self.target.distribution,
            packages,
            extension,
            runtime: runtime.transpose()?,
        };
        Ok(image.document(self.created.clone())?)
    }

    /// What the extension's library is linked of.
    fn library(&self) -> Result<Library, Failure> {
        let (steps, architecture) = (self.steps, &self.target.distribution.architecture);
        let compiled = ids::compile(self.target.major, architecture);
        let compiled = self.work.output_of(&compiled)?;
        let lock = CrateLock::load(&steps.workspace.root.join("extension/Cargo.lock"))?;
        let openblas = steps.openblas_lock(architecture)?;
        Ok(Library {
            crates: CrateTree::from_json(&files::read(&compiled.join(layout::CRATE_TREE))?)?,
            native: native::load(&steps.workspace.packaging(), &openblas, &lock)?,
            lock,
        })
    }

    pub(super) fn write(
        &self,
        flavour: Flavour,
        parts: Vec<Part>,
        settings: Option<&Settings<'_>>,
        sbom: Vec<u8>,
    ) -> Result<u64, Failure> {
        let size = parts.iter().map(|part| part.layer.size).sum();
        let name = &self.config.name;
        files::write(
            &self.work.out.join(flavour.sbom_name(name, self.target)),
            &sbom,
        )?;
        let image = Image {
            flavour,
            repository: flavour.repository(name),
            tags: flavour.tags(self.target),
            architecture: self.target.distribution.architecture.name.clone(),
            parts,
            config: settings.map_or_else(|| Ok(Config::default()), Settings::config)?,
            health_check: settings.map(Settings::health_check),
            annotations: self.annotations(flavour),
            created: (&self.created, self.steps.epoch),
            sbom,
        };
        image.write(&self.work.out.join(flavour.file_name(name, self.target)))?;
        Ok(size)
    }
}

/// The parts of the images of a target that have a server.
struct ServerImages<'a> {
    making: Making<'a>,
    base: BaseLayers,
    base_dir: &'a Path,
    runtime: Layer,
    runtime_dir: &'a Path,
    /// The packages of the distribution in the images.
    packages: Vec<&'a LockedPackage>,
    extension: PathBuf,
    python: PathBuf,
}

impl ServerImages<'_> {
    /// Makes one of them; returns its size in bytes.
    fn make(&self, flavour: Flavour) -> Result<u64, Failure> {
        let full = flavour == Flavour::Full;
        let mut parts = vec![self.base_part(full)];
        if full {
            parts.push(Part {
                layer: self.runtime.clone(),
                file: self.runtime_dir.join(RUNTIME_LAYER),
                made_by: format!("dpkg --install pgml-python {}", self.making.version()),
            });
        }
        parts.push(self.extension_part(flavour)?);
        let (steps, work) = (self.making.steps, self.making.work);
        let settings = Settings {
            major: self.making.target.major,
            flavour,
            uid: self.making.config.uid,
            root: &steps.workspace.root,
        };
        let file = work
            .scratch
            .join(format!("{}-settings.tar.gz", flavour.name()));
        parts.push(Part {
            layer: settings.write_layer(&file, steps.epoch)?,
            file,
            made_by: "the entry point and the default configuration of docker/".into(),
        });
        let python = full.then_some(self.python.as_path());
        let sbom = self
            .making
            .sbom(&self.packages, Some(&self.extension), python)?;
        self.making.write(flavour, parts, Some(&settings), sbom)
    }

    fn base_part(&self, full: bool) -> Part {
        let target = self.making.target;
        let (layer, file) = match full {
            true => (self.base.full.clone(), BaseLayers::FULL),
            false => (self.base.slim.clone(), BaseLayers::SLIM),
        };
        Part {
            layer,
            file: self.base_dir.join(file),
            made_by: format!(
                "mmdebstrap: {} and PostgreSQL {}, from locked packages",
                target.distribution.title, target.major
            ),
        }
    }

    /// Installs the extension's package on top of what the flavour has below it.
    fn extension_part(&self, flavour: Flavour) -> Result<Part, Failure> {
        let (making, work) = (&self.making, self.making.work);
        let (below, filter) = match flavour {
            Flavour::Full => (self.runtime_dir, Filter::default()),
            _ => (self.base_dir, Filter::slim(&making.steps.workspace.root)?),
        };
        let file = work
            .scratch
            .join(format!("{}-extension.tar.gz", flavour.name()));
        let distribution = &making.target.distribution;
        let install = Install {
            rootfs: &python_rootfs(making.steps, work, distribution)?,
            foreign: making.steps.is_foreign(&distribution.architecture),
            system: &below.join(SYSTEM),
            name: &making.package_name(),
            deb: &self.extension,
            filter: &filter,
            epoch: making.steps.epoch,
            scratch: &work.scratch.join(flavour.name()),
            log: &work.log,
        };
        let (layer, _) = install.run(&file)?;
        Ok(Part {
            layer,
            file,
            made_by: format!(
                "dpkg --install {} {}",
                making.package_name(),
                making.version()
            ),
        })
    }
}

/// Makes the images of a target that have a server: full and slim.
pub fn server_images(steps: &Steps<'_>, work: &Work<'_>, target: &str) -> Result<String, Failure> {
    let target = &steps.target(target)?;
    let making = Making::new(steps, work, target)?;
    let distribution = target.distribution.id.as_str();
    let server = Lock::server_of(steps.workspace, steps.targets, target);
    let base_dir = work.output_of(&ids::image_base(&server.id))?;
    let runtime_dir = work.output_of(&ids::image_runtime(&server.id))?;
    let lock = Lock::open(steps.workspace, steps.targets, server)?;
    let images = ServerImages {
        base: read_json(&base_dir.join(base_layer::LAYERS))?,
        base_dir,
        runtime: read_json(&runtime_dir.join(RUNTIME))?,
        runtime_dir,
        packages: lock.packages_of(&["base", "image"]),
        extension: deb_of(work, &ids::package(&target), &making.package_name())?,
        python: deb_of(work, &ids::package(&distribution), "pgml-python")?,
        making,
    };
    let (full, slim) = std::thread::scope(|scope| {
        let slim = scope.spawn(|| images.make(Flavour::Slim));
        (images.make(Flavour::Full), slim.join())
    });
    let slim = slim.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok(format!(
        "{:.0} MB, slim {:.0} MB compressed",
        full? as f64 / 1e6,
        slim? as f64 / 1e6
    ))
}

/// Makes the image with the extension's files alone.
pub fn extension_image(
    steps: &Steps<'_>,
    work: &Work<'_>,
    target: &str,
) -> Result<String, Failure> {
    let target = &steps.target(target)?;
    let making = Making::new(steps, work, target)?;
    let deb = deb_of(work, &ids::package(&target), &making.package_name())?;
    let file = work.scratch.join("files.tar.gz");
    let layer = volume::write_layer(&deb, target.major, steps.epoch, &file)?;
    let sbom = making.sbom(&[], Some(&deb), None)?;
    let part = Part {
        layer,
        file,
        made_by: format!(
            "the files of {} {}",
            making.package_name(),
            making.version()
        ),
    };
    let size = making.write(Flavour::Extension, vec![part], None, sbom)?;
    Ok(format!("{:.0} MB compressed", size as f64 / 1e6))
}

fn wheels(steps: &Steps<'_>, distribution: &Distribution) -> Result<Vec<LockedWheel>, Failure> {
    let name = WheelSet::runtime_name(&distribution.python, &distribution.architecture);
    let set = WheelSet::all(steps.targets)
        .into_iter()
        .find(|set| set.name() == name);
    let set = set.ok_or_else(|| {
        Failure::bug(format!(
            "the plan names the wheels `{name}`, which targets.toml does not have"
        ))
    })?;
    Ok(WheelLock::open(steps.workspace, steps.targets, &set)?.wheels)
}
