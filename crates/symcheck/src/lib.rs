//! Whether a shared library may be shipped: rules S1 to S11 of the design, judged from the ELF file itself and from those
//! that are around it when it is loaded.
//!
//! The facts are read once ([`elf`]), the rules judge them by a policy that is data ([`policy`]) and by what the target
//! expects ([`expectation`]), and `nm` and `readelf` must see the same symbols ([`witness`]). The library is never
//! executed, loaded or given to `ldd`: its loading is replayed ([`scope`], [`surroundings`]). What could not be checked is reported as not checked, never as passed.

pub mod abi3;
pub mod elf;
pub mod expectation;
pub mod input_files;
pub mod instructions;
pub mod needs;
pub mod policy;
pub mod report;
pub mod rule;
pub mod rules;
pub mod scope;
pub mod server_release;
pub mod sql;
pub mod stamp;
pub mod surroundings;
pub mod system;
pub mod text;
pub mod version;
pub mod witness;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use abi3::Abi3;
use base::digest::Digest;
use base::exit::{Exit, ExitKind};
use elf::{ElfError, Facts};
use expectation::Expectation;
use instructions::FunctionNames;
use policy::{Policy, PolicyError};
use report::{Report, RuleReport, Testimony};
use rules::{Context, Rule};
use scope::ScopeError;
use surroundings::{Around, Replay};
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
    /// Its loading can't be replayed.
    #[error("can't replay the loading of {file}: {source}")]
    Scope {
        /// The file.
        file: String,
        /// Why not.
        source: ScopeError,
    },
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
            Self::Scope { source, .. } => source.exit(),
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

/// What a library is judged with, beside its own file.
#[derive(Clone, Copy)]
pub struct Judgement<'a> {
    /// The data that the rules judge by.
    pub book: &'a Rulebook,
    /// What it is expected to be.
    pub expectation: &'a Expectation,
    /// What is around it when it is loaded.
    pub around: &'a Around<'a>,
    /// The names of its functions, from a file that still has them.
    pub names: Option<&'a FunctionNames>,
}

/// Judges a library. `name` is what the report calls it, since a path of this machine has no place in a release.
pub fn verify_library(path: &Path, name: &str, by: &Judgement<'_>) -> Result<Report, VerifyError> {
    let bytes = read_limited(path)?;
    let facts = facts(&bytes, name)?;
    let testimony = witness::testify(path, &facts).map_err(|source| VerifyError::Witness {
        file: name.to_owned(),
        source,
    })?;
    judge(name, name, &bytes, &facts, Some(testimony), by)
}

/// Judges a library that is in memory, such as one out of a package; `place` is its path in the process that loads it.
pub fn verify_bytes(
    bytes: &[u8],
    name: &str,
    place: &str,
    by: &Judgement<'_>,
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
    judge(name, place, bytes, &facts, Some(testimony), by)
}

/// Judges a library without a second witness. The report never passes; this is for tests and fuzzing.
pub fn judge_alone(bytes: &[u8], name: &str, by: &Judgement<'_>) -> Result<Report, VerifyError> {
    judge(name, name, bytes, &facts(bytes, name)?, None, by)
}

fn facts<'a>(bytes: &'a [u8], name: &str) -> Result<Facts<'a>, VerifyError> {
    Facts::read(bytes).map_err(|source| VerifyError::Elf {
        file: name.to_owned(),
        source,
    })
}

fn judge(
    name: &str,
    place: &str,
    bytes: &[u8],
    facts: &Facts,
    testimony: Option<Testimony>,
    by: &Judgement<'_>,
) -> Result<Report, VerifyError> {
    let Judgement {
        book, expectation, ..
    } = *by;
    let architecture = &expectation.architecture;
    let machine = book
        .policy
        .machines
        .get(architecture)
        .ok_or_else(|| VerifyError::Architecture(architecture.clone()))?;
    let replay = match by.around {
        Around::Known(surroundings) => {
            let replay = Replay::new(surroundings, place, facts);
            Some(replay.map_err(|source| VerifyError::Scope {
                file: name.to_owned(),
                source,
            })?)
        }
        Around::Unknown(_) | Around::NotAsked(_) => None,
    };
    let context = Context {
        facts,
        book,
        expectation,
        machine,
        around: by.around,
        replay: replay.as_ref(),
        names: by.names,
    };
    let rules = Rule::ALL
        .into_iter()
        .map(|rule| RuleReport::new(rule, rule.check(&context), &book.policy))
        .collect();
    let mut report = Report::new(name, Digest::of(bytes), expectation, rules, testimony);
    if let (Around::Known(surroundings), Some(replay)) = (by.around, &replay) {
        report.surroundings.clone_from(&surroundings.evidence);
        report.resolution = rules::resolution(replay);
        report.server = rules::server_need(&context);
    }
    Ok(report)
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
