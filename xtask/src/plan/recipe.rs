//! Which files of this program decide what a step makes.

use super::job::Step;

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
        Step::Rootfs { .. } | Step::Unpack { .. } => &["xtask/src/rootfs.rs"],
        Step::CompileLibrary { .. } => &["xtask/src/boosting.rs", "xtask/src/sandbox.rs"],
        Step::Compile { .. } => &[
            "xtask/src/compile.rs",
            "xtask/src/compile/declared_rust.rs",
            "xtask/src/sandbox.rs",
            "xtask/src/sbom/audit.rs",
            "xtask/src/sbom/crates.rs",
            "xtask/src/sbom/native.rs",
            "xtask/src/server_release.rs",
            "packaging/abi3-symbols.txt",
            "packaging/native.toml",
        ],
        Step::UnpackServer { .. } => &["xtask/src/wheel_server.rs"],
        Step::Providers { .. } => &["xtask/src/providers.rs", "xtask/src/deb/reader.rs"],
        Step::Compress { .. } => &["xtask/src/deb/blocks.rs"],
        Step::CompressRuntime { .. } => &["xtask/src/deb/blocks.rs", "xtask/src/deb/build.rs"],
        Step::Mislink { .. } => &["xtask/src/mislink.rs"],
        Step::Stamp { .. } => &["xtask/src/stamp.rs"],
        Step::Verify { .. } => &[
            "xtask/src/providers.rs",
            "xtask/src/server_release.rs",
            "xtask/src/verification.rs",
            "packaging/policy.toml",
            "packaging/abi3-symbols.txt",
        ],
        Step::Runtime { .. } | Step::Fixture { .. } => {
            &["xtask/src/runtime.rs", "xtask/src/sandbox.rs"]
        }
        Step::CrossRuntime { .. } | Step::SourceRuntime { .. } => &[
            "xtask/src/runtime.rs",
            "xtask/src/runtime/source.rs",
            "xtask/src/sandbox.rs",
        ],
        Step::ExtensionPackages { .. } => &[
            "xtask/src/deb/build.rs",
            "xtask/src/deb/blocks.rs",
            "xtask/src/deb/copyright.rs",
            "xtask/src/deb/copyright/expression.rs",
            "xtask/src/deb/depends.rs",
            "xtask/src/deb/documents.rs",
            "xtask/src/deb/manual.rs",
            "xtask/src/deb/packages.rs",
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
            "xtask/src/deb/build.rs",
            "xtask/src/deb/blocks.rs",
            "xtask/src/deb/copyright.rs",
            "xtask/src/deb/copyright/expression.rs",
            "xtask/src/deb/documents.rs",
            "xtask/src/deb/packages.rs",
            "packaging/deb/runtime.control.j2",
            "packaging/deb/runtime.postinst.j2",
            "packaging/deb/runtime.prerm.j2",
            "packaging/deb/changelog.j2",
            "packaging/deb/copyright.j2",
            "packaging/deb/lintian-overrides-runtime",
            "CHANGELOG.md",
        ],
        Step::Sbom { .. } => &[
            "xtask/src/sbom/audit.rs",
            "xtask/src/sbom/crates.rs",
            "xtask/src/sbom/mod.rs",
            "xtask/src/sbom/native.rs",
            "xtask/src/sbom/package.rs",
            "xtask/src/sbom/part.rs",
            "xtask/src/sbom/wheels.rs",
            "packaging/native.toml",
        ],
        Step::AptRepository => &[
            "xtask/src/apt/kept.rs",
            "xtask/src/apt/repository.rs",
            "xtask/src/apt/signing.rs",
        ],
        Step::ImageBase { .. } => &[
            "xtask/src/oci/base.rs",
            "xtask/src/oci/filter.rs",
            "xtask/src/oci/layer.rs",
            "xtask/src/rootfs.rs",
            "docker/slim.dpkg.cfg",
        ],
        Step::ImageRuntime { .. } => &["xtask/src/oci/dpkg.rs", "xtask/src/oci/layer.rs"],
        Step::ServerImages { .. } => &[
            "xtask/src/oci/dpkg.rs",
            "xtask/src/oci/filter.rs",
            "xtask/src/oci/mod.rs",
            "xtask/src/oci/settings.rs",
            "xtask/src/oci/steps.rs",
        ],
        Step::ExtensionImage { .. } => &[
            "xtask/src/oci/mod.rs",
            "xtask/src/oci/steps.rs",
            "xtask/src/oci/volume.rs",
        ],
    }
}
