//! Keeps what was read of a file. A runtime has hundreds of libraries, and many libraries and targets are judged among them:
//! each file is read once, and on all processors at once.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};

use super::names::Names;
use super::object::Object;
use super::{FileSystem, ScopeError};
use crate::elf::Facts;

/// A file of this machine, by what changes when its contents do: device, inode, size, and time of change in nanoseconds; and
/// whether it was read as a program.
type Identity = (u64, u64, u64, i128, bool);

/// A file's tables, with names of their own.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) names: Names,
    pub(super) object: Object,
}

/// The files that were read. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Remembered(Arc<Mutex<HashMap<Identity, Arc<Parsed>>>>);

impl Remembered {
    fn get(&self, identity: &Identity) -> Option<Arc<Parsed>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(identity).cloned()
    }

    fn put(&self, identity: Identity, parsed: &Arc<Parsed>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(identity, Arc::clone(parsed));
    }
}

impl FileSystem {
    /// The tables of a file that [`Self::resolve`] has found.
    pub(super) fn parsed(&self, path: &str, program: bool) -> Result<Arc<Parsed>, ScopeError> {
        let identity = self.place(path).and_then(|place| identity(&place, program));
        let known = identity
            .as_ref()
            .and_then(|identity| self.remembered().get(identity));
        if let Some(known) = known {
            return Ok(known);
        }
        let bytes = self.read(path)?;
        let facts = match program {
            true => Facts::read_program(&bytes),
            false => Facts::read_around(&bytes),
        };
        let facts = facts.map_err(|source| ScopeError::Elf {
            path: path.to_owned(),
            source,
        })?;
        let mut names = Names::default();
        let object = Object::new(&facts, &mut names);
        let parsed = Arc::new(Parsed { names, object });
        if let Some(identity) = identity {
            self.remembered().put(identity, &parsed);
        }
        Ok(parsed)
    }

    /// Reads files that will be loaded, on all processors. A file that can't be read is an error only when it is loaded.
    pub fn read_ahead(&self, paths: &[String]) {
        let next = AtomicUsize::new(0);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Some(found) = self.resolve(path) {
                            let _ = self.parsed(&found, false);
                        }
                    }
                });
            }
        });
    }
}

fn identity(place: &Path, program: bool) -> Option<Identity> {
    let meta = fs::metadata(place).ok()?;
    let changed = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
    Some((meta.dev(), meta.ino(), meta.size(), changed, program))
}
