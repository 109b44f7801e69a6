//! Which files of this program decide what a step makes.

use crate::plan::Step;

/// Files of this program whose change can change a step's result. Only what decides bytes is listed: a better progress
/// message must not compile everything again.
pub(super) fn recipe(step: &Step) -> &'static [&'static str] {
    match step {
        Step::FetchDebs { .. }
        | Step::FetchWheels { .. }
        | Step::FetchServer { .. }
        | Step::FetchFixture { .. }
        | Step::FetchCrates
        | Step::FetchLibrary { .. }
        | Step::Source => &[],
        Step::Rootfs { .. } | Step::Unpack { .. } => &["crates/debian/src/rootfs.rs"],
        Step::CompileLibrary { .. } => &[
            "crates/build/src/compile/cpp_library.rs",
            "crates/base/src/sandbox.rs",
        ],
        Step::Compile { .. } => &[
            "crates/build/src/compile/extension.rs",
            "crates/build/src/compile/extension/declared_rust.rs",
            "crates/base/src/sandbox.rs",
            "crates/build/src/sbom/audit.rs",
            "crates/build/src/sbom/crates.rs",
            "crates/build/src/sbom/native.rs",
            "crates/symcheck/src/server_release.rs",
            "packaging/abi3-symbols.txt",
            "packaging/native.toml",
        ],
        Step::UnpackServer { .. } => &["crates/build/src/server_wheel.rs"],
        Step::Providers { .. } => &[
            "crates/build/src/verify/system_libraries.rs",
            "crates/debian/src/deb/reader.rs",
            "crates/debian/src/deb/reader/ar.rs",
            "crates/debian/src/deb/reader/control.rs",
            "crates/debian/src/deb/reader/decoder.rs",
            "crates/debian/src/deb/reader/tar.rs",
        ],
        Step::Compress { .. } => &["crates/debian/src/deb/blocks.rs"],
        Step::CompressRuntime { .. } => &[
            "crates/debian/src/deb/blocks.rs",
            "crates/debian/src/deb/build.rs",
        ],
        Step::Mislink { .. } => &["crates/build/src/compile/blas_clash.rs"],
        Step::Stamp { .. } => &["crates/symcheck/src/stamp.rs"],
        Step::Verify { .. } => &[
            "crates/build/src/verify/system_libraries.rs",
            "crates/symcheck/src/server_release.rs",
            "crates/build/src/verify/step.rs",
            "packaging/policy.toml",
            "packaging/abi3-symbols.txt",
        ],
        Step::Runtime { .. } | Step::Fixture { .. } => {
            &["crates/build/src/runtime.rs", "crates/base/src/sandbox.rs"]
        }
        Step::CrossRuntime { .. } | Step::SourceRuntime { .. } => &[
            "crates/build/src/runtime.rs",
            "crates/build/src/runtime/source.rs",
            "crates/base/src/sandbox.rs",
        ],
        Step::ExtensionPackages { .. } => &[
            "crates/debian/src/deb/build.rs",
            "crates/debian/src/deb/blocks.rs",
            "crates/build/src/package/copyright.rs",
            "crates/build/src/package/copyright/expression.rs",
            "crates/build/src/package/depends.rs",
            "crates/build/src/package/documents.rs",
            "crates/build/src/package/manual.rs",
            "crates/build/src/package/packages.rs",
            "packaging/deb/manual.j2",
            "packaging/deb/extension.control.j2",
            "packaging/deb/dbgsym.control.j2",
            "packaging/deb/changelog.j2",
            "packaging/deb/copyright.j2",
            "packaging/deb/lintian-overrides-extension",
            "extension/pgml.control",
            "extension/src/settings.rs",
            "CHANGELOG.md",
        ],
        Step::RuntimePackage { .. } => &[
            "crates/debian/src/deb/build.rs",
            "crates/debian/src/deb/blocks.rs",
            "crates/build/src/package/copyright.rs",
            "crates/build/src/package/copyright/expression.rs",
            "crates/build/src/package/documents.rs",
            "crates/build/src/package/packages.rs",
            "packaging/deb/runtime.control.j2",
            "packaging/deb/runtime.postinst.j2",
            "packaging/deb/runtime.prerm.j2",
            "packaging/deb/changelog.j2",
            "packaging/deb/copyright.j2",
            "packaging/deb/lintian-overrides-runtime",
            "CHANGELOG.md",
        ],
        Step::Sbom { .. } => &[
            "crates/build/src/sbom/audit.rs",
            "crates/build/src/sbom/crates.rs",
            "crates/build/src/sbom/mod.rs",
            "crates/build/src/sbom/native.rs",
            "crates/build/src/sbom/package.rs",
            "crates/build/src/sbom/part.rs",
            "crates/build/src/sbom/wheels.rs",
            "packaging/native.toml",
        ],
        Step::AptRepository => &[
            "crates/debian/src/apt/kept.rs",
            "crates/debian/src/apt/place.rs",
            "crates/debian/src/apt/reading.rs",
            "crates/debian/src/apt/repository.rs",
            "crates/debian/src/apt/signing.rs",
            "crates/debian/src/apt/signing/key.rs",
        ],
        Step::ImageBase { .. } => &[
            "crates/build/src/oci/base_layer.rs",
            "crates/build/src/oci/filter.rs",
            "crates/build/src/oci/layer.rs",
            "crates/debian/src/rootfs.rs",
            "docker/slim.dpkg.cfg",
        ],
        Step::ImageRuntime { .. } => &[
            "crates/build/src/oci/dpkg.rs",
            "crates/build/src/oci/layer.rs",
        ],
        Step::ServerImages { .. } => &[
            "crates/build/src/oci/dpkg.rs",
            "crates/build/src/oci/filter.rs",
            "crates/build/src/oci/mod.rs",
            "crates/build/src/oci/settings.rs",
            "crates/build/src/oci/steps.rs",
        ],
        Step::ExtensionImage { .. } => &[
            "crates/build/src/oci/mod.rs",
            "crates/build/src/oci/steps.rs",
            "crates/build/src/oci/volume.rs",
        ],
    }
}
