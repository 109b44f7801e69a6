//! `packaging/policy.toml`: what the rules judge by, as data.
//!
//! Loading validates everything, so that no rule ever meets a policy it can't use: an unknown field, a pattern that is no
//! pattern, a version that is no version or a gap for a rule that does not exist is an error that points into the file.

mod error;
mod file;
mod instructions;
mod parse;
mod server;
#[cfg(test)]
mod tests;

pub use self::error::PolicyError;
pub(crate) use self::error::read;
use std::collections::BTreeMap;
use std::path::Path;

use globset::{GlobMatcher, GlobSet};

use self::parse::Source;
use super::elf::Endian;
use super::rule::Rule;
use super::version::Version;
pub use file::{Exports, OpenBlas};
pub use instructions::Instructions;
pub use server::{First, ServerFloor, ServerFunctions};

/// A kind of library that must not be needed.
#[derive(Debug)]
pub struct Forbidden {
    matcher: GlobMatcher,
    /// Why a library comes to need it.
    pub cause: String,
    /// What a user can do about it.
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
    /// The oldest supported Python: the extension may use what its limited API has.
    pub limited_api: (u8, u8),
    /// The newest supported Python.
    pub newest: (u8, u8),
}

/// The ELF header of an architecture.
#[derive(Debug)]
pub struct Machine {
    /// The bits of an address: 32 or 64.
    pub class: u8,
    /// The byte order of its numbers.
    pub endian: Endian,
    /// `e_machine`, a number that the ELF specification gives.
    pub machine: u16,
}

/// What the dynamic linker takes, and what it brings.
#[derive(Debug)]
pub struct Loading {
    /// The values of `EI_OSABI`.
    pub os_abi: Vec<u8>,
    /// How many bytes of static thread-local storage are free for libraries that are opened later.
    pub static_tls: u64,
    /// The sonames of glibc's parts. There is at least one, and the first is in every process.
    pub glibc: Vec<String>,
    /// The sonames of libraries that a Python runtime or an extension may need beside those of the server.
    pub beside: Vec<String>,
    /// Where the dynamic linker looks last: absolute paths, at least one.
    pub directories: Vec<String>,
    /// Those of them in which packages have libraries.
    pub packaged: Vec<String>,
}

/// A part of a rule that may stay unchecked.
#[derive(Debug)]
pub struct Gap {
    /// The rule that it is a part of.
    pub rule: Rule,
    /// The part, by the name that reports use.
    pub part: String,
    /// Why it may stay unchecked; reports print it.
    pub reason: String,
}

/// Symbols of which several definitions are the same.
#[derive(Debug)]
struct Shared {
    symbols: GlobSet,
    providers: GlobSet,
}

/// What the rules judge by. It can only be made from a valid text.
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
    /// CPython's names, and the versions that are supported.
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
    /// Libraries of wheels that keep some of their symbols although the server has such names: the file, the symbols.
    own: Vec<(GlobSet, GlobSet)>,
    /// For each architecture that is decoded what instructions its baseline has.
    pub instructions: BTreeMap<String, Instructions>,
    /// The ELF header of each architecture, by Debian's names.
    pub machines: BTreeMap<String, Machine>,
    /// Parts of rules that may stay unchecked.
    pub accepted_gaps: Vec<Gap>,
}

impl Policy {
    /// Reads and validates a policy file.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let (name, text) = error::read(path)?;
        Self::parse(&name, &text)
    }

    /// Validates the text of a policy; `name` is the file's name in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, PolicyError> {
        Source { name, text }.policy()
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

    /// Whether a library of a wheel keeps a symbol although the server has one of that name.
    pub fn keeps(&self, library: &str, symbol: &str) -> bool {
        let mut own = self.own.iter();
        own.any(|(file, symbols)| file.is_match(library) && symbols.is_match(symbol))
    }

    /// Whether a symbol is CPython's.
    pub fn is_python(&self, symbol: &str) -> bool {
        let starts = |prefix: &String| symbol.starts_with(prefix.as_str());
        self.python.prefixes.iter().any(starts)
    }
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
