//! What differs between two locks of a distribution.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Lock;

/// A package whose locked version moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name of the binary package.
    pub name: String,
    /// The versions that the earlier lock had, and the later one has not.
    pub before: Vec<String>,
    /// The versions that the later lock has, and the earlier one had not.
    pub after: Vec<String>,
    /// The versions that both have: those of frozen roles.
    pub kept: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.join(", ");
        let versions = |of: &[String]| match of {
            [] if kept.is_empty() => "(none)".to_owned(),
            [] => kept.clone(),
            several => several.join(", "),
        };
        let (before, after) = (versions(&self.before), versions(&self.after));
        write!(f, "{} {before} → {after}", self.name)?;
        if !self.kept.is_empty() && !self.after.is_empty() {
            write!(f, "; some roles keep {kept}")?;
        }
        Ok(())
    }
}

/// The packages whose locked versions differ between two locks, by name. A lock that frozen and current roles share may
/// have two versions of one package.
pub fn changes(before: &Lock, after: &Lock) -> Vec<Change> {
    let (old, new) = (versions(before), versions(after));
    let none = BTreeSet::new();
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    names
        .into_iter()
        .filter_map(|name| {
            let (old, new) = (
                old.get(name).unwrap_or(&none),
                new.get(name).unwrap_or(&none),
            );
            let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
                one.difference(other).map(|v| (*v).to_owned()).collect()
            };
            (old != new).then(|| Change {
                name: name.to_owned(),
                kept: old.intersection(new).map(|v| (*v).to_owned()).collect(),
                before: only(old, new),
                after: only(new, old),
            })
        })
        .collect()
}

/// Whether two locks differ at most in the dates of their indexes.
pub fn same_but_dates(before: &Lock, after: &Lock) -> bool {
    fn suites(lock: &Lock) -> BTreeSet<(&str, &str, Option<&str>)> {
        let all = lock.suites.iter();
        all.map(|suite| {
            let stand_in = suite.stand_in.as_deref();
            (suite.archive.as_str(), suite.name.as_str(), stand_in)
        })
        .collect()
    }
    let same = suites(before) == suites(after);
    let dated = Lock {
        suites: before.suites.clone(),
        ..after.clone()
    };
    same && dated == *before
}

fn versions(lock: &Lock) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &lock.packages {
        let versions = found.entry(&package.name).or_default();
        versions.insert(&package.version);
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use base::digest::Digest;

    fn lock(packages: &[(&str, &str)]) -> Lock {
        let mut text = format!(
            "version = 1\ndistribution = \"debian12\"\nconfig = \"{}\"\n\
             [[suite]]\narchive = \"debian\"\nname = \"bookworm\"\ndate = \"2026-01-01T00:00:00Z\"\n",
            Digest::of("")
        );
        for (name, version) in packages {
            text.push_str(&format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\narchitecture = \"all\"\nsha256 = \"{}\"\n\
                 size = 1\narchive = \"debian\"\npath = \"x\"\nroles = [\"base\"]\n",
                Digest::of(version)
            ));
        }
        toml::from_str(&text).unwrap()
    }

    /// Catches a lock that is written again on each quiet day, and one that is not although a package came or changed its
    /// contents.
    #[test]
    fn dates_alone_are_no_difference() {
        let before = lock(&[("same", "1")]);
        let mut after = before.clone();
        assert!(same_but_dates(&before, &after));
        after.suites[0].date = "2026-02-02T00:00:00Z".parse().unwrap();
        assert!(before != after && same_but_dates(&before, &after));
        // A suite has two entries where some packages were kept from an earlier lock.
        after.suites.push(before.suites[0].clone());
        assert!(same_but_dates(&before, &after));
        after.suites[1].name = "bookworm-security".into();
        assert!(!same_but_dates(&before, &after));
        let mut changed = before.clone();
        changed.packages[0].sha256 = Digest::of("other");
        assert!(!same_but_dates(&before, &changed));
        assert!(!same_but_dates(
            &before,
            &lock(&[("same", "1"), ("new", "1")])
        ));
    }

    #[test]
    fn says_what_moved_came_and_went_and_nothing_else() {
        let before = lock(&[("same", "1"), ("moved", "1"), ("gone", "1"), ("two", "1")]);
        let after = lock(&[
            ("same", "1"),
            ("moved", "2"),
            ("new", "1"),
            ("two", "1"),
            ("two", "2"),
        ]);
        let lines: Vec<String> = changes(&before, &after)
            .iter()
            .map(Change::to_string)
            .collect();
        assert_eq!(
            lines,
            [
                "gone 1 → (none)",
                "moved 1 → 2",
                "new (none) → 1",
                "two 1 → 2; some roles keep 1"
            ]
        );
        assert_eq!(changes(&after, &after), []);
        let back = changes(&after, &before);
        assert!(back.iter().any(|one| one.to_string() == "two 2 → 1"));
    }
}
