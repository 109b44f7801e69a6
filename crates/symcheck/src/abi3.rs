//! `packaging/abi3-symbols.txt`: the symbols of CPython's stable ABI, and since which Python the limited API has each.
//!
//! Rule S8 judges by it, and the builder makes its stub libpython from it.

use std::path::Path;

use super::policy::{PolicyError, read};

/// What a symbol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi3Kind {
    /// Code that is called.
    Function,
    /// A variable, which is read or written.
    Data,
}

/// A symbol of the stable ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abi3Symbol {
    /// As CPython exports it.
    pub name: String,
    /// What it stands for.
    pub kind: Abi3Kind,
    /// The Python whose limited API first had it.
    pub added: (u8, u8),
}

/// The stable ABI, sorted by name.
#[derive(Debug)]
pub struct Abi3 {
    symbols: Vec<Abi3Symbol>,
}

impl Abi3 {
    /// Reads the list from a file.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let (name, text) = read(path)?;
        Self::parse(&name, &text)
    }

    /// Reads the text of the list; `name` is the file's name in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, PolicyError> {
        let mut symbols: Vec<Abi3Symbol> = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let at = start..start + line.trim_end().len();
            start += line.len();
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let wrong = |what| PolicyError::wrong(name, text, at.clone(), what);
            let symbol = parse_line(line)
                .ok_or_else(|| wrong("a line is `name function|data version [build option]`"))?;
            if symbols.last().is_some_and(|last| last.name >= symbol.name) {
                return Err(wrong("the names must be sorted, each once"));
            }
            symbols.push(symbol);
        }
        Ok(Self { symbols })
    }

    /// A symbol by its name.
    pub fn get(&self, name: &str) -> Option<&Abi3Symbol> {
        let at = self
            .symbols
            .binary_search_by(|symbol| symbol.name.as_str().cmp(name));
        self.symbols.get(at.ok()?)
    }

    /// The symbols that a Python of this version has, sorted by name.
    pub fn symbols_up_to(&self, python: (u8, u8)) -> impl Iterator<Item = (&str, Abi3Kind)> {
        self.symbols
            .iter()
            .filter(move |symbol| symbol.added <= python)
            .map(|symbol| (symbol.name.as_str(), symbol.kind))
    }
}

fn parse_line(line: &str) -> Option<Abi3Symbol> {
    let mut words = line.split_whitespace();
    let name = words.next()?.to_owned();
    let kind = match words.next()? {
        "function" => Abi3Kind::Function,
        "data" => Abi3Kind::Data,
        _ => return None,
    };
    let (major, minor) = words.next()?.split_once('.')?;
    let added = (major.parse().ok()?, minor.parse().ok()?);
    // A fourth word is the build option that CPython needs for it; every Debian and Ubuntu build has fork and thread ids.
    let _option = words.next();
    words
        .next()
        .is_none()
        .then_some(Abi3Symbol { name, kind, added })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/abi3-symbols.txt");
        let abi3 = Abi3::load(&path).unwrap();
        assert_eq!(abi3.get("_Py_Dealloc").unwrap().kind, Abi3Kind::Function);
        assert_eq!(abi3.get("_Py_NoneStruct").unwrap().kind, Abi3Kind::Data);
        assert_eq!(abi3.get("Py_NewRef").unwrap().added, (3, 10));
        assert!(abi3.get("_PyObject_CallMethodId").is_none());
        let old: Vec<_> = abi3.symbols_up_to((3, 8)).collect();
        assert!(old.len() > 700 && old.contains(&("PyLong_FromLong", Abi3Kind::Function)));
        assert!(!old.iter().any(|(name, _)| *name == "Py_NewRef"));
    }

    #[test]
    fn a_wrong_line_is_pointed_at() {
        for bad in [
            "PyA function\n",
            "PyA macro 3.2\n",
            "PyA data 3\n",
            "PyA data 3.2 X Y\n",
            "PyB data 3.2\nPyA data 3.2\n",
        ] {
            assert!(
                matches!(Abi3::parse("list", bad), Err(PolicyError::Wrong { .. })),
                "{bad}"
            );
        }
    }
}
