//! Reads the notes of a file: the build-id, the processor that it needs, the libraries that it opens by name.

use object::elf;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endian as _, Endianness};

use super::{ElfError, Facts};

/// Notes of the Linux Userspace API Group: the owner, and the type of the one that lists what dlopen will be asked for.
const FDO: &[u8] = b"FDO";
const NT_DLOPEN: u32 = 0x407c_0c0a;

/// The build-id in a section of notes.
pub(super) fn build_id<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    bytes: &'a [u8],
    section: &Elf::SectionHeader,
) -> Result<Option<&'a [u8]>, ElfError> {
    let Some(mut notes) = section.notes(endian, bytes)? else {
        return Ok(None);
    };
    while let Some(note) = notes.next()? {
        if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
            return Ok(Some(note.desc()));
        }
    }
    Ok(None)
}

/// Takes what counts out of a section of notes.
pub(super) fn read<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    bytes: &'a [u8],
    section: &Elf::SectionHeader,
    facts: &mut Facts<'a>,
) -> Result<(), ElfError> {
    let Some(mut notes) = section.notes(endian, bytes)? else {
        return Ok(());
    };
    while let Some(note) = notes.next()? {
        let kind = note.n_type(endian);
        if note.name() == elf::ELF_NOTE_GNU && kind == elf::NT_GNU_BUILD_ID {
            facts.build_id = facts.build_id.or(Some(note.desc()));
        } else if note.name() == elf::ELF_NOTE_GNU && kind == elf::NT_GNU_PROPERTY_TYPE_0 {
            facts.asks.isa_needed |= isa_needed(endian, note.desc(), facts.class);
        } else if note.name() == FDO && kind.0 == NT_DLOPEN {
            facts.opens.extend(opens(note.desc()));
        }
    }
    Ok(())
}

/// The levels of x86-64 in a note of properties: records of a type, a size and data, each filled up to a word.
fn isa_needed(endian: Endianness, mut records: &[u8], class: u8) -> u32 {
    let word = |bytes: &[u8]| Some(endian.read_u32(bytes.get(..4)?.try_into().ok()?));
    let mut needed = 0;
    while let (Some(kind), Some(size)) = (word(records), records.get(4..).and_then(word)) {
        let size = size as usize;
        let Some(data) = records.get(8..).and_then(|rest| rest.get(..size)) else {
            break;
        };
        if kind == elf::GNU_PROPERTY_X86_ISA_1_NEEDED.0 {
            needed |= word(data).unwrap_or_default();
        }
        let step = 8 + size.next_multiple_of(usize::from(class) / 8);
        records = records.get(step..).unwrap_or_default();
    }
    needed
}

/// The names in the JSON of a note: `[{"feature": …, "soname": ["libx.so.1"]}]`.
fn opens(json: &[u8]) -> Vec<String> {
    let text = json.strip_suffix(b"\0").unwrap_or(json);
    let entries: Vec<serde_json::Value> = serde_json::from_slice(text).unwrap_or_default(); // others may write anything
    let sonames = entries
        .iter()
        .filter_map(|entry| entry.get("soname")?.as_array());
    let names = sonames.flatten().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}
