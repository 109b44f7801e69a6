//! Which minor release of a Postgres major first has a function of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::file::FileServer;
use crate::expectation::ExpectedServer;
use crate::version::Version;

/// What is known of the server's functions.
#[derive(Debug, Default)]
pub struct ServerFunctions {
    always: BTreeSet<String>,
    brought: Vec<Brought>,
}

/// Functions that minor releases brought.
#[derive(Debug)]
struct Brought {
    symbols: BTreeSet<String>,
    /// For each major its first minor release that has them.
    minors: BTreeMap<u16, Version>,
    fixes: Option<String>,
}

/// The first minor release that has a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First<'p> {
    /// The first of the major.
    Always,
    /// This minor release; those before it do not have it.
    Minor(&'p Version),
    /// The policy does not list the function.
    Unknown,
}

/// The oldest minor release that has all functions which a library needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ServerFloor {
    /// The release; `None` if every one of the major has them.
    pub version: Option<Version>,
    /// The functions that make it the floor.
    pub because: Vec<String>,
    /// The functions of which nothing says since when they are there.
    pub unknown: Vec<String>,
}

/// Where the policy is wrong, and what is wrong there.
type Wrong = (Range<usize>, String);

impl ServerFunctions {
    pub(super) fn new(file: FileServer) -> Result<Self, Wrong> {
        let always: BTreeSet<String> = file.symbols.into_iter().collect();
        let mut brought = Vec::new();
        for entry in file.since {
            if entry.source.get_ref().trim().is_empty() {
                return Err((entry.source.span(), "name the source".to_owned()));
            }
            let mut symbols = BTreeSet::new();
            for symbol in entry.symbols {
                if always.contains(symbol.get_ref()) {
                    let what = "this function is also listed as one that every minor has";
                    return Err((symbol.span(), what.to_owned()));
                }
                symbols.insert(symbol.into_inner());
            }
            brought.push(Brought {
                symbols,
                minors: minors(&entry.minors)?,
                fixes: entry.fixes,
            });
        }
        Ok(Self { always, brought })
    }

    /// Since when a major has a function.
    pub fn first(&self, major: u16, symbol: &str) -> First<'_> {
        if self.always.contains(symbol) {
            return First::Always;
        }
        let mut entries = self.brought.iter();
        let entry = entries.find(|entry| entry.symbols.contains(symbol));
        let minor = entry.and_then(|entry| entry.minors.get(&major));
        minor.map_or(First::Unknown, First::Minor)
    }

    /// The oldest minor release that a library can be loaded into. For a function of which nothing is known that is the one
    /// whose headers the library was compiled with.
    pub fn floor<'n>(
        &self,
        server: &ExpectedServer,
        symbols: impl Iterator<Item = &'n str>,
    ) -> ServerFloor {
        let mut floor = ServerFloor::default();
        for symbol in symbols {
            let since = match self.first(server.major, symbol) {
                First::Always => continue,
                First::Minor(version) => Some(version),
                First::Unknown => {
                    floor.unknown.push(symbol.to_owned());
                    server.headers.as_ref()
                }
            };
            if since > floor.version.as_ref() {
                floor.because.clear();
                floor.version = since.cloned();
            }
            if since.is_some() && since == floor.version.as_ref() {
                floor.because.push(symbol.to_owned());
            }
        }
        floor
    }

    /// What a library goes without that needs none of the functions which a fix brought: a line for each fix.
    pub fn unfixed<'n>(
        &self,
        major: u16,
        symbols: impl Iterator<Item = &'n str> + Clone,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in &self.brought {
            let Some(fixes) = &entry.fixes else { continue };
            if symbols.clone().any(|name| entry.symbols.contains(name)) {
                continue;
            }
            let why = match entry.minors.get(&major) {
                Some(minor) => format!("it was compiled with headers from before {minor}"),
                None => format!("no minor release of PostgreSQL {major} has the fix"),
            };
            lines.push(format!("{fixes}: {why}"));
        }
        lines
    }
}

fn minors(texts: &[Spanned<String>]) -> Result<BTreeMap<u16, Version>, Wrong> {
    let mut minors = BTreeMap::new();
    for text in texts {
        let parsed = || {
            let (major, minor) = text.get_ref().split_once('.')?;
            minor.parse::<u16>().ok()?;
            Some((major.parse().ok()?, Version::parse(text.get_ref())?))
        };
        let (major, version) =
            parsed().ok_or_else(|| (text.span(), "write it like `15.20`".to_owned()))?;
        if minors.insert(major, version).is_some() {
            return Err((text.span(), format!("a second minor of {major}")));
        }
    }
    Ok(minors)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
symbols = ["palloc", "ereport"]
[[since]]
symbols = ["older"]
minors = ["14.3", "15.1"]
source = "release notes"
[[since]]
symbols = ["checked", "copied"]
minors = ["14.25", "15.20"]
fixes = "CVE-1"
source = "release notes"
"#;

    fn functions() -> ServerFunctions {
        ServerFunctions::new(toml::from_str(TEXT).unwrap()).unwrap()
    }

    fn floor(major: u16, headers: Option<&str>, symbols: &[&str]) -> (Option<String>, Vec<String>) {
        let headers = headers.and_then(Version::parse);
        let server = ExpectedServer { major, headers };
        let floor = functions().floor(&server, symbols.iter().copied());
        (floor.version.map(|v| v.to_string()), floor.because)
    }

    /// Catches a package that installs on a server in which its library does not load.
    #[test]
    fn the_floor_is_the_newest_of_what_is_needed() {
        let of = |text: &str| Some(text.to_owned());
        assert_eq!(
            floor(15, Some("15.20"), &["palloc", "ereport"]),
            (None, vec![])
        );
        let (version, because) =
            floor(15, Some("15.20"), &["older", "palloc", "checked", "copied"]);
        assert_eq!((version, because.len()), (of("15.20"), 2));
        assert_eq!(floor(14, Some("14.25"), &["older"]).0, of("14.3"));
        // 15.20 is newer than 15.3.
        assert_eq!(floor(15, Some("15.3"), &["checked", "new"]).0, of("15.20"));
    }

    /// Catches a new function that the policy does not list yet.
    #[test]
    fn what_is_not_known_takes_the_headers_minor() {
        let (version, because) = floor(16, Some("16.9"), &["palloc", "new"]);
        assert_eq!(
            (version.as_deref(), because),
            (Some("16.9"), vec!["new".to_owned()])
        );
        assert_eq!(floor(16, None, &["new"]), (None, vec![]));
        // Known of other majors alone.
        assert_eq!(
            floor(16, Some("16.9"), &["checked"]).0.as_deref(),
            Some("16.9")
        );
    }

    /// Catches a release that does not say that it goes without a fix.
    #[test]
    fn a_fix_that_is_not_in_it_is_told() {
        let unfixed = |major, symbols: &[&str]| functions().unfixed(major, symbols.iter().copied());
        assert!(unfixed(15, &["palloc", "checked"]).is_empty());
        let [line] = &unfixed(15, &["palloc"])[..] else {
            panic!()
        };
        assert_eq!(
            line,
            "CVE-1: it was compiled with headers from before 15.20"
        );
        let [line] = &unfixed(13, &["palloc"])[..] else {
            panic!()
        };
        assert_eq!(line, "CVE-1: no minor release of PostgreSQL 13 has the fix");
    }

    #[test]
    fn mistakes_are_found() {
        for (right, wrong, says) in [
            ("\"15.1\"", "\"15\"", "write it like"),
            ("\"15.1\"", "\"14.9\"", "a second minor of 14"),
            ("[\"older\"]", "[\"palloc\"]", "also listed"),
            (
                "source = \"release notes\"",
                "source = \" \"",
                "name the source",
            ),
        ] {
            let text = TEXT.replacen(right, wrong, 1);
            let (_, what) = ServerFunctions::new(toml::from_str(&text).unwrap()).unwrap_err();
            assert!(what.contains(says), "{what}");
        }
    }
}
