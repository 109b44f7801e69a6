//! The part of the plan that makes container images.
//!
//! A target has images with a server where its packages can be installed: its distribution is locked and carries that
//! Postgres. The image with the extension's files alone needs no distribution, so every target has it; the one with a Python
//! runtime takes the interpreter from the distribution, so that it must be locked, and of this machine's architecture.

use base::exit::Failure;
use targets::lock::WheelSet;
use targets::{Distribution, Target};

use super::{Builder, nothing_more};
use crate::oci::{FIRST_WITH_VOLUMES, config, settings};
use crate::plan::{Job, Step, ids};

/// The role of the packages that an image has beside ours.
const ROLE: &str = "image";

impl Builder<'_> {
    /// The images of a target: the jobs whose output is published.
    pub(super) fn images(&mut self, target: &Target) -> Result<Vec<Job>, Failure> {
        let mut jobs = vec![self.extension_image(target)?];
        let distribution = &target.distribution;
        let runs_here = self.other_machine(&distribution.architecture).is_none();
        if target.major >= FIRST_WITH_VOLUMES && self.has_lock(&distribution.id) && runs_here {
            jobs.push(self.python_image(target)?);
        }
        if let (None, Some(server)) = (self.no_image(target), self.server_of(target)) {
            jobs.push(self.server_images(target, &server)?);
        }
        Ok(jobs)
    }

    fn image_base(&mut self, distribution: &str) -> Result<Job, Failure> {
        let base = self.fetch(distribution, "base")?;
        let image = self.fetch(distribution, ROLE)?;
        let architecture = self.distribution(distribution)?.architecture;
        let here = architecture.name == self.context.machine.architecture.name;
        let distribution = distribution.to_owned();
        self.add(
            ids::image_base(&distribution),
            format!("make the base of the images of {distribution}"),
            match here {
                true => Step::ImageBase { distribution },
                false => Step::EmulatedImageBase { distribution },
            },
            |inputs| Ok(inputs.file(config::FILE)?),
            &[&base, &image],
        )
    }

    fn image_runtime(&mut self, target: &Target, server: &str) -> Result<Job, Failure> {
        let distribution = &target.distribution;
        let id = server;
        let base = self.image_base(id)?;
        let package = self.runtime_package(distribution)?;
        // dpkg of this machine's architecture installs packages of any.
        let rootfs = self.rootfs(&self.here(&distribution.release), "python")?;
        self.add(
            ids::image_runtime(&id),
            format!("install pgml-python into the images of {id}"),
            Step::ImageRuntime {
                distribution: id.into(),
            },
            nothing_more,
            &[&base, &package, &rootfs],
        )
    }

    fn server_images(&mut self, target: &Target, server: &Distribution) -> Result<Job, Failure> {
        let distribution = &target.distribution;
        let needs = [
            self.image_base(&server.id)?,
            self.image_runtime(target, &server.id)?,
            self.extension_packages(target)?,
            self.runtime_package(distribution)?,
            self.rootfs(&self.here(&distribution.release), "python")?,
            self.runtime(distribution)?,
            self.compile_for(target)?,
            self.fetch_openblas(target)?,
        ];
        let context = self.context;
        let wheels = WheelSet::runtime_name(&distribution.python, &distribution.architecture);
        let python = format!("packaging/lock/{wheels}.toml");
        self.add(
            ids::images(&target),
            format!("make the images of {target}"),
            Step::ServerImages {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch)
                    .files(&settings::FILES)?;
                let inputs = inputs.files(&[config::FILE, "extension/Cargo.lock", &python])?;
                Ok(inputs)
            },
            &needs.each_ref(),
        )
    }

    fn python_image(&mut self, target: &Target) -> Result<Job, Failure> {
        let distribution = &target.distribution;
        let needs = [
            self.runtime_package(distribution)?,
            self.runtime(distribution)?,
            self.rootfs(&distribution.id, "python")?,
            self.fetch(&distribution.id, "base")?,
            self.fetch(&distribution.id, ROLE)?,
        ];
        let context = self.context;
        let wheels = WheelSet::runtime_name(&distribution.python, &distribution.architecture);
        let python = format!("packaging/lock/{wheels}.toml");
        self.add(
            ids::python_image(&target),
            format!("make the image with a Python runtime for {target}"),
            Step::PythonImage {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                Ok(inputs.files(&[config::FILE, &python])?)
            },
            &needs.each_ref(),
        )
    }

    fn extension_image(&mut self, target: &Target) -> Result<Job, Failure> {
        let needs = [
            self.extension_packages(target)?,
            self.compile_for(target)?,
            self.fetch_openblas(target)?,
        ];
        let context = self.context;
        self.add(
            ids::extension_image(&target),
            format!("make the image with the extension's files for {target}"),
            Step::ExtensionImage {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                Ok(inputs.files(&[config::FILE, "extension/Cargo.lock"])?)
            },
            &needs.each_ref(),
        )
    }
}
