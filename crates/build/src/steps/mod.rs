//! Carries out the steps of a plan. Each step has a file that gathers its inputs and calls the module that does the work.
//! This file only chooses among them, so that a step's cache key depends on its own file and not on the others.

mod compiling;
mod compress;
mod context;
mod cpp_library;
mod fetch;
mod image_base;
mod image_runtime;
mod images;
mod package;
mod python;
mod repository;
mod sbom;
mod source;
mod stamp;
mod system_libraries;
mod systems;
mod verify;

use base::exit::Failure;
use targets::lock::WheelSet;

pub use self::context::Steps;
use crate::plan::{Step, Work};

impl Steps<'_> {
    /// Runs one job and returns a line about its result for people.
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
                wheel,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.unpack_server(work, *major, architecture, wheel)
            }
            Step::FetchCrates => self.fetch_crates(work),
            Step::FetchLibrary { library } => self.fetch_library(work, library),
            Step::CompileLibrary {
                library,
                architecture,
                builder,
                sources,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.compile_library(work, library, architecture, (builder, sources))
            }
            Step::Rootfs { distribution, role } => self.rootfs(work, distribution, role),
            Step::Unpack { packages, .. } => self.unpack(work, packages),
            Step::SystemLibraries { distribution } => self.system_libraries(work, distribution),
            Step::Compile {
                major,
                architecture,
                reads,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.compile(work, *major, architecture, reads)
            }
            Step::BlasClash { .. } => self.blas_clash(work),
            Step::Fixture {
                set,
                rootfs,
                wheels,
                ..
            } => self.fixture(work, set, rootfs, wheels),
            Step::Stamp { target, compiled } => self.stamp(work, target, compiled),
            Step::Verify {
                target,
                compiled,
                stamped,
                runtime,
            } => self.verify(work, target, (compiled, stamped, runtime)),
            Step::Runtime {
                distribution,
                rootfs,
                wheels,
            } => self.runtime(work, distribution, rootfs, wheels),
            Step::CrossRuntime {
                distribution,
                rootfs,
                wheels,
                ..
            } => self.cross_runtime(work, distribution, rootfs, wheels),
            Step::SourceRuntime {
                python,
                architecture,
                rootfs,
                wheels,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.source_runtime(work, python, architecture, (rootfs, wheels))
            }
            Step::Compress { compiled, .. } => self.compress(work, compiled),
            Step::CompressRuntime {
                runtime, builder, ..
            } => self.compress_runtime(work, runtime, builder),
            Step::ExtensionPackages { target, reads } => {
                self.extension_packages(work, target, reads)
            }
            Step::RuntimePackage { .. } => self.runtime_package(work),
            Step::Source => self.source(work),
            Step::Sbom { of, package, parts } => self.sbom(work, of, package, parts),
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
