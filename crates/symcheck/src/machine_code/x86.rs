//! x86-64.

use iced_x86::{
    Code as Opcode, CpuidFeature, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic,
};

use super::{Known, Part, function_at};
use crate::elf::FunctionSymbol;

const ABOVE: u8 = 1;
const BRANCH: u8 = 2;
const ADDRESS: u8 = 4;

/// For each opcode what has to be looked at.
pub(super) fn kinds(known: &Known) -> Vec<u8> {
    let mut kinds = Vec::new();
    for code in Opcode::values() {
        let mut kind = 0;
        let above = code
            .cpuid_features()
            .iter()
            .any(|feature| !known.baseline.contains(&(*feature as usize)));
        if above && !known.tolerated.contains(&format!("{:?}", code.mnemonic())) {
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

pub(super) fn decode(
    address: u64,
    bytes: &[u8],
    functions: &[FunctionSymbol],
    kinds: &[u8],
) -> Part {
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
            let function = function_at(functions, at);
            for feature in instruction.cpuid_features() {
                let mnemonic = instruction.mnemonic();
                part.used(function, *feature as usize, || {
                    (format!("{mnemonic:?}"), at)
                });
            }
        }
        let target = match kind {
            _ if kind & BRANCH != 0 => instruction.near_branch_target(),
            _ if kind & ADDRESS != 0 && instruction.is_ip_rel_memory_operand() => {
                instruction.ip_rel_memory_address()
            }
            _ => 0,
        };
        if target != 0 {
            part.reached(functions, at, target);
        }
    }
    part
}

pub(super) fn feature(name: &str) -> Option<usize> {
    let found = CpuidFeature::values().find(|feature| format!("{feature:?}") == name);
    found.map(|feature| feature as usize)
}

pub(super) fn feature_name(number: usize) -> String {
    let found = CpuidFeature::values().find(|feature| *feature as usize == number);
    found.map_or_else(|| number.to_string(), |feature| format!("{feature:?}"))
}

pub(super) fn has_mnemonic(name: &str) -> bool {
    Mnemonic::values().any(|mnemonic| format!("{mnemonic:?}") == name)
}
