//! Looks from inside a backend at what its global scope exposes.
//!
//! Postgres opens libraries with RTLD_GLOBAL. A BLAS symbol that is visible there gets bound by SciPy's and NumPy's own
//! OpenBLAS, which then calls into another build of itself: wrong numbers at best, a crash at worst.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// One name of each layer: LAPACK, CBLAS, OpenBLAS's kernel table, its allocator.
const FORBIDDEN: [(&CStr, &str); 4] = [
    (c"dgelsd_", "dgelsd_"),
    (c"cblas_dgemm", "cblas_dgemm"),
    (c"gotoblas", "gotoblas"),
    (c"blas_memory_alloc", "blas_memory_alloc"),
];

/// Fail with the first BLAS symbol that any library of the backend could bind to by accident.
pub fn check_global_scope() -> Result<()> {
    for (name, symbol) in FORBIDDEN {
        // SAFETY: the name ends with NUL; the address is only asked about, never called.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if !address.is_null() {
            let library = library_of(address).map(|path| path.to_string_lossy().into_owned());
            let library = library.unwrap_or_else(|| "an unknown library".to_string());
            return Err(Error::Exposed { symbol, library });
        }
    }
    Ok(())
}

/// The file that an address was loaded from.
pub fn library_of(address: *mut libc::c_void) -> Option<PathBuf> {
    // SAFETY: an all-zero Dl_info is valid, and dladdr fills it; the name it gives belongs to the loader and stays.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let name = CStr::from_ptr(info.dli_fname).to_bytes();
        Some(PathBuf::from(OsStr::from_bytes(name)))
    }
}
