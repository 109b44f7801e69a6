//! Whether a shared library may be shipped: rules S3 to S10 of the design, judged from the ELF file itself.
//!
//! The facts are read once ([`elf`]), the rules judge them by a policy that is data ([`policy`]) and by what the target
//! expects ([`expectation`]), and `nm` and `readelf` must see the same symbols ([`witness`]). The library is never
//! executed, loaded or given to `ldd`. What could not be checked is reported as not checked, never as passed.
//!
//! S1, S2 and S11, which need the symbol tables of the libraries around this one, are not rules of this module yet.

pub mod abi3;
pub mod elf;
pub mod expectation;
pub mod policy;
pub mod report;
pub mod rules;
pub mod scope;
pub mod sql;
pub mod text;
pub mod version;
pub mod witness;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::digest::Digest;
use crate::exit::{Exit, ExitKind};
use abi3::Abi3;
use elf::{ElfError, Facts};
use expectation::Expectation;
use policy::{Policy, PolicyError};
use report::{Report, RuleReport, Testimony};
use rules::{Context, Rule};
use witness::WitnessError;

/// The largest library that is read. The largest of a Python runtime has some 200 MB.
const MAX_SIZE: u64 = 1 << 30;

/// Why a library could not be judged at all.
#[derive(Debug, Error, Diagnostic)]
pub enum VerifyError {
    /// It can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The library.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is too large to be a library.
    #[error("{} is larger than {} MiB", path.display(), MAX_SIZE >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is no shared library.
    #[error("can't judge {file}: {source}")]
    Elf {
        /// The file.
        file: String,
        /// Why not.
        source: ElfError,
    },
    /// The second witness is missing or sees something else.
    #[error("can't judge {file}")]
    Witness {
        /// The file.
        file: String,
        /// What it says.
        #[diagnostic_source]
        source: WitnessError,
    },
    /// Debian has such an architecture, perhaps, but the policy does not.
    #[error("the policy knows no architecture `{0}`")]
    #[diagnostic(help("describe its ELF header under [machines.{0}] in packaging/policy.toml"))]
    Architecture(String),
    /// No room for a copy that the second witness can read.
    #[error("can't write a temporary copy of {file}: {source}")]
    Temporary {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
}

impl ExitKind for VerifyError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::TooLarge { .. } | Self::Architecture(_) => Exit::Usage,
            Self::Elf { source, .. } => source.exit(),
            Self::Witness { source, .. } => source.exit(),
            Self::Temporary { .. } => Exit::CannotHere,
        }
    }
}

/// The data that the rules judge by.
#[derive(Debug)]
pub struct Rulebook {
    /// `policy.toml`
    pub policy: Policy,
    /// `abi3-symbols.txt`
    pub abi3: Abi3,
}

impl Rulebook {
    /// Reads the data from the directory `packaging/`.
    pub fn load(packaging: &Path) -> Result<Self, PolicyError> {
        Ok(Self {
            policy: Policy::load(&packaging.join("policy.toml"))?,
            abi3: Abi3::load(&packaging.join("abi3-symbols.txt"))?,
        })
    }
}

/// Judges a library. `name` is what the report calls it, since a path of this machine has no place in a release.
pub fn verify_library(
    path: &Path,
    name: &str,
    book: &Rulebook,
    expectation: &Expectation,
) -> Result<Report, VerifyError> {
    let bytes = read_limited(path)?;
    let facts = facts(&bytes, name)?;
    let testimony = witness::testify(path, &facts).map_err(|source| VerifyError::Witness {
        file: name.to_owned(),
        source,
    })?;
    judge(name, &bytes, &facts, Some(testimony), book, expectation)
}

/// Judges a library that is in memory, such as one out of a package.
pub fn verify_bytes(
    bytes: &[u8],
    name: &str,
    book: &Rulebook,
    expectation: &Expectation,
) -> Result<Report, VerifyError> {
    let facts = facts(bytes, name)?;
    let copy = tempfile::NamedTempFile::new()
        .and_then(|mut copy| copy.write_all(bytes).map(|()| copy))
        .map_err(|source| VerifyError::Temporary {
            file: name.to_owned(),
            source,
        })?;
    let testimony =
        witness::testify(copy.path(), &facts).map_err(|source| VerifyError::Witness {
            file: name.to_owned(),
            source,
        })?;
    judge(name, bytes, &facts, Some(testimony), book, expectation)
}

/// Judges a library without a second witness. The report never passes; this is for tests and fuzzing.
pub fn judge_alone(
    bytes: &[u8],
    name: &str,
    book: &Rulebook,
    expectation: &Expectation,
) -> Result<Report, VerifyError> {
    judge(name, bytes, &facts(bytes, name)?, None, book, expectation)
}

fn facts<'a>(bytes: &'a [u8], name: &str) -> Result<Facts<'a>, VerifyError> {
    Facts::read(bytes).map_err(|source| VerifyError::Elf {
        file: name.to_owned(),
        source,
    })
}

fn judge(
    name: &str,
    bytes: &[u8],
    facts: &Facts,
    testimony: Option<Testimony>,
    book: &Rulebook,
    expectation: &Expectation,
) -> Result<Report, VerifyError> {
    let architecture = &expectation.architecture;
    let machine = book
        .policy
        .machines
        .get(architecture)
        .ok_or_else(|| VerifyError::Architecture(architecture.clone()))?;
    let context = Context {
        facts,
        book,
        expectation,
        machine,
    };
    let rules = Rule::ALL
        .into_iter()
        .map(|rule| RuleReport::new(rule, rule.check(&context), &book.policy))
        .collect();
    Ok(Report::new(
        name,
        Digest::of(bytes),
        expectation,
        rules,
        testimony,
    ))
}

/// A whole file, as long as it has a library's size.
fn read_limited(path: &Path) -> Result<Vec<u8>, VerifyError> {
    let at = |source| VerifyError::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(at)?.is_file() {
        return Err(at(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(at)?;
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(at)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(VerifyError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}
