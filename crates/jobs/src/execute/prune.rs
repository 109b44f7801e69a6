//! Makes room in a cache: results that nobody has used for long, and the oldest of the others where it is still too large.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base::files::{self, FileError};
use walkdir::WalkDir;

/// What stays in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Results that a run used within this time.
    pub used_within: Duration,
    /// At most so many bytes of results; the ones used last stay. None for any number.
    pub bytes: Option<u64>,
}

/// What was removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Results and directories.
    pub entries: usize,
    /// Their bytes. A file with several links counts once for each.
    pub bytes: u64,
}

/// A directory that can be made again, and when a run last used it.
struct Entry {
    dir: PathBuf,
    used: SystemTime,
    bytes: u64,
}

/// Removes directories right below `dirs` that `keep` does not name; with `dry_run` it only says which these would be. The caller
/// holds the [`super::CacheLock`]. A directory's time is that of its `record.json`, or its own.
pub fn prune(
    dirs: &[PathBuf],
    keep: &Keep,
    now: SystemTime,
    dry_run: bool,
) -> Result<Removed, FileError> {
    let mut entries = Vec::new();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        for entry in std::fs::read_dir(dir).map_err(FileError::at("list", dir))? {
            let path = entry.map_err(FileError::at("list", dir))?.path();
            if path.is_dir() {
                entries.push(entry_of(path)?);
            }
        }
    }
    // The ones used last first: they are what the bytes are left to.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    let mut left = keep.bytes;
    let mut removed = Removed::default();
    for entry in entries {
        let age = now.duration_since(entry.used).unwrap_or_default();
        let fits = left.is_none_or(|bytes| entry.bytes <= bytes);
        if age <= keep.used_within && fits {
            left = left.map(|bytes| bytes - entry.bytes);
            continue;
        }
        removed.entries += 1;
        removed.bytes += entry.bytes;
        if !dry_run {
            files::remove_dir(&entry.dir)?;
        }
    }
    Ok(removed)
}

fn entry_of(dir: PathBuf) -> Result<Entry, FileError> {
    let record = dir.join("record.json");
    let dated: &Path = if record.exists() { &record } else { &dir };
    let meta = dated.metadata().and_then(|meta| meta.modified());
    let used = meta.map_err(FileError::at("read", dated))?;
    let files = WalkDir::new(&dir).into_iter().flatten();
    let sizes = files.filter_map(|entry| entry.metadata().ok());
    let bytes = sizes.filter(|meta| meta.is_file()).map(|meta| meta.len());
    Ok(Entry {
        bytes: bytes.sum(),
        used,
        dir,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A directory with a file of some bytes, used so many days before `now`.
    fn made(dir: &Path, name: &str, bytes: usize, days: u32, now: SystemTime) {
        let dir = dir.join(name);
        files::write(&dir.join("out/file"), vec![0; bytes]).unwrap();
        files::write(&dir.join("record.json"), "").unwrap();
        let record = std::fs::File::options()
            .append(true)
            .open(dir.join("record.json"));
        record.unwrap().set_modified(now - DAY * days).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Catches a result in use that is removed, and a dry run that removes.
    #[test]
    fn what_was_used_last_stays() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (name, bytes, days) in [
            ("new", 10, 0),
            ("large", 100, 1),
            ("small", 5, 2),
            ("old", 1, 40),
        ] {
            made(dir.path(), name, bytes, days, now);
        }
        let dirs = [dir.path().to_owned()];
        let month = Keep {
            used_within: DAY * 30,
            bytes: None,
        };
        let would = prune(&dirs, &month, now, true).unwrap();
        assert_eq!((would.entries, would.bytes), (1, 1));
        assert_eq!(names(dir.path()).len(), 4);
        assert_eq!(prune(&dirs, &month, now, false).unwrap(), would);
        assert_eq!(names(dir.path()), ["large", "new", "small"]);
        let few = Keep {
            bytes: Some(20),
            ..month
        };
        prune(&dirs, &few, now, false).unwrap();
        assert_eq!(names(dir.path()), ["new", "small"]);
    }
}
