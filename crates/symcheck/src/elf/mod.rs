//! The facts of a shared library that the rules judge, read once from the ELF file itself.
//!
//! The file may come from anywhere, so nothing here trusts it: every size is checked against the file, every loop has a
//! budget, nothing recurses, and names are borrowed from the file instead of copied. The section headers (which this
//! reader, `nm` and `readelf` go by) must say the same as the program headers (which the dynamic linker goes by);
//! a file in which they differ is refused, because then the rules would judge another library than the one that is loaded.

mod dynamic;
mod notes;
mod other;
mod read;
mod relocations;
mod versions;

use std::borrow::Cow;
use std::ops::Range;

use miette::Diagnostic;
use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use base::exit::{Exit, ExitKind};
pub use versions::{Version, Versions};

/// Why a file could not be read as a shared library.
#[derive(Debug, Error, Diagnostic)]
pub enum ElfError {
    /// It is something else.
    #[error("it is not an ELF file")]
    NotElf,
    /// It is ELF, but nothing that can be loaded into a running program.
    #[error("it is {}, not a shared library", .0.described())]
    NotShared(Other),
    /// It is ELF and the dynamic linker may take it, but nothing can be proven of it.
    #[error("the ELF file is refused: {0}")]
    Unsupported(String),
    /// Its own parts contradict each other, or lead out of the file.
    #[error("the ELF file is malformed: {0}")]
    Malformed(String),
}

impl ExitKind for ElfError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotElf | Self::NotShared(_) => Exit::Usage,
            Self::Malformed(_) | Self::Unsupported(_) => Exit::CheckFailed,
        }
    }
}

/// For what a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A library, to be judged by all rules.
    Judged,
    /// A library around one.
    Around,
    /// The program that loads them.
    Program,
}

/// What an ELF file is that is no shared library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// What a compiler makes of one source file, or a kernel module.
    Object,
    /// A program at a fixed address.
    Program,
    /// A position-independent program: the dynamic linker refuses to open it.
    PositionIndependentProgram,
    /// The memory of a process that died.
    CoreDump,
    /// Debug symbols that were split off.
    DebugSymbols,
    /// A type that this tool does not know.
    Unknown,
}

impl Other {
    /// What people call it.
    pub fn described(self) -> &'static str {
        match self {
            Self::Object => "an object file",
            Self::Program => "a program",
            Self::PositionIndependentProgram => "a program (position-independent: DF_1_PIE)",
            Self::CoreDump => "a core dump",
            Self::DebugSymbols => "a file with debug symbols alone",
            Self::Unknown => "an ELF file of an unknown type",
        }
    }
}

impl From<object::read::Error> for ElfError {
    fn from(error: object::read::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

fn malformed(what: impl Into<String>) -> ElfError {
    ElfError::Malformed(what.into())
}

fn unsupported(what: impl Into<String>) -> ElfError {
    ElfError::Unsupported(what.into())
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// What the file says about the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// `PT_GNU_STACK` without `PF_X`.
    Plain,
    /// `PT_GNU_STACK` with `PF_X`.
    Executable,
    /// Nothing, which the kernel takes for executable on most machines.
    Unstated,
}

/// A symbol of the dynamic symbol table.
#[derive(Debug, Clone, Copy)]
pub struct DynamicSymbol<'a> {
    /// As the dynamic linker looks it up, without its version.
    pub name: &'a str,
    /// Its version, where it has one.
    pub version: Option<&'a str>,
    /// Whether only those who ask for that very version get it (`name@VERSION`, not `name@@VERSION`).
    pub hidden_version: bool,
    /// Which library has to provide it, for an undefined symbol with a version.
    pub library: Option<&'a str>,
    /// Whether the library needs it rather than provides it.
    pub undefined: bool,
    /// Whether it may stay unresolved, or be overridden.
    pub weak: bool,
    /// Whether others can see it at all.
    pub local: bool,
    /// Whether its visibility lets other libraries bind to it.
    pub exportable: bool,
    /// Whether it stands for a section or a source file.
    pub bookkeeping: bool,
    /// Whether its own library always binds to its own definition (STV_PROTECTED).
    pub protected: bool,
    /// Whether the process has one definition of it for all libraries, the first that is looked up (STB_GNU_UNIQUE).
    pub unique: bool,
    /// The number of its version, as DT_VERSYM has it: 0 and 1 stand for none, 2 for the first that the library defines.
    pub version_index: u16,
    /// Where it is when the library is loaded at zero, for one that is defined.
    pub address: Option<u64>,
    /// How far the dynamic linker takes it for a definition.
    pub definition: Definition,
    /// How the library's relocations refer to it.
    pub references: References,
}

/// Whether the dynamic linker lets a reference bind to a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// No reference can bind to it.
    None,
    /// Only those that take an address: a program's jump slot that stands for the function (an undefined symbol with a value).
    Address,
    /// Any reference can bind to it.
    Any,
}

/// The kinds of relocations that refer to a symbol; the dynamic linker looks up only what one refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct References {
    /// Jump slots, and places of thread-local storage.
    pub calls: bool,
    /// Addresses that the loader writes into data.
    pub addresses: bool,
    /// Copies of another library's data into a program.
    pub copies: bool,
}

impl References {
    /// Whether there are any.
    pub fn any(self) -> bool {
        self.calls || self.addresses || self.copies
    }
}

impl DynamicSymbol<'_> {
    /// Whether other libraries can bind to it.
    pub fn exported(&self) -> bool {
        !self.undefined && !self.local && self.exportable && !self.bookkeeping
    }
}

/// A symbol of the full symbol table, which strip removes.
#[derive(Debug, Clone)]
pub struct Symbol<'a> {
    /// Its name; bytes that are not text are written as `\u{fffd}`.
    pub name: Cow<'a, str>,
    /// Whether it names bytes of this file: defined, and not in a section of zeros.
    pub has_bytes: bool,
    /// Whether it lies in a section of code.
    pub in_code: bool,
    /// Whether it names code.
    pub function: bool,
    /// Where it is when the library is loaded at zero.
    pub address: u64,
    /// How many bytes it names.
    pub size: u64,
    /// The file that it was compiled from, for one that is local to it.
    pub file: Option<&'a str>,
}

/// A function, by its name in a full symbol table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSymbol {
    /// Bytes that are not text are written as `\u{fffd}`.
    pub name: String,
    /// Where it is when the library is loaded at zero.
    pub address: u64,
    /// How many bytes it has.
    pub size: u64,
    /// The file that it was compiled from, for one that is local to it.
    pub file: Option<String>,
}

impl FunctionSymbol {
    /// The address behind it.
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    /// The functions among symbols, sorted by address, one for each.
    fn all(symbols: &[Symbol<'_>]) -> Vec<Self> {
        let mut functions: Vec<Self> = symbols
            .iter()
            .filter(|symbol| symbol.function && symbol.address != 0 && symbol.size != 0)
            .map(|symbol| Self {
                name: symbol.name.clone().into_owned(),
                address: symbol.address,
                size: symbol.size,
                file: symbol.file.map(str::to_owned),
            })
            .collect();
        functions.sort_by_key(|function| function.address);
        functions.dedup_by_key(|function| function.address);
        functions
    }
}

/// What a full symbol table says of a library's code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeMap {
    /// The functions, sorted by address.
    pub functions: Vec<FunctionSymbol>,
    /// Data that lies among the code, sorted by address.
    pub data: Vec<Range<u64>>,
}

impl CodeMap {
    fn of(symbols: &[Symbol<'_>]) -> Self {
        Self {
            functions: FunctionSymbol::all(symbols),
            data: data(symbols),
        }
    }
}

/// The data by AArch64's mapping symbols (ELF for the Arm 64-bit Architecture, 5.5.1): from a `$d` to the next `$x`. x86 has
/// none. Those of debug sections, whose addresses are places in these, mean no code.
fn data(symbols: &[Symbol<'_>]) -> Vec<Range<u64>> {
    let is = |name: &str, kind: &str| {
        let rest = name.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut marks: Vec<(u64, bool)> = symbols
        .iter()
        .filter(|symbol| symbol.in_code && !symbol.function)
        .filter_map(|symbol| {
            let is_code = is(&symbol.name, "$x");
            (is_code || is(&symbol.name, "$d")).then_some((symbol.address, is_code))
        })
        .collect();
    // Where both are at one address, it is code: the last of them counts.
    marks.sort_unstable();
    marks
        .windows(2)
        .filter(|pair| !pair[0].1 && pair[0].0 < pair[1].0)
        .map(|pair| pair[0].0..pair[1].0)
        .collect()
}

/// What an ELF file is, if it is no shared library. Only its headers are read: one that is a library may still be broken.
pub fn other(bytes: &[u8]) -> Result<Option<Other>, ElfError> {
    match bytes.get(..5) {
        Some(b"\x7fELF\x01") => other::read::<FileHeader32<Endianness>>(bytes),
        Some(b"\x7fELF\x02") => other::read::<FileHeader64<Endianness>>(bytes),
        Some(b"\x7fELF\x00") | None => Err(malformed("it is cut off, or of no class")),
        Some(_) => Err(malformed("the class is neither 32 nor 64 bits")),
    }
}

/// The build-id and the functions of a file with a symbol table: a library before strip, or its debug symbols alone.
pub fn code_map_of(bytes: &[u8]) -> Result<(Option<&[u8]>, CodeMap), ElfError> {
    let (build_id, symbols) = match bytes.get(..5) {
        Some(b"\x7fELF\x01") => read::read_names::<FileHeader32<Endianness>>(bytes)?,
        Some(b"\x7fELF\x02") => read::read_names::<FileHeader64<Endianness>>(bytes)?,
        _ => return Err(ElfError::NotElf),
    };
    Ok((build_id, CodeMap::of(&symbols)))
}

/// What a library asks of the dynamic linker, beside relocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asks {
    /// Not to be opened by a running process (DF_1_NOOPEN).
    pub no_open: bool,
    /// That its libraries are not looked for in the system's directories (DF_1_NODEFLIB).
    pub no_default_directories: bool,
    /// A place in the thread-local storage that is laid out when the process starts (DF_STATIC_TLS).
    pub static_tls: bool,
    /// How many bytes of thread-local storage it has.
    pub tls_size: u64,
    /// The levels of x86-64 that its note says it needs (GNU_PROPERTY_X86_ISA_1_NEEDED), as bits from v1 on.
    pub isa_needed: u32,
}

/// A section of instructions.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// Where it is when the library is loaded at zero.
    pub address: u64,
    /// The machine code, as it lies in the file.
    pub bytes: &'a [u8],
}

/// All that the rules need to know of a library.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The bits of an address: 32 or 64.
    pub class: u8,
    /// The byte order of its numbers.
    pub endian: Endian,
    /// `e_machine`: the processor that it is for.
    pub machine: u16,
    /// The ABI of an operating system (`EI_OSABI`).
    pub os_abi: u8,
    /// DT_NEEDED, in the order in which they are loaded.
    pub needed: Vec<&'a str>,
    /// DT_SONAME: the name by which others need it.
    pub soname: Option<&'a str>,
    /// DT_RPATH: where what it needs is looked for first; ignored where there is a DT_RUNPATH.
    pub rpath: Option<&'a str>,
    /// DT_RUNPATH: where its own DT_NEEDED entries are looked for first.
    pub runpath: Option<&'a str>,
    /// DT_AUXILIARY and DT_FILTER: libraries that are loaded with it, and looked into before it.
    pub filters: Vec<&'a str>,
    /// DT_AUDIT and DT_DEPAUDIT: libraries that would watch and redirect the dynamic linker.
    pub audits: Vec<&'a str>,
    /// What it asks of the dynamic linker, beside relocation.
    pub asks: Asks,
    /// Whether its references are looked up in itself first (DT_SYMBOLIC).
    pub symbolic: bool,
    /// Whether all symbols are bound when it is loaded.
    pub bind_now: bool,
    /// Whether it has a segment that becomes read-only after relocation.
    pub relro: bool,
    /// What it says about the stack.
    pub stack: Stack,
    /// Whether relocations write into its code.
    pub text_relocations: bool,
    /// Whether a segment is writable and executable at once.
    pub writable_code: bool,
    /// The dynamic symbols, without the empty first one.
    pub dynamic: Vec<DynamicSymbol<'a>>,
    /// The versions it needs and defines.
    pub versions: Versions<'a>,
    /// The full symbol table; `None` where it was stripped.
    pub symbols: Option<Vec<Symbol<'a>>>,
    /// The sections of instructions.
    pub code: Vec<Code<'a>>,
    /// The addresses that the dynamic linker writes into tables, in the order of the file: pointers to functions and data of
    /// the library itself. `None` where the file keeps them in a form that is not read here (DT_REL).
    pub pointed_to: Option<Vec<u64>>,
    /// What the linker computed from the contents, to tell builds apart (NT_GNU_BUILD_ID).
    pub build_id: Option<&'a [u8]>,
    /// Libraries that a note says it opens by name while it runs (`.note.dlopen`).
    pub opens: Vec<String>,
    /// The contents of sections that are loaded, hold data of the file and are not code.
    data: Vec<&'a [u8]>,
}

impl<'a> Facts<'a> {
    /// Reads the facts of a shared library.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ElfError> {
        Self::read_as(bytes, Reading::Judged)
    }

    /// The same of a library of which only what the dynamic linker reads is asked.
    pub fn read_around(bytes: &'a [u8]) -> Result<Self, ElfError> {
        Self::read_as(bytes, Reading::Around)
    }

    /// The same of a program with dynamic symbols, whether it has a fixed address or not.
    pub fn read_program(bytes: &'a [u8]) -> Result<Self, ElfError> {
        Self::read_as(bytes, Reading::Program)
    }

    fn read_as(bytes: &'a [u8], reading: Reading) -> Result<Self, ElfError> {
        if !bytes.starts_with(b"\x7fELF") {
            return Err(ElfError::NotElf);
        }
        match bytes.get(4) {
            Some(1) => read::read::<FileHeader32<Endianness>>(bytes, 32, reading),
            Some(2) => read::read::<FileHeader64<Endianness>>(bytes, 64, reading),
            _ => Err(malformed("the class is neither 32 nor 64 bits")),
        }
    }

    /// Its functions, sorted by address; `None` where their names were stripped.
    pub fn code_map(&self) -> Option<CodeMap> {
        self.symbols.as_deref().map(CodeMap::of)
    }

    /// The symbols that it needs from others.
    pub fn undefined(&self) -> impl Iterator<Item = &DynamicSymbol<'a>> {
        self.dynamic
            .iter()
            .filter(|symbol| symbol.undefined && !symbol.bookkeeping)
    }

    /// The symbols that others can bind to.
    pub fn exported(&self) -> impl Iterator<Item = &DynamicSymbol<'a>> {
        self.dynamic.iter().filter(|symbol| symbol.exported())
    }

    /// Runs of printable characters in its data, as strings(1) shows them.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.data.iter().flat_map(|section| {
            section
                .split(|byte| !matches!(byte, 0x20..=0x7e))
                .filter(|run| run.len() >= 5)
                .filter_map(|run| std::str::from_utf8(run).ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &'static str, address: u64, in_code: bool) -> Symbol<'static> {
        Symbol {
            name: name.into(),
            has_bytes: true,
            in_code,
            function: false,
            address,
            size: 0,
            file: None,
        }
    }

    /// Catches code that is not looked at: a mark of a debug section has an address like that of code, and two marks may be at
    /// one place.
    #[test]
    fn data_is_what_marks_among_the_code_say() {
        let marks = [
            mark("$x", 0x10, true),
            mark("$d", 0x20, true),
            mark("$x.7", 0x28, true),
            mark("$d", 0x30, false),
            mark("$d", 0x40, true),
            mark("$x", 0x40, true),
            mark("$dollar", 0x50, true),
            mark("$d.3", 0x60, true),
            mark("$d", 0x64, true),
            mark("$x", 0x68, true),
        ];
        assert_eq!(data(&marks), [0x20..0x28, 0x60..0x64, 0x64..0x68]);
    }
}
