//! Decoders of machine code: which instructions of each function the baseline of an architecture lacks, and which function
//! reaches which. Each decoder is a crate of others; this module makes the two answer alike. The code is never run.

mod aarch64;
mod x86;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::elf::FunctionSymbol;

/// What decodes an architecture's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoder {
    /// x86-64, by iced-x86.
    X86,
    /// AArch64, by disarm64, whose tables are those of GNU binutils.
    Aarch64,
}

/// What needs no processor newer than the oldest.
#[derive(Debug, Default)]
pub struct Known {
    /// The features of the baseline, by their numbers.
    pub baseline: BTreeSet<usize>,
    /// Instructions that do no harm where they are not known, by their mnemonics.
    pub tolerated: BTreeSet<String>,
}

/// What one function does, or the code that lies in none: the first instruction of each feature above the baseline, and its
/// address.
pub type Use = BTreeMap<usize, (String, u64)>;

/// What was found in a piece of code.
#[derive(Debug, Default)]
pub struct Part {
    /// How many instructions were decoded.
    pub instructions: usize,
    /// What each function uses, by its place in the list of functions.
    pub uses: BTreeMap<Option<usize>, Use>,
    /// Which function is reached, and from which.
    pub edges: HashSet<(usize, Option<usize>)>,
}

impl Part {
    fn used(
        &mut self,
        function: Option<usize>,
        feature: usize,
        found: impl FnOnce() -> (String, u64),
    ) {
        let uses = self.uses.entry(function).or_default();
        uses.entry(feature).or_insert_with(found);
    }

    /// What lies at `from` reaches `target`, by a branch or by its address.
    fn reached(&mut self, functions: &[FunctionSymbol], from: u64, target: u64) {
        let Some(callee) = function_at(functions, target) else {
            return;
        };
        let inside = functions
            .get(callee)
            .is_some_and(|f| f.address <= from && from < f.end());
        if !inside {
            self.edges.insert((callee, function_at(functions, from)));
        }
    }
}

impl Decoder {
    /// The decoder for an ELF file's `e_machine`; `None` if no decoder for it is built in.
    pub fn of(machine: u16) -> Option<Self> {
        match object::elf::Machine(machine) {
            object::elf::EM_X86_64 => Some(Self::X86),
            object::elf::EM_AARCH64 => Some(Self::Aarch64),
            _ => None,
        }
    }

    /// The number of a feature of processors, by the name that the policy writes.
    pub fn feature(self, name: &str) -> Option<usize> {
        match self {
            Self::X86 => x86::feature(name),
            Self::Aarch64 => aarch64::feature(name),
        }
    }

    /// The name of the feature of a number.
    pub fn feature_name(self, number: usize) -> String {
        match self {
            Self::X86 => x86::feature_name(number),
            Self::Aarch64 => aarch64::feature_name(number),
        }
    }

    /// Whether there is an instruction of this name that the policy may tolerate. On AArch64 there is none: what older processors
    /// ignore there is a hint, and hints are part of the baseline.
    pub fn has_mnemonic(self, name: &str) -> bool {
        match self {
            Self::X86 => x86::has_mnemonic(name),
            Self::Aarch64 => false,
        }
    }

    /// Decodes pieces of code, each at its address, on as many threads. `functions` are sorted by address.
    pub fn decode(
        self,
        pieces: &[(u64, &[u8])],
        functions: &[FunctionSymbol],
        known: &Known,
    ) -> Vec<Part> {
        match self {
            Self::X86 => {
                let kinds = x86::kinds(known);
                on_threads(pieces, &|address, bytes| {
                    x86::decode(address, bytes, functions, &kinds)
                })
            }
            Self::Aarch64 => on_threads(pieces, &|address, bytes| {
                aarch64::decode(address, bytes, functions, known)
            }),
        }
    }
}

fn on_threads(pieces: &[(u64, &[u8])], decode: &(dyn Fn(u64, &[u8]) -> Part + Sync)) -> Vec<Part> {
    std::thread::scope(|scope| {
        let running: Vec<_> = pieces
            .iter()
            .map(|(address, bytes)| scope.spawn(|| decode(*address, bytes)))
            .collect();
        running
            .into_iter()
            .map(|part| {
                part.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// The function at an address.
pub fn function_at(functions: &[FunctionSymbol], address: u64) -> Option<usize> {
    let index = functions
        .partition_point(|function| function.address <= address)
        .checked_sub(1)?;
    functions
        .get(index)
        .filter(|function| address < function.end())?;
    Some(index)
}
