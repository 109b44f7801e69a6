//! Which functions of a library use instructions above the architecture's baseline, and whether each of them runs only
//! after the processor was asked. The code is decoded, never run.
//!
//! Whether a function is chosen at run time can't be seen in its instructions. The policy names the functions that are,
//! and up to which instructions; a function without such a name may use what all of its callers may, provided that
//! nothing else can reach it: it is not exported, and no table holds its address.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::resume_unwind;
use std::thread;

use iced_x86::{Code as Opcode, CpuidFeature, Decoder, DecoderOptions, FlowControl, Instruction};

use super::elf::{ElfError, Facts, FunctionSymbol, functions_of};
use super::policy::Instructions;

/// The names of a library's functions, from a file that has them: the library before strip, or its debug symbols.
#[derive(Debug, Clone)]
pub struct FunctionNames {
    /// The build-id of the library that they belong to.
    build_id: Vec<u8>,
    functions: Vec<FunctionSymbol>,
}

impl FunctionNames {
    /// Reads the names out of an ELF file with a symbol table.
    pub fn read(bytes: &[u8]) -> Result<Self, ElfError> {
        let (build_id, functions) = functions_of(bytes)?;
        Ok(Self {
            build_id: build_id.unwrap_or_default().to_vec(),
            functions,
        })
    }

    /// The names, if they are those of this library.
    pub fn of(&self, facts: &Facts<'_>) -> Option<&[FunctionSymbol]> {
        let same = facts
            .build_id
            .is_some_and(|id| !id.is_empty() && id == self.build_id);
        same.then_some(self.functions.as_slice())
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

/// What one function does, or the code that lies in none.
#[derive(Debug, Default, Clone)]
struct Use {
    /// Bits of features, and where the first of each is.
    features: BTreeMap<usize, (Opcode, u64)>,
}

const ABOVE: u8 = 1;
const BRANCH: u8 = 2;
const ADDRESS: u8 = 4;

/// Decodes all code of a library for x86-64 and judges it. `functions` are sorted by address.
pub fn survey(facts: &Facts<'_>, functions: &[FunctionSymbol], policy: &Instructions) -> Survey {
    let kinds = kinds(policy);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut pieces: Vec<(u64, &[u8])> = Vec::new();
    for code in &facts.code {
        pieces.extend(split(code.address, code.bytes, functions, workers));
    }
    let parts: Vec<Part> = thread::scope(|scope| {
        let running: Vec<_> = pieces
            .iter()
            .map(|(address, bytes)| scope.spawn(|| decode(*address, bytes, functions, &kinds)))
            .collect();
        running
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });

    let mut survey = Survey::default();
    let mut uses: BTreeMap<Option<usize>, Use> = BTreeMap::new();
    let mut callers: BTreeMap<usize, BTreeSet<Option<usize>>> = BTreeMap::new();
    for part in parts {
        survey.instructions += part.instructions;
        for (function, found) in part.uses {
            let entry = uses.entry(function).or_default();
            for (feature, at) in found.features {
                entry.features.entry(feature).or_insert(at);
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
            .features
            .iter()
            .filter(|(feature, _)| may.is_none_or(|may| !may.contains(feature)))
            .filter_map(|(feature, (code, at))| {
                let name = policy.feature_name(*feature)?;
                Some((name, format!("{:?} at {at:#x}", code.mnemonic())))
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

/// For each opcode what has to be looked at.
fn kinds(policy: &Instructions) -> Vec<u8> {
    let mut kinds = Vec::new();
    for code in Opcode::values() {
        let mut kind = 0;
        let above = code
            .cpuid_features()
            .iter()
            .any(|feature| !policy.is_baseline(*feature));
        if above && !policy.is_tolerated(code.mnemonic()) {
            kind |= ABOVE;
        }
        if matches!(
            code.flow_control(),
            FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
        ) {
            kind |= BRANCH;
        }
        if matches!(code, Opcode::Lea_r64_m | Opcode::Lea_r32_m) {
            kind |= ADDRESS;
        }
        kinds.push(kind);
    }
    kinds
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

#[derive(Default)]
struct Part {
    instructions: usize,
    uses: BTreeMap<Option<usize>, Use>,
    /// Who is reached, from where.
    edges: HashSet<(usize, Option<usize>)>,
}

fn decode(address: u64, bytes: &[u8], functions: &[FunctionSymbol], kinds: &[u8]) -> Part {
    let mut part = Part::default();
    let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut next = functions.partition_point(|function| function.address <= address);
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        while functions
            .get(next)
            .is_some_and(|f| f.address <= instruction.ip())
        {
            next += 1;
        }
        // Data among the code may look like an instruction that reaches into the function behind it. Begun again there, what
        // is found does not depend on where the pieces begin.
        if let Some(function) = functions.get(next)
            && function.address < instruction.next_ip()
            && let Ok(position) = usize::try_from(function.address - address)
            && decoder.set_position(position).is_ok()
        {
            decoder.set_ip(function.address);
            continue;
        }
        part.instructions += 1;
        let kind = kinds.get(instruction.code() as usize).copied().unwrap_or(0);
        if kind == 0 {
            continue;
        }
        let at = instruction.ip();
        if kind & ABOVE != 0 {
            let entry = part.uses.entry(function_at(functions, at)).or_default();
            for feature in instruction.cpuid_features() {
                let feature = *feature as usize;
                entry
                    .features
                    .entry(feature)
                    .or_insert((instruction.code(), at));
            }
        }
        let target = match kind {
            _ if kind & BRANCH != 0 => instruction.near_branch_target(),
            _ if kind & ADDRESS != 0 && instruction.is_ip_rel_memory_operand() => {
                instruction.ip_rel_memory_address()
            }
            _ => 0,
        };
        if target == 0 {
            continue;
        }
        let Some(callee) = function_at(functions, target) else {
            continue;
        };
        let inside = functions
            .get(callee)
            .is_some_and(|f| f.address <= at && at < f.end());
        if !inside {
            part.edges.insert((callee, function_at(functions, at)));
        }
    }
    part
}

/// The function at an address.
fn function_at(functions: &[FunctionSymbol], address: u64) -> Option<usize> {
    let index = functions
        .partition_point(|function| function.address <= address)
        .checked_sub(1)?;
    functions
        .get(index)
        .filter(|function| address < function.end())?;
    Some(index)
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

/// The feature of a name, as the policy writes it.
pub(super) fn feature(name: &str) -> Option<CpuidFeature> {
    CpuidFeature::values().find(|feature| format!("{feature:?}") == name)
}

/// The mnemonic of a name, as the policy writes it.
pub(super) fn mnemonic(name: &str) -> Option<iced_x86::Mnemonic> {
    iced_x86::Mnemonic::values().find(|mnemonic| format!("{mnemonic:?}") == name)
}
