//! The symbols of a packaged library: the symbols that it imports from each library, and those that it exports.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::exit::Failure;
use base::files;
use symcheck::VerifyError;
use symcheck::abi3::Abi3;
use symcheck::elf::Facts;

/// The origin of a symbol without a version that is not in Python's limited API. It is found by elimination: the library
/// itself does not name it.
pub const SERVER: &str = "the Postgres server (no version, and not of Python's limited API)";

/// What a library needs and offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SymbolMap {
    /// The libraries in DT_NEEDED, in the order of the file.
    pub needed: Vec<String>,
    /// Provider → its symbols, each with the version that is asked for.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The symbols that others can bind to.
    pub exports: Vec<String>,
}

impl SymbolMap {
    /// Reads it from a library.
    pub fn read(library: &Path, abi3: &Abi3) -> Result<Self, Failure> {
        let bytes = files::read(library)?;
        let facts = Facts::read(&bytes).map_err(|source| VerifyError::Elf {
            file: library.display().to_string(),
            source,
        })?;
        let python = facts
            .needed
            .iter()
            .find(|name| name.starts_with("libpython"));
        let mut imports: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for symbol in facts.undefined() {
            let provider = match (symbol.library, python) {
                (Some(library), _) => library,
                (None, Some(python)) if abi3.get(symbol.name).is_some() => python,
                (None, _) if symbol.weak => "nobody, if it is not there (weak)",
                (None, _) => SERVER,
            };
            let name = match symbol.version {
                Some(version) => format!("{}@{version}", symbol.name),
                None => symbol.name.to_owned(),
            };
            imports.entry(provider.to_owned()).or_default().push(name);
        }
        let mut exports: Vec<String> = facts.exported().map(|s| s.name.to_owned()).collect();
        exports.sort();
        imports.values_mut().for_each(|names| names.sort());
        Ok(Self {
            needed: facts.needed.iter().map(|name| (*name).to_owned()).collect(),
            imports,
            exports,
        })
    }
}
