//! Which dynamic symbols a library's relocations refer to, and how: the dynamic linker looks up these and no others.

use object::elf;
use object::read::ReadRef;
use object::read::elf::{FileHeader, Rel, Rela};
use object::{Endianness, U32, U64};

use super::read::Loaded;
use super::{ElfError, References, malformed};

/// Where the dynamic section says that the relocations are: address and size of each table.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tables {
    pub(super) rel: (u64, u64),
    pub(super) rela: (u64, u64),
    pub(super) jump_slots: (u64, u64),
    pub(super) jump_slots_have_addends: bool,
    /// Of the packed relative ones (DT_RELR).
    pub(super) packed: (u64, u64),
}

/// What the relocations say.
pub(super) struct Relocations {
    /// How they refer to each dynamic symbol.
    pub(super) references: Vec<References>,
    /// The addresses that they write, relative to the library; `None` where some have no addend.
    pub(super) pointed_to: Option<Vec<u64>>,
}

/// Reads the relocations. `symbols` is the number of dynamic symbols.
pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'_, '_, Elf>,
    tables: Tables,
    bytes: &[u8],
    machine: u16,
    symbols: usize,
) -> Result<Relocations, ElfError> {
    let endian = loaded.endian;
    let (mut pointed_to, mut in_place) = (Vec::new(), false);
    let mut references = vec![References::default(); symbols];
    let mut refer = |symbol: u32, kind: u32| {
        if symbol == 0 {
            return Ok(());
        }
        let slot = usize::try_from(symbol)
            .ok()
            .and_then(|symbol| references.get_mut(symbol))
            .ok_or_else(|| malformed("a relocation refers to a symbol that does not exist"))?;
        match class(machine, kind) {
            Class::Call => slot.calls = true,
            Class::Address => slot.addresses = true,
            Class::Copy => slot.copies = true,
        }
        Ok::<_, ElfError>(())
    };
    let (slots_rel, slots_rela) = match tables.jump_slots_have_addends {
        true => ((0, 0), tables.jump_slots),
        false => (tables.jump_slots, (0, 0)),
    };
    for (address, size) in [tables.rela, slots_rela] {
        for entry in table::<Elf, Elf::Rela>(loaded, bytes, address, size)? {
            let symbol = entry.r_sym(endian, false);
            if symbol == 0 {
                let addend: i64 = entry.r_addend(endian).into();
                pointed_to.push(addend.cast_unsigned());
            }
            refer(symbol, entry.r_type(endian, false).0)?;
        }
    }
    for (address, size) in [tables.rel, slots_rel] {
        for entry in table::<Elf, Elf::Rel>(loaded, bytes, address, size)? {
            let symbol = entry.r_sym(endian);
            // What it writes is what lies there already.
            in_place |= symbol == 0;
            refer(symbol, entry.r_type(endian).0)?;
        }
    }
    packed(loaded, tables.packed, bytes, &mut pointed_to)?;
    Ok(Relocations {
        references,
        pointed_to: (!in_place).then_some(pointed_to),
    })
}

/// Reads the packed relative relocations: a place, then bits for the 63 (or 31) words behind it, and so on. What is written
/// lies at each place already.
fn packed<Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'_, '_, Elf>,
    (address, size): (u64, u64),
    bytes: &[u8],
    pointed_to: &mut Vec<u64>,
) -> Result<(), ElfError> {
    let endian = loaded.endian;
    let width = size_of::<Elf::Word>() as u64;
    let words: Vec<u64> = match width {
        8 => table::<Elf, U64<Endianness>>(loaded, bytes, address, size)?
            .iter()
            .map(|word| word.get(endian))
            .collect(),
        _ => table::<Elf, U32<Endianness>>(loaded, bytes, address, size)?
            .iter()
            .map(|word| word.get(endian).into())
            .collect(),
    };
    let mut next = 0u64;
    for word in words {
        let places = match word & 1 {
            0 => {
                next = word.wrapping_add(width);
                vec![word]
            }
            _ => {
                let base = next;
                next = next.wrapping_add((width * 8 - 1) * width);
                (1..width * 8)
                    .filter(|bit| word >> bit & 1 == 1)
                    .map(|bit| base.wrapping_add((bit - 1) * width))
                    .collect()
            }
        };
        for place in places {
            let offset = loaded.offset(place);
            let value = offset.and_then(|offset| match width {
                8 => bytes
                    .read_at::<U64<Endianness>>(offset)
                    .ok()
                    .map(|v| v.get(endian)),
                _ => bytes
                    .read_at::<U32<Endianness>>(offset)
                    .ok()
                    .map(|v| v.get(endian).into()),
            });
            pointed_to.push(
                value.ok_or_else(|| malformed("a packed relocation writes outside of the file"))?,
            );
        }
    }
    Ok(())
}

/// A table of relocations. Its size is bounded by the file's.
fn table<'a, Elf: FileHeader, T: object::Pod>(
    loaded: &Loaded<'_, '_, Elf>,
    bytes: &'a [u8],
    address: u64,
    size: u64,
) -> Result<&'a [T], ElfError> {
    if size == 0 {
        return Ok(&[]);
    }
    let outside = || malformed("its relocations lie outside the file");
    let offset = loaded.offset(address).ok_or_else(outside)?;
    let count = usize::try_from(size).map_err(|_| outside())? / size_of::<T>();
    bytes.read_slice_at(offset, count).map_err(|()| outside())
}

enum Class {
    Call,
    Address,
    Copy,
}

/// The dynamic linker's classes of relocations (`elf_machine_type_class`).
fn class(machine: u16, kind: u32) -> Class {
    let x86_64 = machine == elf::EM_X86_64.0;
    let aarch64 = machine == elf::EM_AARCH64.0;
    match kind {
        // JUMP_SLOT; DTPMOD64, DTPOFF64, TPOFF64; TLSDESC
        7 | 16..=18 | 36 if x86_64 => Class::Call,
        5 if x86_64 => Class::Copy,
        // JUMP_SLOT; TLS_DTPMOD, TLS_DTPREL, TLS_TPREL, TLSDESC
        1026 | 1028..=1031 if aarch64 => Class::Call,
        1024 if aarch64 => Class::Copy,
        _ => Class::Address,
    }
}
