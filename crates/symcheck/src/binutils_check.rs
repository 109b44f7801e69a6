//! `nm` and `readelf` read the same file and must see the same symbols, so that the checker is itself checked.

use std::io;
use std::path::Path;
use std::process::Output;

use miette::Diagnostic;
use thiserror::Error;

use super::elf::{DynamicSymbol, Endian, Facts};
use super::report::BinutilsCheck;
use base::exit::{Exit, ExitKind};
use base::process::Program;

/// How many differences an error names.
const SHOWN: usize = 5;

const VISIBILITIES: [&str; 4] = ["DEFAULT", "PROTECTED", "HIDDEN", "INTERNAL"];

/// Why binutils do not confirm what this crate has read.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum BinutilsError {
    /// It is not installed.
    #[error("the second witness is missing: can't run `{program}`: {source}")]
    #[diagnostic(help("apt install binutils"))]
    Missing {
        program: &'static str,
        source: io::Error,
    },
    /// It could not read the file, though this tool could.
    #[error("`{program}` can't read it, though this tool can: {message}")]
    Refused {
        program: &'static str,
        message: String,
    },
    /// It saw something else.
    #[error("`{program}` and this tool disagree about its {what}: {}", differences.join("; "))]
    #[diagnostic(help(
        "one of the two is wrong, so neither is trusted; keep the file and report it"
    ))]
    Disagrees {
        program: &'static str,
        what: &'static str,
        /// The first of them, at most five.
        differences: Vec<String>,
    },
}

impl ExitKind for BinutilsError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. } => Exit::CannotHere,
            Self::Refused { .. } | Self::Disagrees { .. } => Exit::CheckFailed,
        }
    }
}

/// Has binutils read the file and compares.
pub fn check(path: &Path, facts: &Facts) -> Result<BinutilsCheck, BinutilsError> {
    let nm = run("nm", &["--dynamic", "--with-symbol-versions"], path)?;
    let readelf = run(
        "readelf",
        &["--wide", "--file-header", "--dynamic", "--dyn-syms"],
        path,
    )?;

    let mut ours: Vec<String> = facts
        .dynamic
        .iter()
        .filter(|symbol| !symbol.bookkeeping)
        .map(described)
        .collect();
    ours.sort_unstable();
    compare("nm", "dynamic symbols", &ours, nm_symbols(&nm))?;
    // readelf writes the first byte alone of a letter that is not ASCII's.
    let mut ascii: Vec<String> = ours.iter().map(|name| in_ascii(name)).collect();
    ascii.sort_unstable();
    let theirs = readelf_symbols(&readelf);
    let theirs = theirs.iter().map(|name| in_ascii(name)).collect();
    compare("readelf", "dynamic symbols", &ascii, theirs)?;

    let mut ours: Vec<String> = vec![
        format!("class ELF{}", facts.class),
        match facts.endian {
            Endian::Little => "little endian".to_owned(),
            Endian::Big => "big endian".to_owned(),
        },
    ];
    ours.extend(facts.needed.iter().map(|name| format!("NEEDED {name}")));
    ours.extend(facts.soname.iter().map(|name| format!("SONAME {name}")));
    ours.extend(facts.rpath.iter().map(|name| format!("RPATH {name}")));
    ours.extend(facts.runpath.iter().map(|name| format!("RUNPATH {name}")));
    ours.sort_unstable();
    compare(
        "readelf",
        "header and dynamic section",
        &ours,
        readelf_dynamic(&readelf),
    )?;

    Ok(BinutilsCheck {
        programs: vec!["nm".to_owned(), "readelf".to_owned()],
        symbols: facts
            .dynamic
            .iter()
            .filter(|symbol| !symbol.bookkeeping)
            .count(),
    })
}

/// A text with one mark for each letter that is not ASCII's.
fn in_ascii(text: &str) -> String {
    let mark = |letter: char| if letter.is_ascii() { letter } else { '?' };
    text.chars().map(mark).collect()
}

fn run(program: &'static str, args: &[&str], path: &Path) -> Result<String, BinutilsError> {
    let Output {
        status,
        stdout,
        stderr,
    } = Program::new(program)
        .args(args.iter().copied())
        .arg("--")
        .arg(path)
        .command()
        .output()
        .map_err(|source| BinutilsError::Missing { program, source })?;
    if !status.success() {
        let message = String::from_utf8_lossy(&stderr).trim().to_owned();
        return Err(BinutilsError::Refused { program, message });
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// A symbol as both tools write it, with whether it is defined.
fn described(symbol: &DynamicSymbol) -> String {
    let word = if symbol.undefined { "needs" } else { "has" };
    match symbol.version {
        None => format!("{word} {}", symbol.name),
        // The symbol that stands for a version itself: nm leaves the version out, readelf doesn't.
        Some(version) if version == symbol.name => format!("{word} {version}"),
        // A version that another library has to provide is never the default one here.
        Some(version) if symbol.undefined || symbol.hidden_version || symbol.library.is_some() => {
            format!("{word} {}@{version}", symbol.name)
        }
        Some(version) => format!("{word} {}@@{version}", symbol.name),
    }
}

/// `0000000000001139 T name@@VERSION`, or without the address for what is undefined.
fn nm_symbols(output: &str) -> Vec<String> {
    let mut symbols = Vec::new();
    for line in output.lines() {
        // A name may have spaces, so it is all that follows the letter.
        let line = line.trim_start();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let address = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match address.then(|| rest.split_once(' ')).flatten() {
            Some((_, name)) => symbols.push(format!("has {name}")),
            None if !rest.is_empty() => symbols.push(format!("needs {rest}")),
            None => {}
        }
    }
    symbols
}

/// `     7: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND name@VERSION (2)`
fn readelf_symbols(output: &str) -> Vec<String> {
    let mut symbols = Vec::new();
    for line in output.lines() {
        let number = line.trim_start().split_once(':');
        if number.is_none_or(|(number, _)| number.parse::<usize>().is_err()) {
            continue;
        }
        let kind = line.split_whitespace().nth(3);
        // Everything before the visibility can be several words, such as `<OS specific>: 10`; after it some machines
        // have flags in brackets. A name may have spaces, so it is all that follows the section.
        let behind = VISIBILITIES.iter().filter_map(|word| {
            let word = format!(" {word} ");
            let at = line.find(&word)?;
            Some((at, line.get(at + word.len()..)?))
        });
        let Some((_, mut rest)) = behind.min_by_key(|(at, _)| *at) else {
            continue;
        };
        rest = rest.trim_start();
        while rest.starts_with('[') {
            rest = rest
                .split_once(']')
                .map_or("", |(_, rest)| rest.trim_start());
        }
        let Some((section, name)) = rest.split_once(' ') else {
            continue;
        };
        if kind != Some("SECTION") && kind != Some("FILE") {
            let word = if section == "UND" { "needs" } else { "has" };
            let name = without_number(name.trim_start());
            if name.is_empty() {
                continue; // the first entry, which stands for no symbol
            }
            let name = match name.split_once("@@") {
                Some((name, version)) if name == version => name,
                _ => name,
            };
            symbols.push(format!("{word} {name}"));
        }
    }
    symbols
}

/// A name without the number of its version, which readelf writes behind one that is needed: `name@VERSION (2)`.
fn without_number(name: &str) -> &str {
    let bare = name
        .strip_suffix(')')
        .and_then(|name| name.rsplit_once(" ("));
    match bare {
        Some((bare, number)) if name.contains('@') && number.parse::<u16>().is_ok() => bare,
        _ => name,
    }
}

/// The file's class and byte order, and the dynamic entries that are names.
fn readelf_dynamic(output: &str) -> Vec<String> {
    let mut facts = Vec::new();
    for line in output.lines() {
        let line = line.trim();
        if let Some(class) = line.strip_prefix("Class:") {
            facts.push(format!("class {}", class.trim()));
        } else if let Some(data) = line.strip_prefix("Data:") {
            let order = data.rsplit(',').next().unwrap_or(data);
            facts.push(order.trim().to_owned());
        }
        for tag in ["NEEDED", "SONAME", "RPATH", "RUNPATH"] {
            let Some((_, value)) = line.split_once(&format!("({tag})")) else {
                continue;
            };
            if let Some((_, name)) = value.split_once('[') {
                facts.push(format!("{tag} {}", name.strip_suffix(']').unwrap_or(name)));
            }
        }
    }
    facts
}

/// Compares as multisets; `ours` is sorted.
fn compare(
    program: &'static str,
    what: &'static str,
    ours: &[String],
    mut theirs: Vec<String>,
) -> Result<(), BinutilsError> {
    theirs.sort_unstable();
    if ours == theirs {
        return Ok(());
    }
    let (mut i, mut j) = (0, 0);
    let mut differences = Vec::new();
    while differences.len() < SHOWN {
        match (ours.get(i), theirs.get(j)) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                differences.push(format!("only this tool sees `{a}`"));
                i += 1;
            }
            (_, Some(b)) => {
                differences.push(format!("only `{program}` sees `{b}`"));
                j += 1;
            }
            (Some(_), None) => break,
        }
    }
    Err(BinutilsError::Disagrees {
        program,
        what,
        differences,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_binutils_prints() {
        let nm = "0000000000001139 T Pg_magic_func\n                 w __gmon_start__\n                 U malloc@GLIBC_2.2.5\n";
        let expected = [
            "has Pg_magic_func",
            "needs __gmon_start__",
            "needs malloc@GLIBC_2.2.5",
        ];
        assert_eq!(nm_symbols(nm), expected);
        let readelf = "\
Symbol table '.dynsym' contains 6 entries:
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT  UND
     1: 0000000000000000     0 NOTYPE  WEAK   DEFAULT  UND __gmon_start__
     2: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND malloc@GLIBC_2.2.5 (2)
     3: 0000000000001139    11 FUNC    GLOBAL DEFAULT [VARIANT_PCS]  12 Pg_magic_func
     4: 0000000000018240   201 OBJECT  <OS specific>: 10 DEFAULT   14 unique
     5: 0000000000001000     0 SECTION LOCAL  DEFAULT    9 .init
";
        let mut symbols = readelf_symbols(readelf);
        symbols.retain(|symbol| symbol != "has unique");
        symbols.sort_unstable();
        assert_eq!(symbols, expected);
    }

    #[test]
    fn missing_binutils_are_this_machines_fault() {
        let error = run("no-such-binutils", &[], Path::new("/")).err();
        assert!(
            matches!(&error, Some(BinutilsError::Missing { .. })),
            "{error:?}"
        );
        assert_eq!(error.map(|error| error.exit()), Some(Exit::CannotHere));
    }

    #[test]
    fn names_what_differs() {
        let ours = ["has a", "has b", "needs c"].map(str::to_owned);
        let theirs = ["needs c", "has a", "has a2", "needs d"].map(str::to_owned);
        let Err(BinutilsError::Disagrees { differences, .. }) =
            compare("nm", "symbols", &ours, theirs.to_vec())
        else {
            panic!("they differ");
        };
        assert_eq!(
            differences,
            [
                "only `nm` sees `has a2`",
                "only this tool sees `has b`",
                "only `nm` sees `needs d`"
            ]
        );
    }
}
