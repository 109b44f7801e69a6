//! Reads the dynamic section: what the dynamic linker is asked for, and where its tables are.

use std::collections::HashSet;

use object::elf;
use object::read::elf::{Dyn, FileHeader, SectionHeader};
use object::{Endian as _, Endianness, StringTable};

use super::read::{Loaded, Names};
use super::relocations::Tables;
use super::{ElfError, Facts, malformed, unsupported};

/// DT_PLTREL's value for relocations with addends.
const RELA: u64 = elf::DT_RELA.0 as u64;
/// Tags that may come more than once. Of others the dynamic linker takes the last one, and tools any.
const REPEATED: [elf::DynamicTag; 6] = [
    elf::DT_NULL,
    elf::DT_NEEDED,
    elf::DT_AUXILIARY,
    elf::DT_FILTER,
    elf::DT_AUDIT,
    elf::DT_DEPAUDIT,
];

/// Reads the dynamic section into `facts`, and gives back where the relocations are.
pub(super) fn read<'a, Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'a, '_, Elf>,
    dynamic: &Elf::SectionHeader,
    dynsym: &Elf::SectionHeader,
    bytes: &'a [u8],
    strings: &StringTable<'a>,
    facts: &mut Facts<'a>,
) -> Result<Tables, ElfError> {
    let endian = loaded.endian;
    let Some(table) = dynamic.dynamic_table(endian, bytes, loaded.sections)? else {
        return Err(malformed("the dynamic section can't be read"));
    };
    let mut raw = table.dynamics().iter();
    if !raw.any(|entry| entry.tag(endian) == elf::DT_NULL) {
        return Err(malformed("the dynamic section has no end"));
    }
    let mut relocations = Tables::default();
    let mut names = Names::default();
    let mut tags = HashSet::new();
    for entry in table.iter() {
        if !tags.insert(entry.tag.0) && !REPEATED.contains(&entry.tag) {
            return Err(malformed(format!(
                "it has two dynamic entries with the tag {:#x}",
                entry.tag.0
            )));
        }
        let mut name = || {
            let at = u32::try_from(entry.val)
                .map_err(|_| malformed("a dynamic string is out of range"))?;
            names.get(strings, at)
        };
        match entry.tag {
            elf::DT_NEEDED => facts.needed.push(name()?),
            elf::DT_SONAME => facts.soname = Some(name()?),
            elf::DT_RPATH => facts.rpath = Some(name()?),
            elf::DT_RUNPATH => facts.runpath = Some(name()?),
            elf::DT_AUXILIARY | elf::DT_FILTER => facts.filters.push(name()?),
            elf::DT_AUDIT | elf::DT_DEPAUDIT => facts.audits.push(name()?),
            tag => {
                read_flags(tag, entry.val, facts);
                check_table(loaded, tag, entry.val, dynsym)?;
                place_relocations(tag, entry.val, &mut relocations);
            }
        }
    }
    match tags.contains(&elf::DT_SYMTAB.0) && tags.contains(&elf::DT_STRTAB.0) {
        true => Ok(relocations),
        false => Err(malformed(
            "the dynamic section names no symbols or no strings",
        )),
    }
}

/// Entries that ask the dynamic linker for something by a flag.
fn read_flags(tag: elf::DynamicTag, value: u64, facts: &mut Facts<'_>) {
    match tag {
        elf::DT_BIND_NOW => facts.bind_now = true,
        elf::DT_TEXTREL => facts.text_relocations = true,
        elf::DT_SYMBOLIC => facts.symbolic = true,
        elf::DT_FLAGS => {
            facts.asks.static_tls |= value & elf::DF_STATIC_TLS.0 != 0;
            facts.symbolic |= value & elf::DF_SYMBOLIC.0 != 0;
            facts.bind_now |= value & elf::DF_BIND_NOW.0 != 0;
            facts.text_relocations |= value & elf::DF_TEXTREL.0 != 0;
        }
        elf::DT_FLAGS_1 => {
            facts.bind_now |= value & elf::DF_1_NOW.0 != 0;
            facts.asks.no_open |= value & elf::DF_1_NOOPEN.0 != 0;
            facts.asks.no_default_directories |= value & elf::DF_1_NODEFLIB.0 != 0;
        }
        _ => {}
    }
}

/// Checks that the section headers place a table where the dynamic linker reads it.
fn check_table<Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'_, '_, Elf>,
    tag: elf::DynamicTag,
    address: u64,
    dynsym: &Elf::SectionHeader,
) -> Result<(), ElfError> {
    let endian = loaded.endian;
    let of_kind = |kind, missing| {
        let mut sections = loaded.sections.iter();
        let section = sections.find(|section| section.sh_type(endian) == kind);
        section.ok_or_else(|| malformed(missing))
    };
    let hash = |kind| of_kind(kind, "a hash table has no header");
    let version = |kind| of_kind(kind, "a version section has no header");
    let (section, what) = match tag {
        elf::DT_SYMTAB => (dynsym, "the dynamic symbols"),
        elf::DT_STRTAB => {
            let section = loaded.sections.section(dynsym.link(endian))?;
            (section, "the dynamic strings")
        }
        elf::DT_HASH => (hash(elf::SHT_HASH)?, "the hash table"),
        elf::DT_GNU_HASH => (hash(elf::SHT_GNU_HASH)?, "the hash table"),
        elf::DT_VERSYM => (version(elf::SHT_GNU_VERSYM)?, "the symbol versions"),
        elf::DT_VERNEED => (version(elf::SHT_GNU_VERNEED)?, "the symbol versions"),
        elf::DT_VERDEF => (version(elf::SHT_GNU_VERDEF)?, "the symbol versions"),
        _ => return Ok(()),
    };
    loaded.same(address, section, what)
}

/// Entries that tell address or size of a table of relocations.
fn place_relocations(tag: elf::DynamicTag, value: u64, relocations: &mut Tables) {
    match tag {
        elf::DT_RELR => relocations.packed.0 = value,
        elf::DT_RELRSZ => relocations.packed.1 = value,
        elf::DT_REL => relocations.rel.0 = value,
        elf::DT_RELSZ => relocations.rel.1 = value,
        elf::DT_RELA => relocations.rela.0 = value,
        elf::DT_RELASZ => relocations.rela.1 = value,
        elf::DT_JMPREL => relocations.jump_slots.0 = value,
        elf::DT_PLTRELSZ => relocations.jump_slots.1 = value,
        elf::DT_PLTREL => relocations.jump_slots_have_addends = value == RELA,
        _ => {}
    }
}

/// Checks that the dynamic linker, which finds symbols through a hash table, sees none that the section headers leave out.
pub(super) fn no_symbol_is_out_of_sight<Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'_, '_, Elf>,
    bytes: &[u8],
    symbols: usize,
) -> Result<(), ElfError> {
    let endian = loaded.endian;
    let mut counts = Vec::new();
    if let Some((table, _)) = loaded.sections.hash(endian, bytes)? {
        counts.push(table.symbol_table_length());
    }
    if let Some((table, _)) = loaded.sections.gnu_hash(endian, bytes)? {
        let has_symbols = loaded
            .sections
            .iter()
            .filter(|section| section.sh_type(endian) == elf::SHT_GNU_HASH)
            .try_fold(false, |found, section| {
                Ok::<_, ElfError>(
                    found
                        || has_buckets(
                            endian,
                            section.data(endian, bytes)?,
                            size_of::<Elf::Word>(),
                        ),
                )
            })?;
        match table.symbol_table_length(endian) {
            Some(count) => counts.push(count),
            None if has_symbols => return Err(malformed("its hash table has no end")),
            None => counts.push(0),
        }
    }
    if counts.is_empty() {
        return Err(unsupported(
            "it has no hash table, through which the dynamic linker finds symbols",
        ));
    }
    let seen = |count: &u32| usize::try_from(*count).is_ok_and(|count| count <= symbols);
    match counts.iter().all(seen) {
        true => Ok(()),
        false => Err(malformed(
            "its hash table has more symbols than its section headers say",
        )),
    }
}

/// Whether a bucket of a GNU hash table, which lie behind its header and its filter, has symbols.
fn has_buckets(endian: Endianness, table: &[u8], word: usize) -> bool {
    let number = |at: usize| {
        let bytes = table.get(at..at.checked_add(4)?)?;
        Some(endian.read_u32(bytes.try_into().ok()?) as usize)
    };
    let (Some(buckets), Some(filter)) = (number(0), number(8)) else {
        return false;
    };
    let start = filter.saturating_mul(word).saturating_add(16);
    let buckets =
        (0..buckets).map_while(|bucket| number(start.checked_add(bucket.checked_mul(4)?)?));
    buckets.into_iter().any(|symbol| symbol != 0)
}
