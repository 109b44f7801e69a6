//! What can go wrong between this program and a registry. No error has a credential, or an address with one.

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind};

/// Why a registry did not do what was asked.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// No answer, or none that is HTTP.
    #[error("{host} does not answer: {reason}")]
    Unreachable {
        /// The registry, or the server that grants access to it.
        host: String,
        /// What the connection said.
        reason: String,
    },
    /// It wants to know who asks, or does not let them.
    #[error("{place} refuses access{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Denied {
        /// The registry and the repository.
        place: String,
        /// Its own words.
        said: String,
        /// Whether there was no credential to show.
        anonymous: bool,
    },
    /// It answers with an error.
    #[error("{place} does not {what}: status {status}{}", if said.is_empty() { String::new() } else { format!(", {said}") })]
    Refused {
        /// The registry and the repository.
        place: String,
        /// What was asked.
        what: &'static str,
        /// The status of the answer.
        status: u16,
        /// Its own words.
        said: String,
    },
    /// Its answer is not what the protocol says.
    #[error("{host} {what}")]
    Malformed {
        /// The registry.
        host: String,
        /// What it does, as the end of a sentence.
        what: &'static str,
    },
    /// The credentials of this user can't be read.
    #[error("can't get the credentials for {host}: {reason}")]
    Credentials {
        /// The registry.
        host: String,
        /// What is wrong, without what the file or the helper said.
        reason: &'static str,
    },
    /// There are no certificates to trust.
    #[error("can't read the certificates of this machine from {file}: {reason}")]
    Certificates {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is to be uploaded can't be read.
    #[error("can't read {file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl Diagnostic for RegistryError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            Self::Unreachable { .. } => {
                "check the name and the network; a registry without TLS needs `--plain-http`, and a proxy is taken from HTTPS_PROXY"
            }
            Self::Denied {
                anonymous: true, ..
            } => {
                "log in first (`docker login`, `podman login`, `skopeo login` or `oras login`): their credentials are used"
            }
            Self::Denied { .. } => "the account that you are logged in with may not do this",
            Self::Refused { .. } | Self::Malformed { .. } => {
                "the same command goes on where it stopped: what is there already is not uploaded again"
            }
            Self::Credentials { .. } => "log in again, for example with `skopeo login`",
            Self::Certificates { .. } => "install ca-certificates, or name a file in SSL_CERT_FILE",
            Self::Unreadable { .. } => "`cargo xtask dist` makes it again",
        }))
    }
}

impl ExitKind for RegistryError {
    fn exit(&self) -> Exit {
        match self {
            Self::Malformed { .. } => Exit::CheckFailed,
            _ => Exit::CannotHere,
        }
    }
}
