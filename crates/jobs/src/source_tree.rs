//! The source tree as a list of digests, in the form of `sha256sum`: one digest for all of it, and a name for what changed.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::source_files;
use base::digest::Digest;
use base::exit::{Exit, ExitKind};
use base::files::{self, FileError};
use base::workspace::Workspace;

/// The list's name below `provenance/`.
pub const LIST: &str = "source.sha256";

/// The name of a job's input that is the whole source tree.
pub const INPUT: &str = "source tree";

/// The source tree is not the one that was planned with.
#[derive(Debug, Error, Diagnostic)]
#[error("the source tree changed while the run went on")]
#[diagnostic(help("run the command again: finished jobs are kept"))]
pub struct Changed;

impl ExitKind for Changed {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// The files of a source tree and their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree(BTreeMap<String, Digest>);

impl SourceTree {
    /// Reads the tree of a workspace, without the directories that builds make in it. A file that is not committed counts,
    /// because a build sees it too.
    pub fn read(workspace: &Workspace) -> Result<Self, FileError> {
        let mut found = BTreeMap::new();
        for path in source_files::files(workspace)? {
            let digest = Digest::of(files::read(&workspace.root.join(&path))?);
            found.insert(path.to_string_lossy().into_owned(), digest);
        }
        Ok(Self(found))
    }

    /// Reads a list that [`Self::list`] wrote.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let wrong = |line: &str| {
            let reason = std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("`{line}` is no line of sha256sum"),
            );
            FileError::at("read", path)(reason)
        };
        let text = files::read_text(path)?;
        let entry = |line: &str| {
            let (digest, name) = line.split_once("  ").ok_or_else(|| wrong(line))?;
            Ok((name.to_owned(), digest.parse().map_err(|_| wrong(line))?))
        };
        Ok(Self(
            text.lines().map(entry).collect::<Result<_, FileError>>()?,
        ))
    }

    /// The list, which `sha256sum --check` reads.
    pub fn list(&self) -> String {
        let line = |(name, digest): (&String, &Digest)| format!("{digest}  {name}\n");
        self.0.iter().map(line).collect()
    }

    /// The digest of all of it: that of the list.
    pub fn digest(&self) -> Digest {
        Digest::of(self.list())
    }

    /// The digest of a file, by its path in the tree.
    pub fn get(&self, name: &str) -> Option<&Digest> {
        self.0.get(name)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files in which another tree differs, a phrase each: `x is new`, `x changed`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        crate::job::differences(&self.0, &other.0)
    }
}

/// The value of a job's input [`INPUT`] for a source tree of this digest.
pub fn input(digest: &Digest) -> Digest {
    Digest::of_json(digest)
}
