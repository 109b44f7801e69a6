//! What an archive's Release file says of itself.

use std::fs;
use std::path::Path;

use base::deb822::stanzas;
use base::time::Time;

/// The fields of a Release file that a lock cares for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// When it was made.
    pub date: Option<Time>,
    /// When it stops being valid; `None` if the archive sets no end.
    pub valid_until: Option<Time>,
    /// Whose packages a stand-in really has: only those that tests make say so.
    pub stand_in: Option<String>,
}

impl Release {
    /// The Release file of a suite among those that apt fetched and verified into `lists`.
    pub fn find(lists: &Path, suite: &str) -> Option<Self> {
        let files = fs::read_dir(lists).ok()?.flatten();
        files
            .filter(|f| f.file_name().to_string_lossy().ends_with("Release"))
            .filter_map(|f| fs::read_to_string(f.path()).ok())
            .find_map(|text| Self::parse(&text, suite))
    }

    fn parse(text: &str, suite: &str) -> Option<Self> {
        let stanza = stanzas(text).next()?.ok()?;
        let field = |name: &str| stanza.get(name);
        let names = [field("Codename"), field("Suite")];
        names.contains(&Some(suite)).then(|| Self {
            date: field("Date").and_then(Time::from_release),
            valid_until: field("Valid-Until").and_then(Time::from_release),
            stand_in: field("Stand-In").map(str::to_owned),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_suite_by_either_of_its_names() {
        let text = "Origin: X\nSuite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
                    Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\n";
        let release = Release::parse(text, "forky").unwrap();
        assert!(release.valid_until > release.date);
        assert!(Release::parse(text, "testing").is_some());
        assert!(Release::parse(text, "trixie").is_none());
    }
}
