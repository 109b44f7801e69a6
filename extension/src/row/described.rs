//! How the server describes rows of a type, and takes one apart.

use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, PgTupleDesc, pg_sys};

use super::Row;
use crate::error::{Failure, Result};

/// The server's description of rows of one type.
pub(super) struct Described {
    pub(super) description: pg_sys::TupleDesc,
    pub(super) identifier: u64,
    /// The type cache's entry, which has the description. Null for rows without a type of their own.
    pub(super) entry: *const pg_sys::TypeCacheEntry,
    /// A counted reference to the description. None if the type cache owns it: that one is valid until the next type lookup.
    _held: Option<PgTupleDesc<'static>>,
}

impl Described {
    /// # Safety
    ///
    /// The type has to be that of a composite value.
    pub(super) unsafe fn new(type_oid: pg_sys::Oid, modifier: i32) -> Described {
        // SAFETY: the caller's.
        unsafe {
            if type_oid != pg_sys::RECORDOID {
                // The entry lives as long as the session (`typcache.c` of PostgreSQL).
                let entry = &*pg_sys::lookup_type_cache(type_oid, pg_sys::TYPECACHE_TUPDESC as i32);
                let (description, identifier) = (entry.tupDesc, entry.tupDesc_identifier);
                if !description.is_null() {
                    return Described { description, identifier, entry, _held: None };
                }
            }
            let held = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(type_oid, modifier));
            let identifier = pg_sys::assign_record_type_identifier(type_oid, modifier);
            let description = held.as_ptr();
            Described { description, identifier, entry: std::ptr::null(), _held: Some(held) }
        }
    }
}

impl Row {
    /// Take a row apart. The server refuses one that was formed before its table was altered, where it marks rows
    /// (PostgreSQL 14.25, 15.20, 16.16, 17.12, 18.7).
    ///
    /// # Safety
    ///
    /// The tuple and the description have to be of this row's type, with nothing looked up since.
    pub(super) unsafe fn deform(
        &mut self,
        tuple: &mut pg_sys::HeapTupleData,
        description: pg_sys::TupleDesc,
    ) -> Result<()> {
        let mut apart = AssertUnwindSafe((&mut *tuple, &mut *self));
        let done = std::panic::catch_unwind(move || {
            let (tuple, row) = &mut *apart;
            // SAFETY: the caller's.
            unsafe { row.fill(*tuple, description) }
        });
        match done {
            Ok(()) => Ok(()),
            // SAFETY: the caller's.
            Err(_) => unsafe { refused(tuple, self) },
        }
    }

    /// # Safety
    ///
    /// The tuple and the description have to be those of one type.
    unsafe fn fill(&mut self, tuple: *mut pg_sys::HeapTupleData, description: pg_sys::TupleDesc) {
        // SAFETY: the caller's; both lists have room for all columns.
        unsafe {
            let columns = (*description).natts as usize;
            if self.values.len() != columns {
                self.values.resize(columns, pg_sys::Datum::null());
                self.nulls.resize(columns, true);
            }
            pg_sys::heap_deform_tuple(tuple, description, self.values.as_mut_ptr(), self.nulls.as_mut_ptr());
        }
    }
}

/// Why the server refused to take a row apart. It is asked a second time, since what it takes to read its answer would cost
/// each row more than taking it apart does.
///
/// # Safety
///
/// The tuple and the row have to be of one type.
#[cold]
unsafe fn refused(tuple: &mut pg_sys::HeapTupleData, row: &mut Row) -> Result<()> {
    // SAFETY: what was raised has been caught; this forgets it. The type is that of a composite value.
    let description = unsafe {
        pg_sys::FlushErrorState();
        PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(row.shape.type_oid, row.shape.modifier))
    };
    let mut apart = AssertUnwindSafe((tuple, row));
    PgTryBuilder::new(move || {
        let (tuple, row) = &mut *apart;
        // SAFETY: the caller's.
        unsafe { row.fill(*tuple, description.as_ptr()) };
        Ok(())
    })
    // pgrx knows no name for the server's 22P07, and makes it an internal error.
    .catch_when(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, |cause| match cause {
        CaughtError::PostgresError(report) => {
            let hint = "Select the row again: the row at hand has the columns that its table had before.";
            let failure = Failure::new("42804", report.message()).with_hint(hint);
            Err(Failure { detail: report.detail().map(Into::into), ..failure }.into())
        }
        other => other.rethrow(),
    })
    .execute()
}
