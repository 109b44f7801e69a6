//! Makes the lock of a set of wheels.

use base::digest::Digest;
use base::files::FileError;
use base::progress::Listener;
use base::store::Store;
use base::workspace::Workspace;
use targets::Targets;
use targets::lock::{LockedWheel, WheelLock, WheelSet};

use super::LockingError;
use crate::fetch::FetchError;
use crate::fetch::wheels::{Selection, download};
use crate::step::Step;

/// Makes a set's lock: of the files that the index has for each project, pip takes the best, and that is pinned. What
/// it fetched for that stays in the store.
pub fn update(
    workspace: &Workspace,
    targets: &Targets,
    set: &WheelSet,
    store: &Store,
    listener: &dyn Listener,
) -> Result<WheelLock, LockingError> {
    let wanted = set.wanted(targets, &workspace.root)?;
    let what = format!("choosing {} wheels", wanted.len());
    let step = Step::start(listener, format!("lock {}", set.name()), &what);
    let incoming = store.incoming().map_err(FetchError::from)?;
    let selection = Selection {
        lock: set.name(),
        python: set.python().clone(),
        platforms: set.architecture(targets).platforms.clone(),
        wanted: wanted.clone(),
    };
    let mut wheels = Vec::new();
    for (wanted, file) in download(&selection, incoming.path())? {
        let filename = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (sha256, size) = Digest::of_file(&file).map_err(FileError::at("read", &file))?;
        if !wanted.hashes.is_empty() && !wanted.hashes.contains(&sha256) {
            return Err(LockingError::Fetch(FetchError::WrongHash {
                what: filename,
                from: "the package index".to_owned(),
                expected: format!(
                    "one of those in {}",
                    set.requirements(targets)
                        .unwrap_or("packaging/targets.toml")
                ),
            }));
        }
        store
            .insert(&filename, &file, &sha256, size)
            .map_err(FetchError::from)?;
        wheels.push(LockedWheel {
            name: wanted.name.clone(),
            version: wanted.version.clone(),
            filename,
            sha256,
            size,
        });
    }
    let size: u64 = wheels.iter().map(|w| w.size).sum();
    step.done(&format!("{} wheels, {} MB", wheels.len(), size / 1_000_000));
    Ok(WheelLock::new(targets, set, &wanted, wheels))
}
