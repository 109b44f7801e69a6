//! The names of jobs: the kind of work and what it is for. No other module makes them: a step that reads the output of
//! another job has a [`jobs::job::JobRef`].

use std::fmt::Display;

use targets::Architecture;

/// Fetches the crates of the extension.
pub const CRATES: &str = "fetch:crates";
/// Makes the apt repository.
pub const REPOSITORY: &str = "repository";
/// Writes the list of the source tree.
pub const SOURCE: &str = "source";

/// Fetches the packages of a role.
pub fn fetch(distribution: &(impl Display + ?Sized), role: &(impl Display + ?Sized)) -> String {
    format!("fetch:{distribution}:{role}")
}

/// Fetches the wheels of a lock, or the sources of a library.
pub fn fetch_set(name: &(impl Display + ?Sized)) -> String {
    format!("fetch:{name}")
}

/// Makes the root file system of a role.
pub fn rootfs(distribution: &(impl Display + ?Sized), role: &(impl Display + ?Sized)) -> String {
    format!("rootfs:{distribution}:{role}")
}

/// Unpacks the packages of a role.
pub fn unpack(distribution: &(impl Display + ?Sized), role: &(impl Display + ?Sized)) -> String {
    format!("unpack:{distribution}:{role}")
}

/// Unpacks a Rust toolchain that compiles for an architecture.
pub fn toolchain(name: &str, architecture: &Architecture) -> String {
    architecture.qualify(&format!("toolchain:{name}"))
}

/// Compiles the extension for a major.
pub fn compile(major: u16, architecture: &Architecture) -> String {
    architecture.qualify(&format!("compile:pg{major}"))
}

/// Compresses what the packages of a major share.
pub fn compress(major: u16, architecture: &Architecture) -> String {
    architecture.qualify(&format!("compress:pg{major}"))
}

/// Compresses a Python runtime.
pub fn compress_runtime(of: &(impl Display + ?Sized)) -> String {
    format!("compress:{of}")
}

/// Links the extension in each wrong way, for the test of the BLAS clash.
pub fn blas_clash(major: u16) -> String {
    format!("blas-clash:pg{major}")
}

/// Installs the wheels of a test.
pub fn fixture(set: &(impl Display + ?Sized)) -> String {
    format!("fixture:{set}")
}

/// Stamps a target's library.
pub fn stamp(target: &(impl Display + ?Sized)) -> String {
    format!("stamp:{target}")
}

/// Checks a target's library against the rules.
pub fn verify(target: &(impl Display + ?Sized)) -> String {
    format!("verify:{target}")
}

/// Unpacks the libraries of a server from a distribution's packages.
pub fn providers(distribution: &(impl Display + ?Sized)) -> String {
    format!("providers:{distribution}")
}

/// Makes a Python runtime: of a distribution, or of a Python (`python3.8`).
pub fn runtime(of: &(impl Display + ?Sized)) -> String {
    format!("runtime:{of}")
}

/// Builds the packages of a target, or a distribution's `pgml-python`.
pub fn package(of: &(impl Display + ?Sized)) -> String {
    format!("package:{of}")
}

/// What an extra package of a distribution is called in the names of jobs: `debian12-catboost`.
pub fn extra(of: &(impl Display + ?Sized), name: &str) -> String {
    format!("{of}-{name}")
}

/// Writes the SBOM of a package.
pub fn sbom(of: &(impl Display + ?Sized)) -> String {
    format!("sbom:{of}")
}

/// Makes the lowest layer of a distribution's images.
pub fn image_base(distribution: &(impl Display + ?Sized)) -> String {
    format!("image-base:{distribution}")
}

/// Makes the layer with the Python runtime.
pub fn image_runtime(distribution: &(impl Display + ?Sized)) -> String {
    format!("image-runtime:{distribution}")
}

/// Makes the images of a target that have a server.
pub fn images(target: &(impl Display + ?Sized)) -> String {
    format!("images:{target}")
}

/// Makes the image of a target with a Python runtime to be mounted.
pub fn python_image(target: &(impl Display + ?Sized)) -> String {
    format!("python-image:{target}")
}

/// Makes the image of a target with the extension's files alone.
pub fn extension_image(target: &(impl Display + ?Sized)) -> String {
    format!("extension-image:{target}")
}
