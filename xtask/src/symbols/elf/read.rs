//! Reads the facts out of the ELF structures.

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, SectionIndex, StringTable};

use super::relocations::{self, Tables};
use super::versions::{self, Versions};
use super::{
    Code, Definition, DynamicSymbol, ElfError, Endian, Facts, References, Stack, Symbol, malformed,
};

/// The longest name that is accepted.
const MAX_NAME: usize = 1 << 16;
/// How many bytes of names one table may have, counting overlapping ones each time.
const MAX_NAMES: usize = 1 << 28;
/// DT_PLTREL's value for relocations with addends.
const RELA: u64 = elf::DT_RELA.0 as u64;
/// The types of symbols that the dynamic linker binds to.
const BINDABLE: [elf::SymbolType; 6] = [
    elf::STT_NOTYPE,
    elf::STT_OBJECT,
    elf::STT_FUNC,
    elf::STT_COMMON,
    elf::STT_TLS,
    elf::STT_GNU_IFUNC,
];

pub(super) fn read<'a, Elf>(
    bytes: &'a [u8],
    class: u8,
    program: bool,
) -> Result<Facts<'a>, ElfError>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    match header.e_type(endian) {
        elf::ET_DYN => {}
        elf::ET_EXEC if program => {}
        elf::ET_REL => return Err(ElfError::NotShared("object file")),
        elf::ET_EXEC => return Err(ElfError::NotShared("program")),
        elf::ET_CORE => return Err(ElfError::NotShared("core dump")),
        _ => return Err(ElfError::NotShared("file of an unknown type")),
    }
    let segments = header.program_headers(endian, bytes)?;
    let sections = header.sections(endian, bytes)?;
    if sections.is_empty() {
        return Err(malformed("it has no section headers"));
    }

    let mut facts = Facts {
        class,
        endian: match endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        },
        machine: header.e_machine(endian).0,
        needed: Vec::new(),
        soname: None,
        rpath: None,
        runpath: None,
        symbolic: false,
        bind_now: false,
        relro: false,
        stack: Stack::Unstated,
        text_relocations: false,
        writable_code: false,
        dynamic: Vec::new(),
        versions: versions::read(endian, bytes, &sections)?,
        symbols: None,
        code: Vec::new(),
        pointed_to: None,
        build_id: None,
        data: Vec::new(),
    };

    let mut dynamic_segments = Vec::new();
    for segment in segments {
        let flags = segment.p_flags(endian);
        let executable = flags.contains(elf::PF_X);
        match segment.p_type(endian) {
            elf::PT_GNU_RELRO => facts.relro = true,
            elf::PT_GNU_STACK if executable => facts.stack = Stack::Executable,
            elf::PT_GNU_STACK => facts.stack = Stack::Plain,
            elf::PT_LOAD if executable && flags.contains(elf::PF_W) => facts.writable_code = true,
            elf::PT_DYNAMIC => dynamic_segments.push(segment),
            _ => {}
        }
    }
    let [dynamic_segment] = dynamic_segments[..] else {
        return Err(malformed("it has no dynamic segment, or more than one"));
    };

    let mut tables = (None, None, None);
    for section in sections.iter() {
        let slot = match section.sh_type(endian) {
            elf::SHT_DYNAMIC => &mut tables.0,
            elf::SHT_DYNSYM => &mut tables.1,
            elf::SHT_SYMTAB => &mut tables.2,
            elf::SHT_PROGBITS => {
                let flags = section.sh_flags(endian);
                if !flags.contains(elf::SHF_ALLOC) {
                    continue;
                }
                let contents = section.data(endian, bytes)?;
                if flags.contains(elf::SHF_EXECINSTR) {
                    let address = section.sh_addr(endian).into();
                    facts.code.push(Code {
                        address,
                        bytes: contents,
                    });
                } else {
                    facts.data.push(contents);
                }
                continue;
            }
            elf::SHT_NOTE => {
                facts.build_id = facts.build_id.or(build_id::<Elf>(endian, bytes, section)?);
                continue;
            }
            _ => continue,
        };
        if slot.replace(section).is_some() {
            return Err(malformed(
                "it has two symbol tables or dynamic sections of one kind",
            ));
        }
    }
    let (Some(dynamic), Some(dynsym)) = (tables.0, tables.1) else {
        return Err(malformed("it has no dynamic section or no dynamic symbols"));
    };
    let by_header: (u64, u64) = (
        dynamic.sh_offset(endian).into(),
        dynamic.sh_addr(endian).into(),
    );
    let by_segment: (u64, u64) = (
        dynamic_segment.p_offset(endian).into(),
        dynamic_segment.p_vaddr(endian).into(),
    );
    if by_header != by_segment {
        return Err(malformed(
            "the dynamic section is not where the dynamic linker reads it",
        ));
    }

    let loaded = Loaded::<Elf> {
        endian,
        segments,
        sections: &sections,
    };
    let strings = sections.strings(endian, bytes, dynsym.link(endian))?;
    let relocations = read_dynamic(&loaded, dynamic, dynsym, bytes, &strings, &mut facts)?;
    let symbols: &[Elf::Sym] = dynsym.data_as_array(endian, bytes)?;
    let relocations = relocations::read(&loaded, relocations, bytes, facts.machine, symbols.len())?;
    facts.dynamic = read_dynamic_symbols(
        endian,
        symbols,
        &strings,
        &facts.versions,
        &relocations.references,
    )?;
    facts.pointed_to = relocations.pointed_to;
    if let Some(symtab) = tables.2 {
        facts.symbols = Some(read_symbols(endian, &sections, symtab, bytes)?);
    }
    Ok(facts)
}

/// The build-id in a section of notes.
fn build_id<'a, Elf: FileHeader<Endian = Endianness>>(
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

/// What the dynamic linker would map where.
pub(super) struct Loaded<'a, 's, Elf: FileHeader> {
    pub(super) endian: Elf::Endian,
    segments: &'a [Elf::ProgramHeader],
    sections: &'s SectionTable<'a, Elf>,
}

impl<Elf: FileHeader> Loaded<'_, '_, Elf> {
    /// The place in the file that is mapped to an address.
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let start: u64 = segment.p_vaddr(self.endian).into();
            let size: u64 = segment.p_filesz(self.endian).into();
            let inside = address.checked_sub(start)?;
            let offset: u64 = segment.p_offset(self.endian).into();
            (segment.p_type(self.endian) == elf::PT_LOAD && inside < size)
                .then(|| offset.checked_add(inside))?
        })
    }

    /// Whether a dynamic entry and a section header mean the same bytes.
    fn same(&self, address: u64, section: &Elf::SectionHeader, what: &str) -> Result<(), ElfError> {
        let at: u64 = section.sh_addr(self.endian).into();
        if at == address && self.offset(address) == Some(section.sh_offset(self.endian).into()) {
            return Ok(());
        }
        Err(malformed(format!(
            "the section headers place {what} elsewhere than the dynamic linker reads it"
        )))
    }
}

fn read_dynamic<'a, Elf: FileHeader<Endian = Endianness>>(
    loaded: &Loaded<'a, '_, Elf>,
    dynamic: &Elf::SectionHeader,
    dynsym: &Elf::SectionHeader,
    bytes: &'a [u8],
    strings: &StringTable<'a>,
    facts: &mut Facts<'a>,
) -> Result<Tables, ElfError> {
    let endian = loaded.endian;
    let mut relocations = Tables::default();
    let Some(table) = dynamic.dynamic_table(endian, bytes, loaded.sections)? else {
        return Err(malformed("the dynamic section can't be read"));
    };
    let mut names = Names::default();
    let mut seen = (false, false);
    for entry in table.iter() {
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
            elf::DT_BIND_NOW => facts.bind_now = true,
            elf::DT_TEXTREL => facts.text_relocations = true,
            elf::DT_SYMBOLIC => facts.symbolic = true,
            elf::DT_FLAGS => {
                facts.symbolic |= entry.val & elf::DF_SYMBOLIC.0 != 0;
                facts.bind_now |= entry.val & elf::DF_BIND_NOW.0 != 0;
                facts.text_relocations |= entry.val & elf::DF_TEXTREL.0 != 0;
            }
            elf::DT_FLAGS_1 => facts.bind_now |= entry.val & elf::DF_1_NOW.0 != 0,
            elf::DT_SYMTAB => {
                seen.0 = true;
                loaded.same(entry.val, dynsym, "the dynamic symbols")?;
            }
            elf::DT_STRTAB => {
                seen.1 = true;
                let section = loaded.sections.section(dynsym.link(endian))?;
                loaded.same(entry.val, section, "the dynamic strings")?;
            }
            elf::DT_VERSYM | elf::DT_VERNEED | elf::DT_VERDEF => {
                let kind = match entry.tag {
                    elf::DT_VERSYM => elf::SHT_GNU_VERSYM,
                    elf::DT_VERNEED => elf::SHT_GNU_VERNEED,
                    _ => elf::SHT_GNU_VERDEF,
                };
                let section = loaded.sections.iter().find(|s| s.sh_type(endian) == kind);
                let section =
                    section.ok_or_else(|| malformed("a version section has no header"))?;
                loaded.same(entry.val, section, "the symbol versions")?;
            }
            elf::DT_RELR => relocations.packed = true,
            elf::DT_REL => relocations.rel.0 = entry.val,
            elf::DT_RELSZ => relocations.rel.1 = entry.val,
            elf::DT_RELA => relocations.rela.0 = entry.val,
            elf::DT_RELASZ => relocations.rela.1 = entry.val,
            elf::DT_JMPREL => relocations.jump_slots.0 = entry.val,
            elf::DT_PLTRELSZ => relocations.jump_slots.1 = entry.val,
            elf::DT_PLTREL => relocations.jump_slots_have_addends = entry.val == RELA,
            _ => {}
        }
    }
    match seen {
        (true, true) => Ok(relocations),
        _ => Err(malformed(
            "the dynamic section names no symbols or no strings",
        )),
    }
}

fn read_dynamic_symbols<'a, Symbol: Sym<Endian = Endianness>>(
    endian: Endianness,
    table: &[Symbol],
    strings: &StringTable<'a>,
    versions: &Versions<'a>,
    references: &[References],
) -> Result<Vec<DynamicSymbol<'a>>, ElfError> {
    let mut names = Names::default();
    let mut symbols = Vec::new();
    for (index, symbol) in table.iter().enumerate().skip(1) {
        let bookkeeping = matches!(symbol.st_type(), elf::STT_SECTION | elf::STT_FILE);
        let name = names.get(strings, symbol.st_name(endian))?;
        if name.is_empty() {
            if bookkeeping {
                continue;
            }
            return Err(malformed(format!("dynamic symbol {index} has no name")));
        }
        let undefined = symbol.st_shndx(endian) == elf::SHN_UNDEF;
        let version = versions.of_symbol(index)?;
        let address: u64 = symbol.st_value(endian).into();
        let kind = symbol.st_type();
        let placed =
            address != 0 || symbol.st_shndx(endian) == elf::SHN_ABS || kind == elf::STT_TLS;
        let definition = match (undefined, placed) {
            _ if !BINDABLE.contains(&kind) => Definition::None,
            (true, true) => Definition::Address,
            (false, true) => Definition::Any,
            (_, false) => Definition::None,
        };
        symbols.push(DynamicSymbol {
            name,
            version: version.map(|version| version.name),
            hidden_version: versions.is_hidden(index),
            library: version.and_then(|version| version.library),
            undefined,
            weak: symbol.is_weak(),
            local: symbol.is_local(),
            exportable: matches!(
                symbol.st_visibility(),
                elf::STV_DEFAULT | elf::STV_PROTECTED
            ),
            bookkeeping,
            protected: symbol.st_visibility() == elf::STV_PROTECTED,
            unique: symbol.st_bind() == elf::STB_GNU_UNIQUE,
            version_index: versions.index_of(index),
            address: (!undefined).then_some(address),
            definition,
            references: references.get(index).copied().unwrap_or_default(),
        });
    }
    Ok(symbols)
}

/// The build-id and the full symbol table of a file that need not be one that can be loaded.
pub(super) fn read_names<'a, Elf>(
    bytes: &'a [u8],
) -> Result<(Option<&'a [u8]>, Vec<Symbol<'a>>), ElfError>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let (mut id, mut symbols) = (None, Vec::new());
    for section in sections.iter() {
        match section.sh_type(endian) {
            elf::SHT_NOTE => id = id.or(build_id::<Elf>(endian, bytes, section)?),
            elf::SHT_SYMTAB => symbols = read_symbols(endian, &sections, section, bytes)?,
            _ => {}
        }
    }
    Ok((id, symbols))
}

fn read_symbols<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    sections: &SectionTable<'a, Elf>,
    symtab: &Elf::SectionHeader,
    bytes: &'a [u8],
) -> Result<Vec<Symbol<'a>>, ElfError> {
    let strings = sections.strings(endian, bytes, symtab.link(endian))?;
    let table: &[Elf::Sym] = symtab.data_as_array(endian, bytes)?;
    let mut names = Names::default();
    let mut symbols = Vec::new();
    let mut file = None;
    for symbol in table.iter().skip(1) {
        if symbol.st_type() == elf::STT_FILE {
            // A file's local symbols follow its name; the linker's own follow one without.
            let name = names.get(&strings, symbol.st_name(endian))?;
            file = Some(name).filter(|name| !name.is_empty());
        }
        if matches!(symbol.st_type(), elf::STT_SECTION | elf::STT_FILE) {
            continue;
        }
        let section = symbol.st_shndx(endian);
        let has_bytes = section != elf::SHN_UNDEF
            && sections
                .section(SectionIndex(section.0.into()))
                .is_ok_and(|section| section.sh_type(endian) != elf::SHT_NOBITS);
        symbols.push(Symbol {
            name: names.get(&strings, symbol.st_name(endian))?,
            has_bytes,
            function: symbol.st_type() == elf::STT_FUNC,
            address: symbol.st_value(endian).into(),
            size: symbol.st_size(endian).into(),
            file: file.filter(|_| symbol.is_local()),
        });
    }
    Ok(symbols)
}

/// Takes names out of a string table, as long as they stay within the budget.
#[derive(Default)]
pub(super) struct Names {
    used: usize,
}

impl Names {
    /// One name. It must be UTF-8 without spaces and control characters, or no tool's output could be compared with it.
    pub(super) fn get<'a>(
        &mut self,
        strings: &StringTable<'a>,
        at: u32,
    ) -> Result<&'a str, ElfError> {
        let name = strings
            .get(at)
            .map_err(|()| malformed("a name lies outside its string table"))?;
        self.used = self.used.saturating_add(name.len());
        if name.len() > MAX_NAME || self.used > MAX_NAMES {
            return Err(malformed("its names are longer than any real library's"));
        }
        let name = std::str::from_utf8(name).map_err(|_| malformed("a name is not UTF-8"))?;
        if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(malformed("a name has spaces or control characters"));
        }
        Ok(name)
    }
}
