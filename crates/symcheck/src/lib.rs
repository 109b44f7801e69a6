//! Whether a shared library may be shipped: rules S1 to S11 of the design, judged from the ELF file itself and from those
//! that are around it when it is loaded.
//!
//! The facts are read once ([`elf`]), the rules judge them by a policy that is data ([`policy`]) and by what the target
//! expects ([`expectation`]), and `nm` and `readelf` must see the same symbols ([`binutils_check`]). The library is never
//! executed, loaded or given to `ldd`: its loading is replayed ([`scope`], [`surroundings`]). What could not be checked is reported as not checked, never as passed.

pub mod abi3;
pub mod binutils_check;
pub mod elf;
pub mod expectation;
pub mod input_files;
pub mod instructions;
pub mod machine_code;
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

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use abi3::Abi3;
use base::digest::Digest;
use base::exit::{Exit, ExitKind};
use binutils_check::BinutilsError;
use elf::{ElfError, Facts};
use expectation::Expectation;
use instructions::FunctionNames;
use policy::{Policy, PolicyError};
use report::{BinutilsCheck, Report, RuleReport};
use rules::{Context, Rule};
use scope::ScopeError;
use surroundings::{Environment, Replay};

/// The largest library that is read. The largest of a Python runtime has some 200 MB.
const MAX_SIZE: u64 = 1 << 30;

/// Why a library could not be judged at all.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum VerifyError {
    /// It can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It is too large to be a library.
    #[error("{} is larger than {} MiB", path.display(), MAX_SIZE >> 20)]
    TooLarge { path: PathBuf },
    /// It is no shared library.
    #[error("can't judge {file}: {source}")]
    Elf { file: String, source: ElfError },
    /// `nm` or `readelf` is missing or sees something else.
    #[error("can't judge {file}")]
    Binutils {
        file: String,
        #[diagnostic_source]
        source: BinutilsError,
    },
    /// Debian has such an architecture, perhaps, but the policy does not.
    #[error("the policy knows no architecture `{0}`")]
    #[diagnostic(help("describe its ELF header under [machines.{0}] in packaging/policy.toml"))]
    Architecture(String),
    /// Its loading can't be replayed.
    #[error("can't replay the loading of {file}: {source}")]
    Scope { file: String, source: ScopeError },
    /// There is no room for a copy that `nm` and `readelf` can read.
    #[error("can't write a temporary copy of {file}: {source}")]
    Temporary { file: String, source: io::Error },
}

impl ExitKind for VerifyError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::TooLarge { .. } | Self::Architecture(_) => Exit::Usage,
            Self::Elf { source, .. } => source.exit(),
            Self::Binutils { source, .. } => source.exit(),
            Self::Scope { source, .. } => source.exit(),
            Self::Temporary { .. } => Exit::CannotHere,
        }
    }
}

/// The data that the rules judge by.
#[derive(Debug)]
pub struct Rulebook {
    /// Of `packaging/policy.toml`, or a file of the same format.
    pub policy: Policy,
    /// Of `packaging/abi3-symbols.txt`.
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
    pub environment: &'a Environment<'a>,
    /// The names of its functions, from a file that still has them.
    pub names: Option<&'a FunctionNames>,
}

/// Judges a library. `name` is what the report calls it, since a path of this machine has no place in a release.
pub fn verify_library(path: &Path, name: &str, by: &Judgement<'_>) -> Result<Report, VerifyError> {
    let bytes = read_limited(path)?;
    let facts = facts(&bytes, name)?;
    let binutils = binutils_check::check(path, &facts).map_err(|source| VerifyError::Binutils {
        file: name.to_owned(),
        source,
    })?;
    judge(name, name, &bytes, &facts, Some(binutils), by)
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
    let binutils =
        binutils_check::check(copy.path(), &facts).map_err(|source| VerifyError::Binutils {
            file: name.to_owned(),
            source,
        })?;
    judge(name, place, bytes, &facts, Some(binutils), by)
}

/// Judges a library without asking `nm` and `readelf`. The report never passes; this is for tests and fuzzing.
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
    binutils: Option<BinutilsCheck>,
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
    let replay = match by.environment {
        Environment::Known(surroundings) => {
            let replay = Replay::new(surroundings, place, facts);
            Some(replay.map_err(|source| VerifyError::Scope {
                file: name.to_owned(),
                source,
            })?)
        }
        Environment::Unknown(_) | Environment::NotAsked(_) => None,
    };
    let context = Context {
        facts,
        book,
        expectation,
        machine,
        environment: by.environment,
        replay: replay.as_ref(),
        names: by.names,
    };
    let rules = Rule::ALL
        .into_iter()
        .map(|rule| RuleReport::new(rule, rule.check(&context), &book.policy))
        .collect();
    let mut report = Report::new(name, Digest::of(bytes), expectation, rules, binutils);
    if let (Environment::Known(surroundings), Some(replay)) = (by.environment, &replay) {
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
