//! Arrays that are read and never changed: of this process alone, or in a file that several processes map.
//!
//! The `unsafe` of sharing models is in this module. An array goes from the process's own memory to a [`Mapping`] in one place,
//! [`Share::adopt`], and only where both have the same bytes. The types are [`Pod`]: no padding, and no bits that are no value.

use std::any::Any;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::Arc;

use bytemuck::Pod;

/// Arrays begin at multiples of this in a file: as far as any of their types asks for, and a line of the processor's cache.
pub const ALIGNED: usize = 64;

/// A file in memory that is only read, until the mapping is dropped. Removing the file does not change the mapping.
pub struct Mapping {
    start: NonNull<u8>,
    length: usize,
    /// What has to live as long, such as the file with its lock.
    _kept: Box<dyn Any + Send + Sync>,
}

// SAFETY: the memory is only read, and belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a whole file and keeps `kept` as long.
    ///
    /// # Safety
    ///
    /// Nobody may change the file or make it shorter while the mapping lives. A shorter one ends the process (SIGBUS) when it reads
    /// behind the end; another byte changes what the readers of adopted arrays rely on. The server makes such files with
    /// mode 0600 in its data directory and never opens them for writing again: only its own system user could change them, who can
    /// change the server's memory and its tables as well.
    pub unsafe fn new(file: &File, kept: Box<dyn Any + Send + Sync>) -> io::Result<Mapping> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // Private and not shared: what trains in a fork of a session gives up all shared mappings, which are the server's.
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))?;
        Ok(Mapping { start, length, _kept: kept })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped until `drop`, and nobody changes it, as the caller of `new` promised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// Give back the page tables of what was looked at; what is read from here on is mapped again, page by page.
    pub fn forget_pages(&self) {
        // SAFETY: the mapping is this one's, and not written to: its pages come from the file again.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.length, libc::MADV_DONTNEED) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and no slice of it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// An array that is read as fast as a slice.
pub struct Slab<T> {
    /// Of the keeper's memory.
    start: NonNull<T>,
    length: usize,
    keeper: Keeper<T>,
}

enum Keeper<T> {
    Own(Vec<T>),
    Shared { _mapping: Arc<Mapping> },
}

// SAFETY: as a `Vec` of them; the memory of a `Mapping` may be read by any thread.
unsafe impl<T: Pod + Send> Send for Slab<T> {}
// SAFETY: as above.
unsafe impl<T: Pod + Sync> Sync for Slab<T> {}

impl<T> Slab<T> {
    fn own(mut own: Vec<T>) -> Slab<T> {
        // A vector's pointer is never null.
        let start = NonNull::new(own.as_mut_ptr()).unwrap_or(NonNull::dangling());
        Slab { start, length: own.len(), keeper: Keeper::Own(own) }
    }
}

impl<T: Pod> Slab<T> {
    /// Change the array as a vector of the process's own.
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<T>) -> R) -> R {
        let copy = if let Keeper::Shared { .. } = self.keeper { self.to_vec() } else { Vec::new() };
        let mut own = match std::mem::take(self).keeper {
            Keeper::Own(own) => own,
            Keeper::Shared { .. } => copy,
        };
        let result = change(&mut own);
        *self = Slab::own(own);
        result
    }

    pub fn resize(&mut self, length: usize, value: T) {
        self.edit(|own| own.resize(length, value));
    }

    pub fn push(&mut self, value: T) {
        self.edit(|own| own.push(value));
    }
}

/// An array of any type that may lie in a file.
pub trait Share {
    fn bytes(&self) -> &[u8];

    /// Use what lies in the mapping at a place instead of the own memory. False where the mapping has other bytes there: then
    /// nothing changes.
    fn adopt(&mut self, mapping: &Arc<Mapping>, place: usize) -> bool;

    /// Use own memory again.
    fn leave(&mut self);
}

impl<T: Pod> Share for Slab<T> {
    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    fn adopt(&mut self, mapping: &Arc<Mapping>, place: usize) -> bool {
        let own = Share::bytes(self);
        let found = place.checked_add(own.len()).and_then(|end| mapping.bytes().get(place..end));
        let Some(found) = found.filter(|found| *found == own) else { return false };
        // Checks the alignment, too.
        let Ok(found) = bytemuck::try_cast_slice::<u8, T>(found) else { return false };
        let start = NonNull::from(found).cast();
        // `keeper` keeps what `start` points to.
        *self = Slab { start, length: found.len(), keeper: Keeper::Shared { _mapping: Arc::clone(mapping) } };
        true
    }

    fn leave(&mut self) {
        self.edit(|_| ());
    }
}

impl<T> Deref for Slab<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many values of the keeper's memory, which neither moves nor changes while `self` is borrowed: a vector's
        // memory stays where it is when the vector is moved, and `edit` makes another slab.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::own(Vec::new())
    }
}

impl<T> From<Vec<T>> for Slab<T> {
    fn from(own: Vec<T>) -> Slab<T> {
        Slab::own(own)
    }
}

impl<T> FromIterator<T> for Slab<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Slab<T> {
        Slab::own(values.into_iter().collect())
    }
}

impl<T: Pod> Extend<T> for Slab<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.edit(|own| own.extend(values));
    }
}

impl<'a, T> IntoIterator for &'a Slab<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Clone> Clone for Slab<T> {
    fn clone(&self) -> Slab<T> {
        Slab::own(self.to_vec())
    }
}

impl<T: PartialEq> PartialEq for Slab<T> {
    fn eq(&self, other: &Slab<T>) -> bool {
        **self == **other
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Slab<T> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(to)
    }
}
