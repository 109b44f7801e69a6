//! Digests of what a job is made from.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::files::{self, FileError};

/// The named inputs of one job, as they are gathered.
#[derive(Default, Clone)]
pub struct Inputs(BTreeMap<String, Digest>);

impl Inputs {
    /// No inputs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value that is plain data.
    pub fn value(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).unwrap_or_default(); // INVARIANT: callers pass plain data
        self.0.insert(name.into(), Digest::of(json));
        self
    }

    /// Adds a file of the source tree, by its path relative to the root.
    pub fn file(mut self, root: &Path, name: &str) -> Result<Self, FileError> {
        self.0
            .insert(name.to_owned(), Digest::of(files::read(&root.join(name))?));
        Ok(self)
    }

    /// Adds files of the source tree.
    pub fn files(self, root: &Path, names: &[&str]) -> Result<Self, FileError> {
        names
            .iter()
            .try_fold(self, |inputs, name| inputs.file(root, name))
    }

    /// Adds every file below a directory of the source tree, each under its own name, so that the one that changed is
    /// named. `skip` tells which relative paths don't count.
    pub fn tree(
        mut self,
        root: &Path,
        dir: &str,
        skip: impl Fn(&Path) -> bool,
    ) -> Result<Self, FileError> {
        for (name, digest) in tree(&root.join(dir), skip)? {
            self.0.insert(format!("{dir}/{name}"), digest);
        }
        Ok(self)
    }

    /// The map that a job takes.
    pub fn into_map(self) -> BTreeMap<String, Digest> {
        self.0
    }
}

/// The digest of each file below a directory: contents and whether it is executable.
pub fn tree(
    dir: &Path,
    skip: impl Fn(&Path) -> bool,
) -> Result<BTreeMap<String, Digest>, FileError> {
    let mut found = BTreeMap::new();
    for relative in files::files_below(dir)? {
        if skip(&relative) {
            continue;
        }
        let path = dir.join(&relative);
        let mode = path
            .metadata()
            .map_err(FileError::at("read", &path))?
            .permissions()
            .mode();
        let mut bytes = files::read(&path)?;
        bytes.push(u8::from(mode & 0o111 != 0));
        found.insert(relative.to_string_lossy().into_owned(), Digest::of(bytes));
    }
    Ok(found)
}
