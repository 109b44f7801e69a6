//! Sessions that predict with the same large model share its arrays: each maps a file of them read-only.
//!
//! Nothing in such a file is believed. A session reads the model from its table and checks it as always; the file's arrays take the
//! place of its own only where every byte is the same (`pgml_core::slab`). Whatever goes wrong leaves the session its own memory.
//!
//! The files lie where Postgres has temporary files of the default tablespace, under its prefix: the server removes them when it
//! starts, and base backups leave them out. A session that uses a file holds a shared lock on it; who wants to remove a file takes
//! the exclusive lock, which only a file has that no session uses ([`remove_unused`]).

use std::ffi::{CStr, c_char, c_int};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgml_core::model::{Layout, Model};
use pgml_core::slab::Mapping;

use crate::settings;

/// Where Postgres has the temporary files of the default tablespace, in the data directory, which is where a session works.
const DIRECTORY: &CStr = c"base/pgsql_tmp";
/// Postgres's prefix of temporary files, and ours.
const PREFIX: &str = "pgsql_tmp_pgml_";
/// What a file is called behind its name while it is written.
const UNFINISHED: &str = ".new";

/// Smaller models are not worth a file.
const SMALLEST: usize = 1 << 20;

/// How long a session waits for another one that writes the file that it wants.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// Bytes that are written or compared before a cancel is looked for.
const UNINTERRUPTED: usize = 1 << 22;

// SAFETY: as Postgres declares them (storage/fd.h). None raises an ERROR; the first makes a directory with the modes of the data
// directory, the others count files that are open beside Postgres's own.
unsafe extern "C" {
    fn MakePGDirectory(name: *const c_char) -> c_int;
    fn AcquireExternalFD() -> bool;
    fn ReleaseExternalFD();
}

/// A file with its lock, which Postgres knows to be open.
struct Held(File);

impl Held {
    fn new(file: File) -> io::Result<Held> {
        // SAFETY: counts.
        match unsafe { AcquireExternalFD() } {
            true => Ok(Held(file)),
            false => Err(io::Error::other("the session has too many files open")),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: counted by `new`.
        unsafe { ReleaseExternalFD() }
    }
}

/// What became of a model's file.
enum Found {
    Used,
    /// It has other bytes.
    Different,
    Missing,
}

/// Share the arrays of a model that was read from bytes with this seal; whether they are shared now.
pub fn share(id: i64, model: &mut Model, seal: &[u8]) -> bool {
    if !settings::share_models() {
        return false;
    }
    let layout = model.layout(seal);
    if layout.bytes < SMALLEST {
        return false;
    }
    let shared = attempt(model, &layout).unwrap_or_else(|cause| {
        pgrx::debug1!("the memory of model {id} is not shared: {cause}");
        false
    });
    if shared {
        // What was the session's own goes back to the system, and not to the next one who asks.
        // SAFETY: the allocator's own function, of the one thread that works.
        unsafe { libc::malloc_trim(0) };
    }
    shared
}

fn attempt(model: &mut Model, layout: &Layout) -> io::Result<bool> {
    let path = directory().join(format!("{PREFIX}{}", layout.name));
    let until = Instant::now() + PATIENCE;
    let mut written = false;
    loop {
        pgrx::check_for_interrupts!();
        match find(model, layout, &path)? {
            Found::Used => return Ok(true),
            Found::Different => {
                fs::remove_file(&path)?;
                pgrx::log!(
                    "the file {} had other bytes than its model; it was not used and is removed",
                    path.display()
                );
                return Ok(false);
            }
            // Somebody removed what was written here.
            Found::Missing if written => return Ok(false),
            Found::Missing => {}
        }
        written = write(model, &path)?;
        if !written {
            if Instant::now() > until {
                return Err(io::Error::new(ErrorKind::TimedOut, "another session writes its file"));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn directory() -> PathBuf {
    PathBuf::from(DIRECTORY.to_string_lossy().into_owned())
}

/// Use the file of a model if it is there and the same.
fn find(model: &mut Model, layout: &Layout, path: &Path) -> io::Result<Found> {
    let Some(file) = open(path)? else { return Ok(Found::Missing) };
    match file.try_lock_shared() {
        Ok(()) => {}
        // It is being removed.
        Err(TryLockError::WouldBlock) => return Ok(Found::Missing),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let metadata = file.metadata()?;
    if metadata.nlink() == 0 {
        return Ok(Found::Missing);
    }
    if !metadata.is_file() || metadata.len() != layout.bytes as u64 || !is_own(&metadata) {
        return Ok(Found::Different);
    }
    let held = Held::new(file)?;
    let file = held.0.try_clone()?;
    // SAFETY: a file that only the server's own user can write to, and that the server writes once, under another name.
    let mapping = Arc::new(unsafe { Mapping::new(&file, Box::new(held)) }?);
    if !model.adopt(&mapping) {
        return Ok(Found::Different);
    }
    mapping.forget_pages();
    Ok(Found::Used)
}

/// A file of the directory, unless it is not there; no link is followed.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether only the server's user can write to a file.
fn is_own(metadata: &fs::Metadata) -> bool {
    // SAFETY: asks for a number.
    metadata.uid() == unsafe { libc::geteuid() } && metadata.mode() & 0o077 == 0
}

/// Write the file of a model; false where another session is at it.
fn write(model: &mut Model, path: &Path) -> io::Result<bool> {
    remove_unused();
    // SAFETY: a path that ends with a NUL. Of what can go wrong, creating the file tells.
    unsafe { MakePGDirectory(DIRECTORY.as_ptr()) };
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    let unfinished = PathBuf::from(name);
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(&unfinished) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) if file.metadata()?.nlink() > 0 => {}
        // Another session took it for one that was left over.
        Ok(()) | Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => {
            drop(Unfinished(unfinished));
            return Err(error);
        }
    }
    let unfinished = Unfinished(unfinished);
    // Whatever mask the server has.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let mut to = BufWriter::with_capacity(UNINTERRUPTED, Interruptible(&file));
    model.write_arrays(&mut to)?;
    to.flush()?;
    // What a disk refuses later would be read as other bytes by those who have compared it already.
    file.sync_data()?;
    fs::rename(&unfinished.0, path)?;
    std::mem::forget(unfinished);
    Ok(true)
}

/// The name of a file that is removed unless it is finished, also when an ERROR ends the writing.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What stays is removed by the next one who writes.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes parts, and looks for a cancel between them.
struct Interruptible<'a>(&'a File);

impl Write for Interruptible<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        pgrx::check_for_interrupts!();
        self.0.write(&bytes[..bytes.len().min(UNINTERRUPTED)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Remove the files that no session uses or writes. Called before a file is written, and when models were dropped: so there are never
/// more files than models that sessions used at one time, and one. A session that still has a mapping of a removed file keeps it.
pub fn remove_unused() {
    let Ok(entries) = fs::read_dir(directory()) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && let Err(cause) = remove_if_unused(&entry.path()) {
            pgrx::debug1!("{} can't be removed: {cause}", entry.path().display());
        }
    }
}

fn remove_if_unused(path: &Path) -> io::Result<()> {
    let Some(file) = open(path)? else { return Ok(()) };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // By now, the name may be that of another file, which somebody uses.
    let (locked, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    if (locked.dev(), locked.ino()) == (named.dev(), named.ino()) {
        fs::remove_file(path)?;
    }
    Ok(())
}
