//! AArch64. Each instruction is one word of four bytes. disarm64 decodes it; its tables were made from those of GNU binutils.

use disarm64::{InsnOpcode, decoder};
use disarm64_defn::InsnFeatureSet;
use strum::IntoEnumIterator;

use super::{Known, Part, function_at};
use crate::elf::FunctionSymbol;

/// The feature of words that the tables do not have: what is newer than they are.
const UNKNOWN: usize = usize::MAX;
/// Its name.
const UNKNOWN_NAME: &str = "UNKNOWN";
/// Words up to this one are `udf`, which every processor refuses: traps, and zeroes between functions.
const LAST_UDF: u32 = 0xffff;
/// The number of general registers, with the stack pointer.
const REGISTERS: usize = 32;

pub(super) fn decode(
    address: u64,
    bytes: &[u8],
    functions: &[FunctionSymbol],
    known: &Known,
) -> Part {
    let mut part = Part::default();
    let mut pages = Pages::default();
    let mut at = address;
    for word in bytes.chunks_exact(4) {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]); // INVARIANT: chunks of 4
        part.instructions += 1;
        let function = function_at(functions, at);
        match decoder::decode(word) {
            Some(opcode) => {
                let definition = opcode.definition();
                let feature = match is_full_conversion(word) {
                    true => InsnFeatureSet::SIMD as usize,
                    false => definition.feature_set as usize,
                };
                if !known.baseline.contains(&feature) {
                    let first = || (definition.mnemonic.to_owned(), at);
                    part.used(function, feature, first);
                }
            }
            None if word <= LAST_UDF => {}
            None => part.used(function, UNKNOWN, || (format!("{word:#010x}"), at)),
        }
        if let Some(target) = branch(word, at).or_else(|| pages.address(word, at, function)) {
            part.reached(functions, at, target);
        }
        at = at.wrapping_add(4);
    }
    part
}

/// Whether a word converts between fixed and floating point (`scvtf`, `ucvtf`, `fcvtzs`, `fcvtzu` with a shift) in single or
/// double precision. The tables take all of these for those of half precision, which are the first: the size is in the shift
/// (`immh`), and half precision's is below 4.
fn is_full_conversion(word: u32) -> bool {
    let scalar = word & 0xdf80_0400 == 0x5f00_0400;
    let vector = word & 0x9f80_0400 == 0x0f00_0400;
    let converts = matches!(word >> 11 & 0x1f, 0b11100 | 0b11111);
    (scalar || vector) && converts && word >> 19 & 0xf >= 4
}

/// The lowest `bits` of a number, which the highest of them gives its sign.
fn signed(number: u32, bits: u32) -> i64 {
    i64::from((number << (32 - bits)) as i32 >> (32 - bits))
}

/// Where a branch goes that has its target in itself.
fn branch(word: u32, at: u64) -> Option<u64> {
    let words = match word {
        // b, bl
        _ if word & 0x7c00_0000 == 0x1400_0000 => signed(word, 26),
        // b.cond, bc.cond
        _ if word & 0xff00_0000 == 0x5400_0000 => signed(word >> 5 & 0x7_ffff, 19),
        // cbz, cbnz
        _ if word & 0x7e00_0000 == 0x3400_0000 => signed(word >> 5 & 0x7_ffff, 19),
        // tbz, tbnz
        _ if word & 0x7e00_0000 == 0x3600_0000 => signed(word >> 5 & 0x3fff, 14),
        _ => return None,
    };
    Some(at.wrapping_add_signed(words * 4))
}

/// The pages whose addresses were loaded into registers (`adrp`), since a function's beginning. One that was overwritten since
/// is kept: an address too many makes a function judged more strictly, and one too few less.
#[derive(Default)]
struct Pages {
    function: Option<usize>,
    of: [Option<u64>; REGISTERS],
}

impl Pages {
    /// The address that an instruction makes: in one step (`adr`), or from a page (`add`).
    fn address(&mut self, word: u32, at: u64, function: Option<usize>) -> Option<u64> {
        if self.function != function {
            *self = Self {
                function,
                ..Self::default()
            };
        }
        let register = |shift: u32| (word >> shift & 0x1f) as usize;
        let relative = signed((word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3, 21);
        if word & 0x9f00_0000 == 0x1000_0000 {
            return Some(at.wrapping_add_signed(relative));
        }
        if word & 0x9f00_0000 == 0x9000_0000 {
            self.of[register(0)] = Some((at & !0xfff).wrapping_add_signed(relative << 12)); // INVARIANT: 5 bits
            return None;
        }
        if word & 0xffc0_0000 == 0x9100_0000 {
            let page = self.of[register(5)]?; // INVARIANT: 5 bits
            return Some(page.wrapping_add(u64::from(word >> 10 & 0xfff)));
        }
        None
    }
}

pub(super) fn feature(name: &str) -> Option<usize> {
    if name == UNKNOWN_NAME {
        return Some(UNKNOWN);
    }
    let found = InsnFeatureSet::iter().find(|feature| format!("{feature:?}") == name);
    found.map(|feature| feature as usize)
}

pub(super) fn feature_name(number: usize) -> String {
    let found = InsnFeatureSet::iter().find(|feature| *feature as usize == number);
    found.map_or_else(|| UNKNOWN_NAME.to_owned(), |feature| format!("{feature:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, address: u64) -> FunctionSymbol {
        FunctionSymbol {
            name: name.to_owned(),
            address,
            size: 0x10,
            file: None,
        }
    }

    fn decoded(words: &[u32], functions: &[FunctionSymbol]) -> Part {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let baseline = ["V8", "SIMD", "FP"].iter().filter_map(|name| feature(name));
        let known = Known {
            baseline: baseline.collect(),
            ..Known::default()
        };
        decode(0x1000, &bytes, functions, &known)
    }

    /// Each extension by one of its instructions, as GNU's assembler writes them. Catches tables that know an extension by
    /// another name, and hints that are taken for instructions of newer processors.
    #[test]
    fn what_is_above_the_baseline_is_known_by_its_extension() {
        for (word, feature, mnemonic) in [
            (0xb860_0020_u32, Some("LSE"), "ldaddl"), // ldaddl w0, w0, [x1]
            (0x88e0_fc20, Some("LSE"), "casal"),      // casal w0, w0, [x1]
            (0x4e82_9420, Some("DOTPROD"), "sdot"),   // sdot v0.4s, v1.16b, v2.16b
            (0x04a0_0020, Some("SVE"), "add"),        // add z0.s, z1.s, z0.s
            (0x4490_8000, Some("SVE2"), "shadd"),     // shadd z0.s, p0/m, z0.s, z0.s
            (0x6e42_fc20, Some("BFLOAT16"), "bfdot"), // bfdot v0.4s, v1.8h, v2.8h
            (0x38bf_c020, Some("RCPC"), "ldaprb"),    // ldaprb w0, [x1]
            (0x0e42_1420, Some("SIMD_F16"), "fadd"),  // fadd v0.4h, v1.4h, v2.4h
            (0x1ac0_4020, Some("CRC"), "crc32b"),     // crc32b w0, w1, w0
            (0x4e28_4820, Some("AES"), "aese"),       // aese v0.16b, v1.16b
            (0xdac1_0020, Some("PAUTH"), "pacia"),    // pacia x0, x1
            (0x7f7a_e400, None, "ucvtf d0, d0, #6"),
            (0x4f3c_e420, None, "scvtf v0.4s, v1.4s, #4"),
            (0x5f40_fc20, None, "fcvtzs d0, d1, #64"),
            (0x7f1c_e420, Some("SIMD_F16"), "ucvtf h0, h1, #4"),
            (0x4f1c_fc20, Some("SIMD_F16"), "fcvtzs v0.8h, v1.8h, #4"),
            (0xd503_233f, None, "paciasp"), // a hint
            (0xd503_245f, None, "bti c"),   // a hint
            (0xd65f_03c0, None, "ret"),
            (0x4ea2_d420, None, "fsub v0.4s, v1.4s, v2.4s"),
            (0xd538_0600, None, "mrs x0, id_aa64isar0_el1"), // the kernel answers
            (0x0000_0000, None, "udf"),
        ] {
            let part = decoded(&[word], &[]);
            let found = part.uses.get(&None);
            let names: Vec<String> = found
                .into_iter()
                .flat_map(|uses| uses.keys().map(|number| feature_name(*number)))
                .collect();
            let wanted: Vec<&str> = feature.into_iter().collect();
            assert_eq!(names, wanted, "{mnemonic}");
        }
    }

    /// Catches a helper that is reached by another way than a call, and is then taken for one that only kernels call.
    #[test]
    fn every_way_to_reach_a_function_is_an_edge() {
        let functions = [function("here", 0x1000), function("there", 0x2000)];
        for words in [
            &[0x9400_0400_u32][..],                   // bl
            &[0x1400_0400],                           // b
            &[0x5400_8000],                           // b.eq
            &[0xb400_8000],                           // cbz x0
            &[0x3600_8000],                           // tbz w0, #0
            &[0x1000_8000],                           // adr x0
            &[0xb000_0000, 0xd503_201f, 0x9100_0000], // adrp x0, nop, add x0, x0, 0
        ] {
            let part = decoded(words, &functions);
            let edges: Vec<_> = part.edges.iter().copied().collect();
            assert_eq!(edges, [(1, Some(0))], "{words:x?}");
        }
        // An address of the function itself, and a page that nothing is added to.
        for words in [&[0x1000_0020_u32][..], &[0xb000_0000]] {
            assert!(decoded(words, &functions).edges.is_empty(), "{words:x?}");
        }
    }
}
