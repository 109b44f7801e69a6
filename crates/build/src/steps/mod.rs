//! Carries out the steps of a plan. Each step has a file that gathers what it needs and hands it to the module that does it; this
//! one only chooses among them, so that a step's cache key depends on its own file and not on the others.

mod compiling;
mod compress;
mod context;
mod cpp_library;
mod fetch;
mod image_base;
mod image_runtime;
mod images;
mod package;
mod providers;
mod python;
mod repository;
mod sbom;
mod source;
mod stamp;
mod systems;
mod verify;

use base::exit::Failure;
use targets::lock::WheelSet;

pub use self::context::Steps;
use crate::plan::{Step, Work};

impl Steps<'_> {
    /// Runs one job; returns in words what it made.
    pub fn run(&self, work: &Work<'_>) -> Result<String, Failure> {
        match &work.job.step {
            Step::FetchDebs { distribution, role } => self.fetch_debs(work, distribution, role),
            Step::FetchWheels { python } => self.fetch_wheels(work, &format!("python{python}")),
            Step::FetchServer {
                major,
                architecture,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.fetch_wheels(work, &WheelSet::server_name(*major, architecture))
            }
            Step::FetchFixture { set } => self.fetch_wheels(work, set),
            Step::UnpackServer {
                major,
                architecture,
            } => self.unpack_server(work, *major, self.architecture(architecture.as_deref())?),
            Step::FetchCrates => self.fetch_crates(work),
            Step::FetchLibrary { library } => self.fetch_library(work, library),
            Step::CompileLibrary {
                library,
                architecture,
            } => self.compile_library(work, library, self.architecture(architecture.as_deref())?),
            Step::Rootfs { distribution, role } => self.rootfs(work, distribution, role),
            Step::Unpack { distribution, role } => self.unpack(work, distribution, role),
            Step::Providers { distribution } => self.providers(work, distribution),
            Step::Compile {
                major,
                architecture,
            } => self.compile(work, *major, self.architecture(architecture.as_deref())?),
            Step::Mislink { major } => self.mislink(work, *major),
            Step::Fixture { set, distribution } => self.fixture(work, set, distribution),
            Step::Stamp { target } => self.stamp(work, target),
            Step::Verify { target } => self.verify(work, target),
            Step::Runtime { distribution } => self.runtime(work, distribution),
            Step::CrossRuntime { distribution, by } => self.cross_runtime(work, distribution, by),
            Step::SourceRuntime {
                python,
                architecture,
            } => self.source_runtime(work, python, self.architecture(architecture.as_deref())?),
            Step::Compress { .. } => self.compress(work),
            Step::CompressRuntime { .. } => self.compress_runtime(work),
            Step::ExtensionPackages { target } => self.extension_packages(work, target),
            Step::RuntimePackage { distribution } => self.runtime_package(work, distribution),
            Step::Source => self.source(work),
            Step::Sbom { of } => self.sbom(work, of),
            Step::AptRepository => self.repository(work),
            Step::ImageBase { distribution } => image_base::image_base(self, work, distribution),
            Step::ImageRuntime { distribution } => {
                image_runtime::image_runtime(self, work, distribution)
            }
            Step::ServerImages { target } => {
                images::server_images(self, work, &self.target(target)?)
            }
            Step::ExtensionImage { target } => {
                images::extension_image(self, work, &self.target(target)?)
            }
        }
    }
}
