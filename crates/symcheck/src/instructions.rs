//! Which functions of a library use instructions above the architecture's baseline, and whether each of them runs only
//! after the processor was asked. The code is decoded, never run.
//!
//! Whether a function is chosen at run time can't be seen in its instructions. The policy names the functions that are,
//! and up to which instructions; a function without such a name may use what all of its callers may, provided that
//! nothing else can reach it: it is not exported, and no table holds its address.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::thread;

use super::elf::{CodeMap, ElfError, Facts, FunctionSymbol, code_map_of};
use super::machine_code::{Use, function_at};
use super::policy::Instructions;

/// The names of a library's functions, from a file that has them: the library before strip, or its debug symbols.
#[derive(Debug, Clone)]
pub struct FunctionNames {
    /// The build-id of the library that they belong to.
    build_id: Vec<u8>,
    map: CodeMap,
}

impl FunctionNames {
    /// Reads the names out of an ELF file with a symbol table.
    pub fn read(bytes: &[u8]) -> Result<Self, ElfError> {
        let (build_id, map) = code_map_of(bytes)?;
        Ok(Self {
            build_id: build_id.unwrap_or_default().to_vec(),
            map,
        })
    }

    /// The names, if they are those of this library.
    pub fn of(&self, facts: &Facts<'_>) -> Option<&CodeMap> {
        let same = facts
            .build_id
            .is_some_and(|id| !id.is_empty() && id == self.build_id);
        same.then_some(&self.map)
    }
}

/// A function that may run where its instructions are unknown to the processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Above {
    /// Its name; `None` for code that no function has.
    pub function: Option<String>,
    /// The file that it was compiled from.
    pub file: Option<String>,
    /// What it uses and may not, each with the first instruction: `AVX2` → `Vpaddd at 0x1139`.
    pub features: BTreeMap<String, String>,
}

/// What a library's code was found to be.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many instructions were decoded.
    pub instructions: usize,
    /// Functions that use what the baseline lacks and that are chosen at run time.
    pub dispatched: usize,
    /// Those that some processors of the architecture do not have.
    pub above: Vec<Above>,
}

/// Decodes all code of a library and judges it.
pub fn survey(facts: &Facts<'_>, map: &CodeMap, policy: &Instructions) -> Survey {
    let functions = map.functions.as_slice();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut pieces: Vec<(u64, &[u8])> = Vec::new();
    let sections: Vec<(u64, Cow<'_, [u8]>)> = facts
        .code
        .iter()
        .map(|code| {
            (
                code.address,
                without_data(code.address, code.bytes, &map.data),
            )
        })
        .collect();
    for (address, bytes) in &sections {
        pieces.extend(split(*address, bytes, functions, workers));
    }
    let parts = policy.decoder().decode(&pieces, functions, policy.known());

    let mut survey = Survey::default();
    let mut uses: BTreeMap<Option<usize>, Use> = BTreeMap::new();
    let mut callers: BTreeMap<usize, BTreeSet<Option<usize>>> = BTreeMap::new();
    for part in parts {
        survey.instructions += part.instructions;
        for (function, found) in part.uses {
            let entry = uses.entry(function).or_default();
            for (feature, at) in found {
                entry.entry(feature).or_insert(at);
            }
        }
        for (callee, caller) in part.edges {
            callers.entry(callee).or_default().insert(caller);
        }
    }
    let permitted = permitted(facts, functions, policy, &callers);
    for (function, found) in uses {
        let may = function.and_then(|function| permitted.get(function));
        let features: BTreeMap<String, String> = found
            .iter()
            .filter(|(feature, _)| may.is_none_or(|may| !may.contains(feature)))
            .filter_map(|(feature, (mnemonic, at))| {
                let name = policy.feature_name(*feature)?;
                Some((name, format!("{mnemonic} at {at:#x}")))
            })
            .collect();
        let symbol = function.and_then(|function| functions.get(function));
        if features.is_empty() {
            survey.dispatched += 1;
        } else {
            survey.above.push(Above {
                function: symbol.map(|symbol| symbol.name.clone()),
                file: symbol.and_then(|symbol| symbol.file.clone()),
                features,
            });
        }
    }
    survey
}

/// A section's bytes with zeros in the place of data, which no processor runs.
fn without_data<'c>(address: u64, bytes: &'c [u8], data: &[Range<u64>]) -> Cow<'c, [u8]> {
    let end = address.saturating_add(bytes.len() as u64);
    let inside = data
        .iter()
        .filter(|data| data.start < end && address < data.end);
    let mut bytes = Cow::Borrowed(bytes);
    for data in inside {
        let place = |at: u64| usize::try_from(at - address).unwrap_or(usize::MAX);
        let place = place(data.start.max(address))..place(data.end.min(end));
        if let Some(data) = bytes.to_mut().get_mut(place) {
            data.fill(0);
        }
    }
    bytes
}

/// Pieces of a section, about as many as asked for, each beginning with a function.
fn split<'c>(
    address: u64,
    bytes: &'c [u8],
    functions: &[FunctionSymbol],
    pieces: usize,
) -> Vec<(u64, &'c [u8])> {
    let mut found = Vec::new();
    let (mut address, mut rest) = (address, bytes);
    for left in (2..=pieces).rev() {
        let wanted = address.saturating_add((rest.len() / left) as u64);
        let next = functions.partition_point(|function| function.address < wanted);
        let Some(next) = functions.get(next) else {
            break;
        };
        let at = usize::try_from(next.address - address).unwrap_or(usize::MAX);
        let Some((piece, others)) = rest.split_at_checked(at) else {
            break;
        };
        found.push((address, piece));
        (address, rest) = (next.address, others);
    }
    found.push((address, rest));
    found
}

/// For each function the features above the baseline that it may use.
fn permitted(
    facts: &Facts<'_>,
    functions: &[FunctionSymbol],
    policy: &Instructions,
    callers: &BTreeMap<usize, BTreeSet<Option<usize>>>,
) -> Vec<BTreeSet<usize>> {
    let everything = policy.dispatched_features();
    // Reached from outside, or through a pointer: nothing is known of those who call them.
    let mut open: HashSet<usize> = HashSet::new();
    let exported = facts.exported().filter_map(|symbol| symbol.address);
    let pointed = facts.pointed_to.iter().flatten().copied();
    open.extend(
        exported
            .chain(pointed)
            .filter_map(|at| function_at(functions, at)),
    );
    let mut named = HashSet::new();
    let mut permitted: Vec<BTreeSet<usize>> = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        permitted.push(match policy.dispatched(&function.name) {
            Some(features) => {
                named.insert(index);
                features.clone()
            }
            // Without a list of pointers any function may be pointed to.
            None if open.contains(&index) || facts.pointed_to.is_none() => BTreeSet::new(),
            None if callers.contains_key(&index) => everything.clone(),
            None => BTreeSet::new(),
        });
    }
    // A function may use what all of its callers may; begun with everything, narrowed until nothing changes.
    let mut changed = true;
    while changed {
        changed = false;
        for (callee, callers) in callers {
            if named.contains(callee) || permitted.get(*callee).is_none_or(BTreeSet::is_empty) {
                continue;
            }
            let mut may = permitted[*callee].clone();
            for caller in callers {
                match caller.and_then(|caller| permitted.get(caller)) {
                    Some(its) => may.retain(|feature| its.contains(feature)),
                    None => may.clear(),
                }
            }
            if may.len() < permitted[*callee].len() {
                permitted[*callee] = may;
                changed = true;
            }
        }
    }
    permitted
}
