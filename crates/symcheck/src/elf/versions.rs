//! Symbol versions: which ones a library needs from which library, which ones it defines, and which symbol has which.

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, SectionHeader, SectionTable};

use super::read::Names;
use super::{ElfError, malformed};

/// How many version records are read before the file is called malformed. libc defines some 40, libstdc++ some 60.
const MAX_RECORDS: usize = 1 << 15;

/// A version, as a symbol refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// Its name, such as `GLIBC_2.14`.
    pub name: &'a str,
    /// The library that has to have it; `None` for one that this library defines.
    pub library: Option<&'a str>,
    /// Whether the need is weak: the library is still loaded where the version is absent.
    pub weak: bool,
}

/// The versions of a library.
#[derive(Debug, Default)]
pub struct Versions<'a> {
    by_index: Vec<Option<Version<'a>>>,
    /// For each dynamic symbol its version's index, and whether it is hidden.
    of_symbols: Vec<(u16, bool)>,
}

impl<'a> Versions<'a> {
    /// The versions that it needs from other libraries, including those that no symbol refers to.
    pub fn needs(&self) -> impl Iterator<Item = &Version<'a>> {
        self.by_index
            .iter()
            .flatten()
            .filter(|version| version.library.is_some())
    }

    /// The version of a dynamic symbol.
    pub(super) fn of_symbol(&self, symbol: usize) -> Result<Option<&Version<'a>>, ElfError> {
        match self.of_symbols.get(symbol) {
            None if self.of_symbols.is_empty() => Ok(None),
            None => Err(malformed("there are fewer versions than dynamic symbols")),
            Some((0 | 1, _)) => Ok(None),
            Some((index, _)) => match self.by_index.get(usize::from(*index)) {
                Some(Some(version)) => Ok(Some(version)),
                _ => Err(malformed(
                    "a symbol refers to a version that does not exist",
                )),
            },
        }
    }

    /// Whether symbols have versions at all.
    pub fn exist(&self) -> bool {
        !self.of_symbols.is_empty()
    }

    /// The versions that it defines.
    pub fn defines(&self) -> impl Iterator<Item = &Version<'a>> {
        self.by_index
            .iter()
            .flatten()
            .filter(|version| version.library.is_none())
    }

    /// The number of a dynamic symbol's version.
    pub(super) fn index_of(&self, symbol: usize) -> u16 {
        self.of_symbols.get(symbol).map_or(0, |(index, _)| *index)
    }

    /// Whether a dynamic symbol's version is found only by those who ask for it.
    pub(super) fn is_hidden(&self, symbol: usize) -> bool {
        self.of_symbols
            .get(symbol)
            .is_some_and(|(_, hidden)| *hidden)
    }

    fn put(&mut self, index: u16, version: Version<'a>) -> Result<(), ElfError> {
        let index = usize::from(index);
        if index < 2 {
            return Err(malformed("a version has a reserved number"));
        }
        if self.by_index.len() <= index {
            self.by_index.resize(index + 1, None); // at most 32,768: the number has 15 bits
        }
        match self.by_index.get_mut(index) {
            Some(slot @ None) => *slot = Some(version),
            _ => return Err(malformed("two versions have the same number")),
        }
        Ok(())
    }
}

/// Reads the three version sections.
pub(super) fn read<'a, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    bytes: &'a [u8],
    sections: &SectionTable<'a, Elf>,
) -> Result<Versions<'a>, ElfError> {
    let mut versions = Versions::default();
    let mut names = Names::default();
    let mut budget = MAX_RECORDS;
    let mut spend = move || {
        budget = budget
            .checked_sub(1)
            .ok_or_else(|| malformed("it has more version records than any real library"))?;
        Ok::<_, ElfError>(())
    };
    for kind in [
        elf::SHT_GNU_VERSYM,
        elf::SHT_GNU_VERNEED,
        elf::SHT_GNU_VERDEF,
    ] {
        let mut found = sections.iter().filter(|s| s.sh_type(endian) == kind);
        if found.next().is_some() && found.next().is_some() {
            return Err(malformed("it has two version sections of one kind"));
        }
    }
    if let Some((mut needs, strings)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((need, mut parts)) = needs.next()? {
            spend()?;
            let library = names.get(&strings, need.vn_file.get(endian))?;
            while let Some(part) = parts.next()? {
                spend()?;
                let version = Version {
                    name: names.get(&strings, part.vna_name.get(endian))?,
                    library: Some(library),
                    weak: part.vna_flags.get(endian).contains(elf::VER_FLG_WEAK),
                };
                versions.put(part.vna_other(endian).index().0, version)?;
            }
        }
    }
    if let Some((mut definitions, strings)) = sections.gnu_verdef(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((definition, mut parts)) = definitions.next()? {
            spend()?;
            if definition.vd_flags.get(endian).contains(elf::VER_FLG_BASE) {
                continue;
            }
            if let Some(part) = parts.next()? {
                let version = Version {
                    name: names.get(&strings, part.vda_name.get(endian))?,
                    library: None,
                    weak: false,
                };
                versions.put(definition.vd_ndx.get(endian).0 & 0x7fff, version)?;
            }
        }
    }
    if let Some((table, _)) = sections.gnu_versym(endian, bytes)? {
        versions.of_symbols = table
            .iter()
            .map(|entry| {
                let index = entry.0.get(endian);
                (index.index().0, index.is_hidden())
            })
            .collect();
    }
    Ok(versions)
}
