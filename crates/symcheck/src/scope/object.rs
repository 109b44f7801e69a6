//! One loaded file: what of its facts the dynamic linker needs.

use std::collections::HashSet;

use super::names::{Name, Names};
use crate::elf::{Definition, Facts, References};

/// A dynamic symbol, with its texts as [`Name`]s of one process.
#[derive(Debug, Clone, Copy)]
pub struct Symbol {
    /// As it is looked up, without its version.
    pub name: Name,
    /// Its version, where it has one.
    pub version: Option<Name>,
    /// Whether only those who ask for that very version get it.
    pub hidden_version: bool,
    /// The number of its version; 0 and 1 stand for none.
    pub version_index: u16,
    /// Whether it is undefined.
    pub undefined: bool,
    /// Whether it may stay unresolved, or is one of several equal definitions.
    pub weak: bool,
    /// Whether the process has one definition of it.
    pub unique: bool,
    /// Whether its references bind inside its own library, even where others define it: protected, hidden or local.
    pub bound_inside: bool,
    /// How far it counts as a definition.
    pub definition: Definition,
    /// How its library refers to it.
    pub references: References,
    /// Whether it is the program's copy of a library's data, under this or another of its names (`environ`, `__environ`).
    pub copied: bool,
}

impl Symbol {
    /// A plain definition, to which any reference can bind.
    pub(super) fn definition(name: Name) -> Self {
        Self {
            name,
            version: None,
            hidden_version: false,
            version_index: 1,
            undefined: false,
            weak: false,
            unique: false,
            bound_inside: false,
            definition: Definition::Any,
            references: References::default(),
            copied: false,
        }
    }
}

/// What the dynamic linker needs to know of a file.
#[derive(Debug, Clone)]
pub struct Object {
    /// DT_SONAME: the name by which others need it.
    pub soname: Option<String>,
    /// DT_NEEDED, in the order in which they are loaded.
    pub needed: Vec<String>,
    /// DT_RPATH: where it and what it loads look first.
    pub rpath: Option<String>,
    /// DT_RUNPATH, which disables DT_RPATH.
    pub runpath: Option<String>,
    /// DT_AUXILIARY and DT_FILTER, which the replay does not follow.
    pub filters: Vec<String>,
    /// Whether its libraries are not looked for in the system's directories.
    pub no_default_directories: bool,
    /// Whether it looks symbols up in itself first.
    pub symbolic: bool,
    /// Whether its symbols have versions.
    pub versioned: bool,
    /// Its dynamic symbols, in the order of its table.
    pub symbols: Vec<Symbol>,
}

impl Object {
    /// Takes over what counts of a file's facts.
    pub fn new(facts: &Facts<'_>, names: &mut Names) -> Self {
        let copies: HashSet<u64> = facts
            .dynamic
            .iter()
            .filter(|symbol| symbol.references.copies)
            .filter_map(|symbol| symbol.address)
            .collect();
        let symbols = facts.dynamic.iter().filter(|symbol| !symbol.bookkeeping);
        let symbols = symbols
            .map(|symbol| Symbol {
                name: names.put(symbol.name),
                version: symbol.version.map(|version| names.put(version)),
                hidden_version: symbol.hidden_version,
                version_index: symbol.version_index,
                undefined: symbol.undefined,
                weak: symbol.weak,
                unique: symbol.unique,
                bound_inside: !symbol.undefined
                    && (symbol.local || symbol.protected || !symbol.exportable),
                definition: match symbol.local || !symbol.exportable {
                    true => Definition::None,
                    false => symbol.definition,
                },
                references: symbol.references,
                copied: symbol.address.is_some_and(|at| copies.contains(&at)),
            })
            .collect();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            soname: owned(facts.soname),
            needed: facts.needed.iter().map(|name| (*name).to_owned()).collect(),
            filters: facts
                .filters
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            no_default_directories: facts.asks.no_default_directories,
            rpath: owned(facts.rpath),
            runpath: owned(facts.runpath),
            symbolic: facts.symbolic,
            versioned: facts.versions.exist(),
            symbols,
        }
    }
}

impl Object {
    /// The same with the names of another process.
    pub(super) fn renamed(&self, from: &Names, to: &mut Names) -> Self {
        let names = from.translated(to);
        let renamed = |name: Name| names.get(name.index()).copied().unwrap_or(name);
        let symbols = self.symbols.iter().map(|symbol| Symbol {
            name: renamed(symbol.name),
            version: symbol.version.map(renamed),
            ..*symbol
        });
        Self {
            symbols: symbols.collect(),
            soname: self.soname.clone(),
            needed: self.needed.clone(),
            filters: self.filters.clone(),
            rpath: self.rpath.clone(),
            runpath: self.runpath.clone(),
            ..*self
        }
    }
}

/// What a reference asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A function to call, or thread-local storage.
    Call,
    /// A reference that takes an address.
    Address,
    /// Data to copy from a library into the program.
    Copy,
}

impl Object {
    /// The symbol among these of this object, all of one name, that a reference to a version (or none) gets; glibc's
    /// `check_match`.
    pub(super) fn matching(
        &self,
        candidates: &[u32],
        version: Option<Name>,
        class: Class,
    ) -> Option<u32> {
        let (mut only, mut versioned) = (None, 0);
        for index in candidates {
            let Some(symbol) = self.symbols.get(*index as usize) else {
                continue;
            };
            let bindable = match symbol.definition {
                Definition::Any => true,
                Definition::Address => class == Class::Address,
                Definition::None => false,
            };
            if !bindable {
                continue;
            }
            match version {
                _ if !self.versioned => return Some(*index),
                // The very version, or a definition without any that is not hidden.
                Some(version) => {
                    let without = symbol.version.is_none() && !symbol.hidden_version;
                    if symbol.version == Some(version) || without {
                        return Some(*index);
                    }
                }
                // Without a version: one without, the first version of the library, or the only one that is not hidden.
                None if symbol.version_index <= 2 => return Some(*index),
                None if !symbol.hidden_version => {
                    versioned += 1;
                    only = only.or(Some(*index));
                }
                None => {}
            }
        }
        only.filter(|_| versioned == 1)
    }
}
