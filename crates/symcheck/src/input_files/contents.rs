//! What a file is, by its contents and by its name.

use super::profile;
use crate::elf::{self, ElfError, Other};
use crate::expectation::Profile;

/// How every ELF file starts.
pub const ELF: &[u8] = b"\x7fELF";

/// What a file is to `verify`.
pub enum Contents {
    /// A library, to be judged.
    Library,
    /// Something else, and fine as that.
    LeftOut(String),
    /// What ought to be a library and is none.
    Refused {
        /// What is wrong with it, in words that follow "it is".
        why: String,
        /// Whether a user who gives this file on the command line has given the wrong one.
        usage: bool,
    },
    /// Neither a library nor named like one.
    Unrelated,
}

/// Judges by the contents whether a file is a library, and by its name whether it ought to be one.
pub fn classify(name: &str, bytes: &[u8]) -> Contents {
    let named = is_named_library(name);
    let refused = |why: &str, usage| Contents::Refused {
        why: why.to_owned(),
        usage,
    };
    if bytes.starts_with(ELF) {
        return match elf::other(bytes) {
            Ok(None) => Contents::Library,
            Ok(Some(Other::DebugSymbols)) if profile(name) == Profile::ForeignLibrary => {
                Contents::LeftOut(Other::DebugSymbols.described().to_owned())
            }
            Ok(Some(other)) if named => refused(other.described(), true),
            Ok(Some(other)) => Contents::LeftOut(other.described().to_owned()),
            Err(ElfError::NotElf) => Contents::Unrelated,
            Err(error) if named => refused(&error.to_string(), false),
            Err(error) => Contents::LeftOut(format!("an ELF file that can't be read ({error})")),
        };
    }
    if !named {
        return Contents::Unrelated;
    }
    match bytes {
        [] => refused("it is empty", false),
        start if ELF.starts_with(start) => refused("it is cut off after its first bytes", false),
        text if is_text(text) => {
            let what = match is_linker_script(text) {
                true => "a text (a linker script)",
                false => "a text",
            };
            match profile(name) {
                Profile::Extension => refused(what, true),
                Profile::ForeignLibrary => Contents::LeftOut(what.to_owned()),
            }
        }
        _ => refused("neither an ELF file nor a text", true),
    }
}

/// What a name means whose file is not there: for the extension itself nothing can be proven.
pub fn missing_target(name: &str, what: &str) -> Contents {
    match profile(name) {
        Profile::Extension => Contents::Refused {
            why: what.to_owned(),
            usage: false,
        },
        Profile::ForeignLibrary => Contents::LeftOut(what.to_owned()),
    }
}

/// Whether a file is named as the dynamic linker's users name libraries: `x.so`, `libx.so.1.2`, `libx.so.1.debug`.
pub fn is_named_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let version = |version: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        version.starts_with(|first: char| first.is_ascii_digit()) && version.bytes().all(plain)
    };
    name.ends_with(".so")
        || name
            .split_once(".so.")
            .is_some_and(|(_, rest)| version(rest))
}

/// Whether a file is for people: its start has no control characters.
fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.get(..4096).unwrap_or(bytes);
    !start
        .iter()
        .any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

/// Whether a text tells the linker, when it links, which libraries are meant.
fn is_linker_script(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    ["INPUT", "GROUP", "GNU ld script", "OUTPUT_FORMAT"]
        .iter()
        .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries() {
        for name in [
            "pgml.so",
            "usr/lib/libx.so.1.2.3",
            "libx.so.1.debug",
            "m.cpython-311.so",
        ] {
            assert!(is_named_library(name), "{name}");
        }
        for name in [
            "so",
            "ld.so.conf",
            "ld.so.cache",
            "libstdc++.so.6.0.30-gdb.py",
            "x.sources",
            "a.so/b",
        ] {
            assert!(!is_named_library(name), "{name}");
        }
    }
}
