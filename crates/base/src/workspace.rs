//! The paths of the source tree, the cache and the output. Callers pass them in; nothing here looks for them.

use std::path::{Path, PathBuf};

/// The directories that a run works with.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The source tree's root, which holds `Cargo.toml`.
    pub root: PathBuf,
    /// What can be thrown away and made again: the store, job outputs, build directories, logs.
    pub cache: PathBuf,
}

impl Workspace {
    /// `packaging/`: targets, policy, locks, templates.
    pub fn packaging(&self) -> PathBuf {
        self.root.join("packaging")
    }

    /// `packaging/lock/`: one file per distribution and per Python.
    pub fn locks(&self) -> PathBuf {
        self.packaging().join("lock")
    }

    /// The content-addressed store of downloaded inputs.
    pub fn store(&self) -> PathBuf {
        self.cache.join("store")
    }

    /// apt's own root for a distribution: its indexes, kept between runs.
    pub fn apt_root(&self, distribution: &str) -> PathBuf {
        self.cache.join("apt").join(distribution)
    }

    /// The log of a job.
    pub fn log(&self, job: &str) -> PathBuf {
        self.cache
            .join("log")
            .join(format!("{}.log", job.replace(['/', ':'], "_")))
    }

    /// A path as people should read it: relative to the source tree where it lies inside.
    pub fn display<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
