//! Container images without a container engine: layers from locked packages and from our own, and what describes them.
//!
//! [`base`] makes the layer of the distribution and Postgres, [`dpkg`] those of our packages as dpkg unpacks them;
//! [`volume`] that of the extension alone, and [`python_volume`] that of a Python for it;
//! [`settings`] is how a container behaves; [`image`] puts layers and settings together with an SBOM
//! ([`crate::sbom::image`]) and [`layout`] writes the archive. [`steps`] carries out the jobs of a plan, [`engine`] hands an
//! image to docker or podman.
//!
//! Nothing here talks to a registry, and nothing needs a daemon but [`engine`].

pub mod base_layer;
pub mod config;
pub mod dpkg;
pub mod engine;
pub mod filter;
pub mod image;
pub mod layer;
pub mod layout;
pub mod python_volume;
pub mod settings;
pub mod volume;

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind};
use targets::Target;

/// Why there is no image.
#[derive(Debug, Error, Diagnostic)]
pub enum OciError {
    /// `packaging/images.toml` or a file of `docker/` is wrong.
    #[error("{file}: {what}")]
    #[diagnostic(help("docs/images.md says what is in it"))]
    Configuration {
        /// The path of the file in the source tree.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A value that a format does not allow.
    #[error("can't describe the image: {0}")]
    #[diagnostic(help(
        "a name, version or digest does not have the form that the OCI image specification asks for"
    ))]
    Format(String),
    /// The root file system has an entry that the layer format of this crate does not support.
    #[error("the root file system of the image can't become a layer: {0}")]
    #[diagnostic(help(
        "a package of the role `image` has changed; crates/build/src/oci/base_layer.rs says what it expects"
    ))]
    Base(String),
    /// dpkg did not do what was asked.
    #[error("dpkg did not install `{package}` into the image: {why}")]
    #[diagnostic(help("its Depends must be in the role `image` of packaging/targets.toml"))]
    NotInstalled {
        /// The name of the package that dpkg did not install.
        package: String,
        /// What its database says.
        why: String,
    },
    /// Neither Docker nor podman answers on this machine.
    #[error("there is no container engine here: neither `docker` nor `podman` answers")]
    #[diagnostic(help(
        "install one (`apt-get install podman`), or start Docker's; `cargo xtask doctor` says what is there"
    ))]
    NoEngine,
    /// The command can't mean this.
    #[error("{0}")]
    #[diagnostic(help(
        "name one target, such as `debian12-pg15`, and the flavour `full` or `slim`"
    ))]
    NotRunnable(&'static str),
    /// The image was not built.
    #[error("there is no image {0}")]
    #[diagnostic(help(
        "`cargo xtask dist` builds it; `cargo xtask plan` says which images a target has"
    ))]
    NotBuilt(String),
}

impl ExitKind for OciError {
    fn exit(&self) -> Exit {
        match self {
            Self::Configuration { .. } | Self::NotRunnable(_) => Exit::Usage,
            Self::Base(_) | Self::NotInstalled { .. } | Self::Format(_) => Exit::CheckFailed,
            Self::NoEngine | Self::NotBuilt(_) => Exit::CannotHere,
        }
    }
}

/// The kinds of image that a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Postgres, the extension and the Python runtime.
    Full,
    /// Postgres and the extension, without Python packages, LLVM and documentation.
    Slim,
    /// The extension's files alone, to be mounted beside a Postgres.
    Extension,
    /// A Python interpreter with the runtime's packages, to be mounted beside [`Flavour::Extension`].
    Python,
}

/// The first major of Postgres that looks for extensions below directories of a setting (`extension_control_path`), so that an
/// image can be mounted.
pub const FIRST_WITH_VOLUMES: u16 = 18;

impl Flavour {
    /// All flavours; the first is the default.
    pub const ALL: [Self; 4] = [Self::Full, Self::Slim, Self::Extension, Self::Python];
    /// Those that no engine runs.
    pub const VOLUMES: [Self; 2] = [Self::Extension, Self::Python];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Slim => "slim",
            Self::Extension => "extension",
            Self::Python => "python",
        }
    }

    /// The name of its archive: `pgml-15-debian12-slim.oci.tar`.
    pub fn file_name(self, name: &str, target: &Target) -> String {
        format!("{}.oci.tar", self.stem(name, target))
    }

    /// The name of its SBOM: `pgml-15-debian12-slim.cdx.json`.
    pub fn sbom_name(self, name: &str, target: &Target) -> String {
        format!("{}.cdx.json", self.stem(name, target))
    }

    fn stem(self, name: &str, target: &Target) -> String {
        let suffix = match self {
            Self::Full => "",
            Self::Slim => "-slim",
            Self::Extension => "-extension",
            Self::Python => "-python",
        };
        format!("{name}-{}-{}{suffix}", target.major, target.distribution.id)
    }

    /// The repository: `pgml`, or `pgml-extension` and `pgml-python`, whose images no engine runs.
    pub fn repository(self, name: &str) -> String {
        match self {
            Self::Full | Self::Slim => name.to_owned(),
            Self::Extension | Self::Python => format!("{name}-{}", self.name()),
        }
    }

    /// Its names, the one that names the distribution first: `pgml:15-debian12-slim`, `pgml:15-slim`.
    pub fn names(self, name: &str, target: &Target) -> [String; 2] {
        let repository = self.repository(name);
        self.tags(target).map(|tag| format!("{repository}:{tag}"))
    }

    /// Its tags, the one that names the distribution first: `15-debian12-slim`, `15-slim`. The same for every architecture:
    /// a registry keeps the images of all of them under one tag.
    pub fn tags(self, target: &Target) -> [String; 2] {
        let suffix = if self == Self::Slim { "-slim" } else { "" };
        [
            format!("{}-{}{suffix}", target.major, target.distribution.release),
            format!("{}{suffix}", target.major),
        ]
    }
}
