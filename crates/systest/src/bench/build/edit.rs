//! The changes of one line before a build is measured again.

use std::path::{Path, PathBuf};

use base::files::{self, FileError};

/// A row that is measured after a change of one line.
pub(super) struct Edit {
    /// The name of the row.
    pub(super) name: &'static str,
    /// What changed, for people.
    pub(super) what: &'static str,
    /// The file that changes; `{distribution}` stands for the target's.
    file: &'static str,
    /// How it changes.
    change: Change,
}

/// How a file changes in one line.
enum Change {
    /// This line is put at its end.
    Append(&'static str),
    /// The first version of a package in a lock gets a suffix. The file that the lock pins stays the same, so that nothing
    /// is fetched, and everything that is made of the set of packages is made again.
    Version,
}

/// The rows after the first ones, in the order in which they are measured.
pub(super) const EDITS: [Edit; 5] = [
    Edit {
        name: "extension",
        what: "one line in extension/src/",
        file: "extension/src/lib.rs",
        change: Change::Append("// A line more."),
    },
    Edit {
        name: "core",
        what: "one line in extension/core/, which most crates of the extension use",
        file: "extension/core/src/lib.rs",
        change: Change::Append("// A line more."),
    },
    Edit {
        name: "python",
        what: "one line in python/",
        file: "python/pgml_runtime/__init__.py",
        change: Change::Append("# A line more."),
    },
    Edit {
        name: "tool",
        what: "one line in the tool, in the code that writes packages",
        file: "crates/build/src/package/packages.rs",
        change: Change::Append("// A line more."),
    },
    Edit {
        name: "lock",
        what: "one version in the lock of the target's distribution",
        file: "packaging/lock/{distribution}.toml",
        change: Change::Version,
    },
];

/// A changed file, which can be put back.
pub(super) struct Changed {
    path: PathBuf,
    before: Vec<u8>,
}

impl Edit {
    /// Changes the file in a checkout. `None` if the checkout has no such file or line.
    pub(super) fn make(
        &self,
        checkout: &Path,
        distribution: &str,
    ) -> Result<Option<Changed>, FileError> {
        let path = checkout.join(self.file.replace("{distribution}", distribution));
        if !path.is_file() {
            return Ok(None);
        }
        let before = files::read_text(&path)?;
        let Some(after) = self.change.of(&before) else {
            return Ok(None);
        };
        files::write(&path, after)?;
        let before = before.into_bytes();
        Ok(Some(Changed { path, before }))
    }
}

impl Change {
    /// The text with the change; `None` if the line is not there.
    fn of(&self, text: &str) -> Option<String> {
        match self {
            Self::Append(line) => Some(format!("{}\n{line}\n", text.trim_end())),
            Self::Version => {
                let start = text.find("\nversion = \"")? + 1;
                let end = start + text.get(start..)?.find("\"\n")?;
                Some(format!("{}+1{}", &text[..end], &text[end..]))
            }
        }
    }
}

impl Changed {
    /// Puts the file back as it was.
    pub(super) fn undo(self) -> Result<(), FileError> {
        files::write(&self.path, self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a file that was moved: its row would silently be missing from then on.
    #[test]
    fn each_change_fits_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let dir = tempfile::tempdir().unwrap();
        for edit in EDITS {
            let file = edit.file.replace("{distribution}", "debian12");
            let before = files::read(&root.join(&file)).unwrap();
            let copy = dir.path().join(&file);
            files::write(&copy, &before).unwrap();
            let changed = edit.make(dir.path(), "debian12").unwrap().unwrap();
            let [old, new] = [&before, &files::read(&copy).unwrap()]
                .map(|text| String::from_utf8(text.clone()).unwrap());
            let differing = new
                .lines()
                .filter(|line| !old.lines().any(|other| other == *line));
            assert_eq!(differing.count(), 1, "{file}");
            changed.undo().unwrap();
            assert_eq!(files::read(&copy).unwrap(), before, "{file}");
        }
    }

    #[test]
    fn what_a_commit_does_not_have_is_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        for edit in EDITS {
            assert!(edit.make(dir.path(), "debian12").unwrap().is_none());
        }
        let lock = dir.path().join("packaging/lock/debian12.toml");
        files::write(&lock, "version = 1\n").unwrap();
        assert!(EDITS[4].make(dir.path(), "debian12").unwrap().is_none());
    }
}
