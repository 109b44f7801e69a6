//! Carries out the steps of a plan. Each step has a file that gathers its inputs and calls the module that does the work.
//! This file only chooses among them, so that a step's cache key depends on its own file and not on the others.

mod compiling;
mod compress;
mod context;
mod cpp_library;
mod emulated;
mod fetch;
mod image_base;
mod image_runtime;
mod images;
mod package;
mod python;
mod python_image;
mod repository;
mod sbom;
mod source;
mod stamp;
mod system_libraries;
mod systems;
mod toolchain;
mod verify;

use base::exit::Failure;

pub use self::context::Steps;
use crate::plan::{Step, Work};

impl Steps<'_> {
    /// Runs one job and returns a line about its result for people.
    pub fn run(&self, work: &Work<'_>) -> Result<String, Failure> {
        match &work.job.step {
            Step::FetchDebs { .. }
            | Step::FetchWheels { .. }
            | Step::FetchServer { .. }
            | Step::FetchFixture { .. }
            | Step::FetchCrates
            | Step::FetchLibrary { .. } => self.fetch(work),
            Step::UnpackServer {
                major,
                architecture,
                wheel,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.unpack_server(work, *major, architecture, wheel)
            }
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
            Step::EmulatedRootfs { distribution, role } => {
                emulated::rootfs(self, work, distribution, role)
            }
            Step::Unpack { packages, .. } => self.unpack(work, packages),
            Step::Toolchain {
                distribution,
                packages,
                library,
            } => self.toolchain(work, distribution, [packages, library]),
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
            Step::Stamp { target, compiled } => self.stamp(work, target, compiled),
            Step::Verify { .. } | Step::VerifyExtra { .. } => self.verify(work),
            Step::Runtime { .. }
            | Step::CrossRuntime { .. }
            | Step::SourceRuntime { .. }
            | Step::Fixture { .. } => self.python(work),
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
            _ => self.image(work),
        }
    }

    fn image(&self, work: &Work<'_>) -> Result<String, Failure> {
        match &work.job.step {
            Step::ImageBase { distribution } => image_base::image_base(self, work, distribution),
            Step::EmulatedImageBase { distribution } => {
                emulated::image_base(self, work, distribution)
            }
            Step::ImageRuntime { distribution } => {
                image_runtime::image_runtime(self, work, distribution)
            }
            Step::ServerImages { target } => images::server_images(self, work, target),
            Step::ExtensionImage { target } => images::extension_image(self, work, target),
            Step::PythonImage { target } => python_image::python_image(self, work, target),
            _ => Err(Failure::bug(format!("`{}` makes no image", work.job.id))),
        }
    }
}
