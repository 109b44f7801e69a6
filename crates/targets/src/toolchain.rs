//! The Rust toolchains that can compile the extension.

use serde::Deserialize;

/// A Rust toolchain. They are tried in the order of the file, for each architecture.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Toolchain {
    /// What jobs and the manifest call it.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where it comes from.
    pub source: ToolchainSource,
}

/// Where a toolchain comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolchainSource {
    /// It is the one that `rust-toolchain.toml` pins, as rustup keeps it on this machine.
    Pinned,
    /// It is made of a distribution's locked packages.
    Packages {
        /// The distribution, by its id without the architecture.
        distribution: String,
        /// The role with the compiler, cargo and all that they load, of the machine that compiles. Its first seed is the compiler's
        /// package.
        role: String,
        /// The role with the standard library of the architecture that is compiled for.
        library: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    title: String,
    distribution: Option<String>,
    role: Option<String>,
    library: Option<String>,
}

impl TryFrom<Raw> for Toolchain {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let source = match (raw.distribution, raw.role, raw.library) {
            (None, None, None) => ToolchainSource::Pinned,
            (Some(distribution), Some(role), Some(library)) => ToolchainSource::Packages {
                distribution,
                role,
                library,
            },
            _ => {
                return Err(
                    "a toolchain is either rustup's (`name`, `title`) or a distribution's (also `distribution`, `role`, `library`)",
                );
            }
        };
        Ok(Self {
            name: raw.name,
            title: raw.title,
            source,
        })
    }
}
