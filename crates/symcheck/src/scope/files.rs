//! The files of a process to replay, from wherever they are: a root file system, a directory, a package in memory. Paths
//! are those that the process would see; the machine's own are never looked at unless they were given.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Remembered, ScopeError, ld_so_conf};
use crate::policy::Loading;

/// How many symbolic links are followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// What is at a path and below.
#[derive(Debug)]
enum Mount {
    Directory {
        at: String,
        from: PathBuf,
    },
    File {
        at: String,
        from: PathBuf,
    },
    Memory {
        files: BTreeMap<String, Vec<u8>>,
        links: BTreeMap<String, String>,
    },
}

/// The files that a process sees.
#[derive(Debug, Default)]
pub struct FileSystem {
    mounts: Vec<Mount>,
    /// Directories that are looked into before `defaults`.
    configured: Vec<String>,
    /// Directories that are looked into last.
    defaults: Vec<String>,
    remembered: Remembered,
}

impl FileSystem {
    /// A process that sees no files; the methods below add some.
    pub fn new(loading: &Loading) -> Self {
        Self {
            defaults: loading.directories.clone(),
            ..Self::default()
        }
    }

    /// Where the dynamic linker looks last for a file of this name.
    pub fn last_place(&self, name: &str) -> String {
        format!("{}/{name}", self.defaults.last().map_or("", String::as_str))
    }

    /// Also a directory of this machine, as it would be found at a path (`/` for a whole system). What was given earlier
    /// comes first.
    #[must_use]
    pub fn directory(mut self, at: &str, from: &Path) -> Self {
        self.mounts.push(Mount::Directory {
            at: at.trim_end_matches('/').to_owned(),
            from: from.to_owned(),
        });
        self
    }

    /// Also a file of this machine, as it would be found at a path.
    #[must_use]
    pub fn file(mut self, at: &str, from: &Path) -> Self {
        self.mounts.push(Mount::File {
            at: at.to_owned(),
            from: from.to_owned(),
        });
        self
    }

    /// Also files in memory, by their absolute paths, and links from path to path.
    #[must_use]
    pub fn memory(
        mut self,
        files: BTreeMap<String, Vec<u8>>,
        links: BTreeMap<String, String>,
    ) -> Self {
        self.mounts.push(Mount::Memory { files, links });
        self
    }

    /// Also directories that the dynamic linker looks into before its own (ld.so.conf(5)).
    #[must_use]
    pub fn searching(mut self, directories: Vec<String>) -> Self {
        self.configured.extend(directories);
        self
    }

    /// Also a whole system that lies in a directory, with the directories that its ld.so.conf(5) names.
    #[must_use]
    pub fn system(self, root: &Path) -> Self {
        let directories = ld_so_conf::directories(root);
        self.directory("/", root).searching(directories)
    }

    /// Takes what was read before, and adds to it.
    #[must_use]
    pub fn remembering(mut self, remembered: &Remembered) -> Self {
        self.remembered = remembered.clone();
        self
    }

    pub(super) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// Where the file at a path really is: the path without links and dots. `None` where there is no regular file.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let path = normal(path);
        self.mounts.iter().find_map(|mount| mount.resolve(&path))
    }

    /// The contents of a file that [`Self::resolve`] has found.
    pub fn read(&self, path: &str) -> Result<Cow<'_, [u8]>, ScopeError> {
        let from = match self.holder(path) {
            None => return Err(ScopeError::Absent { path: path.into() }),
            Some(Mount::Memory { files, .. }) => {
                return Ok(Cow::Borrowed(files.get(path).map_or(&[], Vec::as_slice)));
            }
            Some(_) => self.place(path).unwrap_or_default(),
        };
        fs::read(&from)
            .map(Cow::Owned)
            .map_err(|source| ScopeError::Read {
                path: from.display().to_string(),
                source,
            })
    }

    /// Where a file that [`Self::resolve`] has found lies on this machine; `None` for one in memory.
    pub(super) fn place(&self, path: &str) -> Option<PathBuf> {
        match self.holder(path)? {
            Mount::Memory { .. } => None,
            Mount::File { from, .. } => Some(from.clone()),
            Mount::Directory { at, from } => inside(from, at, path),
        }
    }

    fn holder(&self, path: &str) -> Option<&Mount> {
        let mut mounts = self.mounts.iter();
        mounts.find(|mount| mount.resolve(path).as_deref() == Some(path))
    }

    /// Finds a library by name in the directories that the dynamic linker looks into in the end.
    pub fn find_in_system(&self, name: &str) -> Option<String> {
        let mut directories = self.configured.iter().chain(&self.defaults);
        directories.find_map(|dir| self.resolve(&format!("{dir}/{name}")))
    }
}

impl Mount {
    fn resolve(&self, path: &str) -> Option<String> {
        match self {
            Self::Memory { files, links } => {
                let mut path = path.to_owned();
                for _ in 0..MAX_LINKS {
                    if files.contains_key(&path) {
                        return Some(path);
                    }
                    let target = links.get(&path)?;
                    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
                    path = match target.starts_with('/') {
                        true => normal(target),
                        false => normal(&format!("{dir}/{target}")),
                    };
                }
                None
            }
            Self::File { at, from } => (at == path && from.is_file()).then(|| path.to_owned()),
            Self::Directory { at, from } => follow(from, at, path),
        }
    }
}

/// The place on this machine of a path below a mounted directory.
fn inside(from: &Path, at: &str, path: &str) -> Option<PathBuf> {
    let below = path.strip_prefix(at)?.strip_prefix('/')?;
    Some(from.join(below))
}

/// Follows links as a process would for which the directory is mounted: absolute ones begin at the root again.
fn follow(from: &Path, at: &str, path: &str) -> Option<String> {
    let mut links = 0;
    let mut done = String::new();
    let mut open: Vec<String> = parts(path);
    while let Some(part) = open.pop() {
        let next = format!("{done}/{part}");
        let place = match inside(from, at, &next) {
            Some(place) => place,
            // Above the mount: its own path has no links.
            None if at.starts_with(&next) => {
                done = next;
                continue;
            }
            None => return None,
        };
        let Ok(kind) = fs::symlink_metadata(&place) else {
            return None;
        };
        if !kind.is_symlink() {
            done = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return None;
        }
        let target = fs::read_link(&place).ok()?;
        let target = target.to_str()?;
        let whole = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("{done}/{target}"),
        };
        done = String::new();
        open.extend(parts(&normal(&whole)));
    }
    inside(from, at, &done)?.is_file().then_some(done)
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.rev().map(str::to_owned).collect()
}

/// A path without `.` and `..`.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
