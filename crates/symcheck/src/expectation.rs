//! What one library is expected to be: for which target, and as which kind of library.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::version::Version;

/// What kind of library it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The pgml extension: every rule applies.
    Extension,
    /// Someone else's library: the rules about what only the extension has do not apply.
    ForeignLibrary,
}

/// Which libpython the library may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Libpython {
    /// Exactly this one, by soname.
    Exactly(String),
    /// That of any Python which the policy supports.
    AnySupported,
}

/// The servers that load the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedServer {
    /// Their major release, such as 15.
    pub major: u16,
    /// The minor release whose headers the library was compiled with, where that is known.
    pub headers: Option<Version>,
}

/// What a library is judged against.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// What the expectation comes from, for people: `debian12-pg15`, or `oldest target`.
    pub target: String,
    /// What kind of library it is.
    pub profile: Profile,
    /// Debian's name of the architecture.
    pub architecture: String,
    /// For each namespace of symbol versions the highest one that the target has.
    pub floors: BTreeMap<String, Version>,
    /// The servers that load it; `None` if it is judged by no target.
    pub server: Option<ExpectedServer>,
    /// Which libpython it may need.
    pub libpython: Libpython,
    /// The C symbols that the extension's SQL names, where they are known (see [`super::sql::c_symbols`]).
    pub sql_symbols: Option<BTreeSet<String>>,
    /// Whether it must still have its symbol table, as it has between link and strip.
    pub before_strip: bool,
}
