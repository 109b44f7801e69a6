//! Reads the facts out of the ELF structures.

use std::borrow::Cow;

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, SectionIndex, StringTable};

use super::versions::{self, Versions};
use super::{
    Asks, Code, Definition, DynamicSymbol, ElfError, Endian, Facts, Other, Reading, References,
    Stack, Symbol, dynamic, malformed, notes, other, relocations, unsupported,
};

/// The longest dynamic name that is accepted.
const MAX_NAME: usize = 1 << 20;
/// How many bytes of names one table may have, counting overlapping ones each time.
const MAX_NAMES: usize = 1 << 28;
/// The types of symbols that the dynamic linker binds to.
const BINDABLE: [elf::SymbolType; 6] = [
    elf::STT_NOTYPE,
    elf::STT_OBJECT,
    elf::STT_FUNC,
    elf::STT_COMMON,
    elf::STT_TLS,
    elf::STT_GNU_IFUNC,
];

/// Reads all that the rules judge by.
pub(super) fn read<'a, Elf>(
    bytes: &'a [u8],
    class: u8,
    reading: Reading,
) -> Result<Facts<'a>, ElfError>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    match other::of::<Elf>(header, bytes)? {
        None => {}
        Some(Other::Program | Other::PositionIndependentProgram) if reading == Reading::Program => {
        }
        Some(other) => return Err(ElfError::NotShared(other)),
    }
    let sections = header.sections(endian, bytes)?;
    if sections.is_empty() {
        return Err(unsupported(
            "it has no section headers; the dynamic linker takes it, but nothing else can read it and confirm what was read",
        ));
    }
    let segments = header.program_headers(endian, bytes)?;
    let mut facts = of_header(
        header,
        endian,
        class,
        versions::read(endian, bytes, &sections)?,
    );
    let dynamic_segment = read_segments::<Elf>(endian, segments, &mut facts)?;
    let tables = read_sections::<Elf>(endian, bytes, &sections, &mut facts)?;
    is_at_one_place::<Elf>(endian, tables.dynamic, dynamic_segment)?;

    let loaded = Loaded::<Elf> {
        endian,
        segments,
        sections: &sections,
    };
    let Tables {
        dynamic, dynsym, ..
    } = tables;
    let strings = sections.strings(endian, bytes, dynsym.link(endian))?;
    let relocations = dynamic::read(&loaded, dynamic, dynsym, bytes, &strings, &mut facts)?;
    let symbols: &[Elf::Sym] = dynsym.data_as_array(endian, bytes)?;
    dynamic::no_symbol_is_out_of_sight(&loaded, bytes, symbols.len())?;
    let relocations = relocations::read(&loaded, relocations, bytes, facts.machine, symbols.len())?;
    facts.dynamic = read_dynamic_symbols(
        endian,
        symbols,
        &strings,
        &facts.versions,
        &relocations.references,
    )?;
    facts.pointed_to = relocations.pointed_to;
    if let Some(symtab) = tables.symtab.filter(|_| reading == Reading::Judged) {
        facts.symbols = Some(read_symbols(endian, &sections, symtab, bytes)?);
    }
    Ok(facts)
}

/// What the file header tells; everything else is still empty.
fn of_header<'a, Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    class: u8,
    versions: Versions<'a>,
) -> Facts<'a> {
    Facts {
        class,
        endian: match endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        },
        machine: header.e_machine(endian).0,
        os_abi: header.e_ident().os_abi.0,
        needed: Vec::new(),
        filters: Vec::new(),
        audits: Vec::new(),
        asks: Asks::default(),
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
        versions,
        symbols: None,
        code: Vec::new(),
        pointed_to: None,
        build_id: None,
        opens: Vec::new(),
        data: Vec::new(),
    }
}

/// Reads what the program headers tell, and finds the one dynamic segment.
fn read_segments<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &'a [Elf::ProgramHeader],
    facts: &mut Facts<'_>,
) -> Result<&'a Elf::ProgramHeader, ElfError> {
    let mut dynamic = Vec::new();
    for segment in segments {
        let flags = segment.p_flags(endian);
        let executable = flags.contains(elf::PF_X);
        match segment.p_type(endian) {
            elf::PT_GNU_RELRO => facts.relro |= segment.p_memsz(endian).into() > 0,
            elf::PT_TLS => facts.asks.tls_size = segment.p_memsz(endian).into(),
            elf::PT_GNU_STACK if executable => facts.stack = Stack::Executable,
            elf::PT_GNU_STACK => facts.stack = Stack::Plain,
            elf::PT_LOAD if executable && flags.contains(elf::PF_W) => facts.writable_code = true,
            elf::PT_DYNAMIC => dynamic.push(segment),
            _ => {}
        }
    }
    match dynamic[..] {
        [segment] => Ok(segment),
        _ => Err(malformed("it has no dynamic segment, or more than one")),
    }
}

/// The sections with tables.
struct Tables<'a, Elf: FileHeader> {
    dynamic: &'a Elf::SectionHeader,
    dynsym: &'a Elf::SectionHeader,
    /// The full symbol table, which strip removes.
    symtab: Option<&'a Elf::SectionHeader>,
}

/// Reads code, data and notes, and finds the tables, of which there may be one of each kind.
fn read_sections<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    bytes: &'a [u8],
    sections: &SectionTable<'a, Elf>,
    facts: &mut Facts<'a>,
) -> Result<Tables<'a, Elf>, ElfError> {
    let (mut dynamic, mut dynsym, mut symtab) = (None, None, None);
    for section in sections.iter() {
        let slot = match section.sh_type(endian) {
            elf::SHT_DYNAMIC => &mut dynamic,
            elf::SHT_DYNSYM => &mut dynsym,
            elf::SHT_SYMTAB => &mut symtab,
            elf::SHT_PROGBITS => {
                read_contents::<Elf>(endian, bytes, section, facts)?;
                continue;
            }
            elf::SHT_NOTE => {
                notes::read::<Elf>(endian, bytes, section, facts)?;
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
    match (dynamic, dynsym) {
        (Some(dynamic), Some(dynsym)) => Ok(Tables {
            dynamic,
            dynsym,
            symtab,
        }),
        _ => Err(malformed("it has no dynamic section or no dynamic symbols")),
    }
}

/// Keeps the code or the data of a section that is mapped into memory.
fn read_contents<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    bytes: &'a [u8],
    section: &Elf::SectionHeader,
    facts: &mut Facts<'a>,
) -> Result<(), ElfError> {
    let flags = section.sh_flags(endian);
    if !flags.contains(elf::SHF_ALLOC) {
        return Ok(());
    }
    let bytes = section.data(endian, bytes)?;
    match flags.contains(elf::SHF_EXECINSTR) {
        true => {
            let address = section.sh_addr(endian).into();
            facts.code.push(Code { address, bytes });
        }
        false => facts.data.push(bytes),
    }
    Ok(())
}

/// Checks that the section headers place the dynamic section where the dynamic linker reads it.
fn is_at_one_place<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    section: &Elf::SectionHeader,
    segment: &Elf::ProgramHeader,
) -> Result<(), ElfError> {
    let by_section: (u64, u64) = (
        section.sh_offset(endian).into(),
        section.sh_addr(endian).into(),
    );
    let by_segment: (u64, u64) = (
        segment.p_offset(endian).into(),
        segment.p_vaddr(endian).into(),
    );
    match by_section == by_segment {
        true => Ok(()),
        false => Err(malformed(
            "the dynamic section is not where the dynamic linker reads it",
        )),
    }
}

/// What the dynamic linker would map where.
pub(super) struct Loaded<'a, 's, Elf: FileHeader> {
    pub(super) endian: Elf::Endian,
    segments: &'a [Elf::ProgramHeader],
    pub(super) sections: &'s SectionTable<'a, Elf>,
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
    pub(super) fn same(
        &self,
        address: u64,
        section: &Elf::SectionHeader,
        what: &str,
    ) -> Result<(), ElfError> {
        let at: u64 = section.sh_addr(self.endian).into();
        if at == address && self.offset(address) == Some(section.sh_offset(self.endian).into()) {
            return Ok(());
        }
        Err(malformed(format!(
            "the section headers place {what} elsewhere than the dynamic linker reads it"
        )))
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
            elf::SHT_NOTE => id = id.or(notes::build_id::<Elf>(endian, bytes, section)?),
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
            let name = names.bytes(&strings, symbol.st_name(endian))?;
            file = std::str::from_utf8(name)
                .ok()
                .filter(|name| !name.is_empty());
        }
        if matches!(symbol.st_type(), elf::STT_SECTION | elf::STT_FILE) {
            continue;
        }
        let section = symbol.st_shndx(endian);
        let header = sections.section(SectionIndex(section.0.into()));
        let header = header.ok().filter(|_| section != elf::SHN_UNDEF);
        let has_bytes = header.is_some_and(|header| header.sh_type(endian) != elf::SHT_NOBITS);
        let in_code =
            header.is_some_and(|header| header.sh_flags(endian).contains(elf::SHF_EXECINSTR));
        symbols.push(Symbol {
            name: names.get_any(&strings, symbol.st_name(endian))?,
            has_bytes,
            in_code,
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
    /// A name that the dynamic linker looks up. It must be text, or no tool's output could be compared with it; spaces
    /// are text.
    pub(super) fn get<'a>(
        &mut self,
        strings: &StringTable<'a>,
        at: u32,
    ) -> Result<&'a str, ElfError> {
        let name = self.bytes(strings, at)?;
        if name.len() > MAX_NAME {
            return Err(unsupported(format!(
                "a dynamic name is longer than {MAX_NAME} bytes"
            )));
        }
        let name = std::str::from_utf8(name).ok();
        name.filter(|name| !name.chars().any(char::is_control))
            .ok_or_else(|| {
                unsupported("a dynamic name is not UTF-8, or has control characters, so that no tool's output can be compared with it")
            })
    }

    /// A name that only people read. Compilers put types and templates of any length and spelling there.
    pub(super) fn get_any<'a>(
        &mut self,
        strings: &StringTable<'a>,
        at: u32,
    ) -> Result<Cow<'a, str>, ElfError> {
        Ok(String::from_utf8_lossy(self.bytes(strings, at)?))
    }

    fn bytes<'a>(&mut self, strings: &StringTable<'a>, at: u32) -> Result<&'a [u8], ElfError> {
        let name = strings
            .get(at)
            .map_err(|()| malformed("a name lies outside its string table"))?;
        self.used = self.used.saturating_add(name.len());
        match self.used > MAX_NAMES {
            true => Err(unsupported(format!(
                "its names have more than {} MiB together",
                MAX_NAMES >> 20
            ))),
            false => Ok(name),
        }
    }
}
