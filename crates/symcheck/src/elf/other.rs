//! What an ELF file is that is no shared library: a program, an object, debug symbols, a core dump.

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable};

use super::{ElfError, Other};

/// What a file is, if it is no shared library, by its headers.
pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
) -> Result<Option<Other>, ElfError> {
    of(Elf::parse(bytes)?, bytes)
}

/// As [`read`], for a file whose header was read before.
pub(super) fn of<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    bytes: &[u8],
) -> Result<Option<Other>, ElfError> {
    let endian = header.endian()?;
    match header.e_type(endian) {
        elf::ET_DYN | elf::ET_EXEC => {}
        elf::ET_REL => return Ok(Some(Other::Object)),
        elf::ET_CORE => return Ok(Some(Other::CoreDump)),
        _ => return Ok(Some(Other::Unknown)),
    }
    let segments = header.program_headers(endian, bytes)?;
    // The debug symbols of a program are of its type.
    if has_debug_symbols_alone::<Elf>(endian, segments, &header.sections(endian, bytes)?) {
        return Ok(Some(Other::DebugSymbols));
    }
    if header.e_type(endian) == elf::ET_EXEC {
        return Ok(Some(Other::Program));
    }
    Ok(is_program::<Elf>(endian, segments, bytes).then_some(Other::PositionIndependentProgram))
}

/// Whether the dynamic linker refuses to open it since it is a program. Nothing but the program headers has to be right.
fn is_program<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    bytes: &[u8],
) -> bool {
    let entries = segments
        .iter()
        .filter_map(|segment| segment.dynamic(endian, bytes).ok()?)
        .flatten()
        .take_while(|entry| entry.tag(endian) != elf::DT_NULL);
    entries
        .filter(|entry| entry.tag(endian) == elf::DT_FLAGS_1)
        .any(|entry| entry.val(endian) & elf::DF_1_PIE.0 != 0)
}

/// Whether nothing of it is in the file that the dynamic linker would map, as `objcopy --only-keep-debug` leaves it.
fn has_debug_symbols_alone<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    sections: &SectionTable<'_, Elf>,
) -> bool {
    let in_file = |segment: &Elf::ProgramHeader| {
        let kind = segment.p_type(endian);
        let code = kind == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X);
        (code || kind == elf::PT_DYNAMIC) && segment.p_filesz(endian).into() > 0
    };
    let kept = |section: &Elf::SectionHeader| {
        let kind = section.sh_type(endian);
        let loaded = section.sh_flags(endian).contains(elf::SHF_ALLOC);
        kind != elf::SHT_NULL && kind != elf::SHT_NOBITS && kind != elf::SHT_NOTE && loaded
    };
    !sections.is_empty() && !segments.iter().any(in_file) && !sections.iter().any(kept)
}
