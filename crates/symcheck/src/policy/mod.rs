//! `packaging/policy.toml`: what the rules judge by, as data.
//!
//! Loading validates everything, so that no rule ever meets a policy it can't use: an unknown field, a pattern that is no
//! pattern, a version that is no version or a gap for a rule that does not exist is an error that points into the file.

mod error;
mod file;
mod instructions;
mod server;
#[cfg(test)]
mod tests;

pub use self::error::PolicyError;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use toml::Spanned;

use super::elf::Endian;
use super::rules::Rule;
use super::version::Version;
use file::File;
pub use file::{Exports, Loading, OpenBlas};
pub use instructions::Instructions;
pub use server::{First, ServerFloor, ServerFunctions};

/// The version of the file's format.
const FORMAT: u32 = 1;

/// A kind of library that must not be needed.
#[derive(Debug)]
pub struct Forbidden {
    matcher: GlobMatcher,
    /// Why a library comes to need it.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// A version name that does not end in a number.
#[derive(Debug)]
pub struct Marker {
    /// The namespace whose versions it stands for.
    pub namespace: String,
    /// The first version that has it.
    pub since: Version,
}

/// What CPython's names look like, and how old a Python must do.
#[derive(Debug)]
pub struct Python {
    /// How its names start.
    pub prefixes: Vec<String>,
    /// The oldest Python.
    pub limited_api: (u8, u8),
    /// The newest Python.
    pub newest: (u8, u8),
}

/// The ELF header of an architecture.
#[derive(Debug)]
pub struct Machine {
    /// 32 or 64.
    pub class: u8,
    /// Byte order.
    pub endian: Endian,
    /// `e_machine`.
    pub machine: u16,
}

/// A part of a rule that may stay unchecked.
#[derive(Debug)]
pub struct Gap {
    /// The rule.
    pub rule: Rule,
    /// The part.
    pub part: String,
    /// Why it may.
    pub reason: String,
}

/// Symbols of which several definitions are the same.
#[derive(Debug)]
struct Shared {
    symbols: GlobSet,
    providers: GlobSet,
}

/// The policy, validated.
#[derive(Debug)]
pub struct Policy {
    /// Libraries that may be needed.
    pub allowed_libraries: Vec<String>,
    forbidden_libraries: Vec<Forbidden>,
    blas: GlobSet,
    blas_prefixes: Vec<String>,
    blas_suffixes: Vec<(String, String)>,
    /// What Postgres looks up in a library.
    pub exports: Exports,
    /// Version names that don't end in a number.
    pub markers: BTreeMap<String, Marker>,
    /// Since when servers have their functions.
    pub server: ServerFunctions,
    /// The OpenBLAS that has to be inside.
    pub openblas: OpenBlas,
    /// CPython's names.
    pub python: Python,
    /// Symbols of which several definitions are the same.
    shared: Vec<Shared>,
    /// Symbols that libc has for the whole process.
    reserved: GlobSet,
    /// What the dynamic linker takes.
    pub loading: Loading,
    /// Libraries of the server that may take what wheels define.
    takers: GlobSet,
    /// Weak definitions that are the same wherever they are.
    same: GlobSet,
    /// For each architecture that is decoded what instructions its baseline has.
    pub instructions: BTreeMap<String, Instructions>,
    /// Debian's architectures.
    pub machines: BTreeMap<String, Machine>,
    /// Parts of rules that may stay unchecked.
    pub accepted_gaps: Vec<Gap>,
}

impl Policy {
    /// Reads and validates a policy file.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let text = fs::read_to_string(path).map_err(|source| PolicyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        Self::parse(&name, &text)
    }

    /// Validates the text of a policy; `name` is the file's name in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, PolicyError> {
        let wrong = |at: Range<usize>, what: String| PolicyError::wrong(name, text, at, what);
        let file: File = toml::from_str(text)
            .map_err(|e| wrong(e.span().unwrap_or(0..0), e.message().to_owned()))?;
        if *file.version.get_ref() != FORMAT {
            let what = format!("this tool reads format {FORMAT} of the policy");
            return Err(wrong(file.version.span(), what));
        }

        let mut forbidden_libraries = Vec::new();
        for entry in file.libraries.forbidden {
            let glob =
                glob(&entry.pattern).map_err(|e| wrong(entry.pattern.span(), e.to_string()))?;
            if let Some(both) = file
                .libraries
                .allowed
                .iter()
                .find(|name| glob.compile_matcher().is_match(name))
            {
                let what = format!("the pattern forbids `{both}`, which is allowed");
                return Err(wrong(entry.pattern.span(), what));
            }
            forbidden_libraries.push(Forbidden {
                matcher: glob.compile_matcher(),
                cause: entry.cause,
                remedy: entry.remedy,
            });
        }

        let mut blas = GlobSetBuilder::new();
        for pattern in &file.blas.names {
            blas.add(glob(pattern).map_err(|e| wrong(pattern.span(), e.to_string()))?);
        }
        let whole = 0..text.len().min(1);
        let blas = blas.build().map_err(|e| wrong(whole, e.to_string()))?;

        let mut markers = BTreeMap::new();
        for marker in file.versions.markers {
            let since = Version::parse(marker.since.get_ref())
                .ok_or_else(|| wrong(marker.since.span(), "this is not a version".to_owned()))?;
            let namespace = marker.namespace;
            markers.insert(marker.name, Marker { namespace, since });
        }

        let server = ServerFunctions::new(file.server).map_err(|(at, what)| wrong(at, what))?;

        let python_version = |text: &Spanned<String>| {
            let parts = text.get_ref().split_once('.');
            parts
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
                .ok_or_else(|| wrong(text.span(), "write it like `3.8`".to_owned()))
        };
        let python = Python {
            limited_api: python_version(&file.python.limited_api)?,
            newest: python_version(&file.python.newest)?,
            prefixes: file.python.prefixes,
        };
        if python.newest < python.limited_api {
            let what = "the newest Python is older than the limited API's".to_owned();
            return Err(wrong(file.python.newest.span(), what));
        }

        let mut machines = BTreeMap::new();
        for (architecture, machine) in file.machines {
            if !matches!(machine.class.get_ref(), 32 | 64) {
                return Err(wrong(
                    machine.class.span(),
                    "the class is 32 or 64".to_owned(),
                ));
            }
            let number = machine_number(machine.machine.get_ref()).ok_or_else(|| {
                let known: Vec<&str> = MACHINES.iter().map(|(name, _)| *name).collect();
                wrong(
                    machine.machine.span(),
                    format!("known machines are {}", known.join(", ")),
                )
            })?;
            machines.insert(
                architecture,
                Machine {
                    class: machine.class.into_inner(),
                    endian: machine.endian,
                    machine: number,
                },
            );
        }

        let patterns = |patterns: &[Spanned<String>]| -> Result<GlobSet, PolicyError> {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(glob(pattern).map_err(|e| wrong(pattern.span(), e.to_string()))?);
            }
            set.build().map_err(|e| wrong(0..0, e.to_string()))
        };
        let reasoned = |reason: &Spanned<String>| match reason.get_ref().trim().is_empty() {
            true => Err(wrong(reason.span(), "give the reason".to_owned())),
            false => Ok(()),
        };
        let mut shared = Vec::new();
        for entry in file.resolution.shared {
            reasoned(&entry.reason)?;
            shared.push(Shared {
                symbols: patterns(&entry.symbols)?,
                providers: patterns(&entry.providers)?,
            });
        }
        let mut reserved = Vec::new();
        for entry in file.resolution.reserved {
            reasoned(&entry.reason)?;
            reserved.extend(entry.symbols);
        }
        let reserved = patterns(&reserved)?;
        let mut takers = Vec::new();
        for entry in file.interposition.accepted {
            reasoned(&entry.reason)?;
            takers.push(entry.provider);
        }
        let takers = patterns(&takers)?;
        let mut same = Vec::new();
        for entry in file.interposition.same {
            reasoned(&entry.reason)?;
            same.extend(entry.symbols);
        }
        let same = patterns(&same)?;
        let mut instructions = BTreeMap::new();
        for (architecture, entry) in file.instructions {
            for reason in entry
                .tolerated
                .iter()
                .map(|entry| &entry.reason)
                .chain(entry.dispatched.iter().map(|entry| &entry.reason))
            {
                reasoned(reason)?;
            }
            let entry = Instructions::new(entry, &patterns)
                .map_err(|e| e.unwrap_or_else(|(at, what)| wrong(at, what)))?;
            instructions.insert(architecture, entry);
        }

        // An architecture without cores would pass S7 with any OpenBLAS.
        for architecture in machines.keys() {
            if file
                .openblas
                .cores
                .get(architecture)
                .is_none_or(BTreeMap::is_empty)
            {
                let what = format!("[openblas.cores] has no cores of {architecture}");
                return Err(wrong(0..text.len().min(1), what));
            }
        }
        let mut accepted_gaps = Vec::new();
        for gap in file.accepted_gaps {
            let rule = gap
                .rule
                .get_ref()
                .parse()
                .map_err(|e: String| wrong(gap.rule.span(), e))?;
            accepted_gaps.push(Gap {
                rule,
                part: gap.part,
                reason: gap.reason,
            });
        }

        Ok(Self {
            allowed_libraries: file.libraries.allowed,
            forbidden_libraries,
            blas,
            blas_prefixes: file.blas.prefixes,
            blas_suffixes: file.blas.suffixes,
            exports: file.exports,
            markers,
            server,
            openblas: file.openblas,
            python,
            shared,
            reserved,
            loading: file.loading,
            takers,
            same,
            instructions,
            machines,
            accepted_gaps,
        })
    }

    /// The cores of an architecture whose kernels have to be inside: spelling in symbols, spelling in the table of names.
    pub fn cores(&self, architecture: &str) -> impl Iterator<Item = (&str, &str)> {
        let cores = self.openblas.cores.get(architecture).into_iter().flatten();
        cores.map(|(symbols, table)| (symbols.as_str(), table.as_str()))
    }

    /// The reason why a library must not be needed, if it must not.
    pub fn forbidden(&self, library: &str) -> Option<&Forbidden> {
        self.forbidden_libraries
            .iter()
            .find(|forbidden| forbidden.matcher.is_match(library))
    }

    /// Whether a symbol is BLAS's, LAPACK's, CBLAS's, LAPACKE's or OpenBLAS's.
    pub fn is_blas(&self, symbol: &str) -> bool {
        let bare = self
            .blas_prefixes
            .iter()
            .find_map(|prefix| symbol.strip_prefix(prefix.as_str()));
        [Some(symbol), bare].into_iter().flatten().any(|name| {
            self.blas.is_match(name)
                || self.blas_suffixes.iter().any(|(suffix, plain)| {
                    name.strip_suffix(suffix.as_str())
                        .is_some_and(|stem| self.blas.is_match(format!("{stem}{plain}")))
                })
        })
    }

    /// Whether several definitions of a symbol, by these libraries, are the same one.
    pub fn is_shared(&self, symbol: &str, providers: &[&str]) -> bool {
        self.shared.iter().any(|shared| {
            let among = |provider: &&str| shared.providers.is_match(provider);
            shared.symbols.is_match(symbol) && providers.iter().all(among)
        })
    }

    /// Whether libc has a symbol for the whole process.
    pub fn is_reserved(&self, symbol: &str) -> bool {
        self.reserved.is_match(symbol)
    }

    /// Whether a library of the server may take what a wheel that asks for it defines.
    pub fn may_take(&self, library: &str) -> bool {
        self.takers.is_match(library)
    }

    /// Whether weak definitions of a symbol are the same wherever they are.
    pub fn is_same_everywhere(&self, symbol: &str) -> bool {
        self.same.is_match(symbol)
    }

    /// Whether a symbol is CPython's.
    pub fn is_python(&self, symbol: &str) -> bool {
        let starts = |prefix: &String| symbol.starts_with(prefix.as_str());
        self.python.prefixes.iter().any(starts)
    }
}

fn glob(pattern: &Spanned<String>) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(pattern.get_ref())
        .empty_alternates(true)
        .build()
}

const MACHINES: [(&str, u16); 2] = [
    ("x86-64", object::elf::EM_X86_64.0),
    ("aarch64", object::elf::EM_AARCH64.0),
];

fn machine_number(name: &str) -> Option<u16> {
    MACHINES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// The name of an `e_machine`, or its number.
pub fn machine_name(machine: u16) -> String {
    MACHINES
        .iter()
        .find(|(_, number)| *number == machine)
        .map_or_else(
            || format!("machine {machine}"),
            |(name, _)| (*name).to_owned(),
        )
}
