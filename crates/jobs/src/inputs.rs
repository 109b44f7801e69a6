//! Digests of what a job is made from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use base::digest::Digest;
use base::files::{self, FileError};

/// The source tree, whose files are read once for all jobs of a plan.
pub struct Sources<'a> {
    root: &'a Path,
    files: RefCell<BTreeMap<String, Digest>>,
    trees: RefCell<BTreeMap<String, BTreeMap<String, Digest>>>,
}

impl<'a> Sources<'a> {
    /// The tree below a directory. No file is read before a job names it.
    pub fn new(root: &'a Path) -> Self {
        Self {
            root,
            files: RefCell::default(),
            trees: RefCell::default(),
        }
    }

    fn file(&self, name: &str) -> Result<Digest, FileError> {
        if let Some(known) = self.files.borrow().get(name) {
            return Ok(*known);
        }
        let digest = Digest::of(files::read(&self.root.join(name))?);
        self.files.borrow_mut().insert(name.to_owned(), digest);
        Ok(digest)
    }

    /// The files of a directory. All calls for one directory must pass the same `skip`: the first answer is kept.
    fn tree(
        &self,
        dir: &str,
        skip: fn(&Path) -> bool,
    ) -> Result<BTreeMap<String, Digest>, FileError> {
        if let Some(known) = self.trees.borrow().get(dir) {
            return Ok(known.clone());
        }
        let found = tree(&self.root.join(dir), skip)?;
        let named = |(name, digest)| (format!("{dir}/{name}"), digest);
        let found: BTreeMap<String, Digest> = found.into_iter().map(named).collect();
        self.trees
            .borrow_mut()
            .insert(dir.to_owned(), found.clone());
        Ok(found)
    }
}

/// The named inputs of one job, as they are gathered.
pub struct Inputs<'a> {
    sources: &'a Sources<'a>,
    found: BTreeMap<String, Digest>,
}

impl<'a> Inputs<'a> {
    /// An empty list, for a job that reads from `sources`.
    pub fn new(sources: &'a Sources<'a>) -> Self {
        Self {
            sources,
            found: BTreeMap::new(),
        }
    }

    /// Adds a value that is plain data.
    pub fn value(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        self.found.insert(name.into(), Digest::of_json(value));
        self
    }

    /// Adds a file of the source tree, by its path relative to the root.
    pub fn file(mut self, name: &str) -> Result<Self, FileError> {
        self.found.insert(name.to_owned(), self.sources.file(name)?);
        Ok(self)
    }

    /// Adds files of the source tree.
    pub fn files(self, names: &[&str]) -> Result<Self, FileError> {
        names
            .iter()
            .try_fold(self, |inputs, name| inputs.file(name))
    }

    /// Adds every file below a directory of the source tree, each under its own name, so that the one that changed is
    /// named.
    pub fn tree(self, dir: &str) -> Result<Self, FileError> {
        self.tree_without(dir, |_| false)
    }

    /// Like [`Self::tree`], without the files whose relative paths `skip` accepts.
    pub fn tree_without(mut self, dir: &str, skip: fn(&Path) -> bool) -> Result<Self, FileError> {
        self.found.extend(self.sources.tree(dir, skip)?);
        Ok(self)
    }

    /// The map that a job takes.
    pub fn into_map(self) -> BTreeMap<String, Digest> {
        self.found
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
