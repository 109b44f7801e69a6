//! Queries through SPI, in the three ways that pgml needs them.
//!
//! All SQL in this library names everything with its schema, operators too (`OPERATOR(pg_catalog.=)`), so that no
//! search_path can put something else in its place.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use pgrx::FromDatum;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::spi::Spi;

use crate::error::Result;

/// A row of a result. Values are copied out of it: it is gone with the query.
pub struct Row<'a> {
    tuple: pg_sys::HeapTuple,
    description: pg_sys::TupleDesc,
    life: std::marker::PhantomData<&'a ()>,
}

impl Row<'_> {
    /// The value of a column, counted from 1; `None` for NULL.
    ///
    /// The type has to be the column's: each query and the code that reads it stand side by side.
    pub fn get<T: FromDatum>(&self, column: i32) -> Option<T> {
        let mut is_null = false;
        // SAFETY: tuple and description belong to the result that this row borrows; a column that does not exist gives
        // NULL.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.description, column, &mut is_null);
            let type_oid = pg_sys::SPI_gettypeid(self.description, column);
            T::from_polymorphic_datum(datum, is_null, type_oid)
        }
    }
}

/// Arguments as SPI takes them.
struct Arguments {
    types: Vec<pg_sys::Oid>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<std::ffi::c_char>,
}

impl Arguments {
    fn new(arguments: &[DatumWithOid<'_>]) -> Arguments {
        let each = || arguments.iter().map(|argument| argument.datum().map(|datum| datum.sans_lifetime()));
        Arguments {
            types: arguments.iter().map(DatumWithOid::oid).collect(),
            values: each().map(|datum| datum.unwrap_or(pg_sys::Datum::null())).collect(),
            nulls: each().map(|datum| if datum.is_some() { b' ' } else { b'n' } as std::ffi::c_char).collect(),
        }
    }
}

fn c_string(query: &str) -> CString {
    // A query of ours has no NUL, and text of Postgres can have none; cutting at one is safe, the query then fails.
    CString::new(query.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// Connect to SPI around `work`. When Postgres raises an ERROR inside, the abort of the transaction disconnects.
fn connected<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: paired with SPI_finish below.
    Spi::check_status(unsafe { pg_sys::SPI_connect() })?;
    let result = work();
    // SAFETY: connected above.
    Spi::check_status(unsafe { pg_sys::SPI_finish() })?;
    result
}

/// Hand each row of the result that SPI holds to `each`, then free the result.
fn rows<F: FnMut(&Row<'_>) -> Result<()>>(each: &mut F) -> Result<usize> {
    // SAFETY: read right after the query; null for a statement that gives no rows.
    let table = unsafe { pg_sys::SPI_tuptable };
    if table.is_null() {
        return Ok(0);
    }
    // SAFETY: SPI filled `numvals` tuples, and nothing frees the table before the end of the loop.
    let count = unsafe {
        let count = (*table).numvals as usize;
        for index in 0..count {
            let row =
                Row { tuple: *(*table).vals.add(index), description: (*table).tupdesc, life: std::marker::PhantomData };
            each(&row)?;
        }
        pg_sys::SPI_freetuptable(table);
        count
    };
    Ok(count)
}

/// Run a statement that sees, and may make, changes of this very call.
pub fn run<T>(
    query: &str,
    arguments: &[DatumWithOid<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let query = c_string(query);
    let mut found = Vec::new();
    connected(|| {
        let mut arguments = Arguments::new(arguments);
        // SAFETY: the three arrays have the same length, and live until the call returns.
        let status = unsafe {
            pg_sys::SPI_execute_with_args(
                query.as_ptr(),
                arguments.types.len() as i32,
                arguments.types.as_mut_ptr(),
                arguments.values.as_mut_ptr(),
                arguments.nulls.as_ptr(),
                false,
                0,
            )
        };
        Spi::check_status(status)?;
        rows(&mut |row| {
            found.push(each(row)?);
            Ok(())
        })
    })?;
    Ok(found)
}

/// Run a statement whose result doesn't matter.
pub fn execute(query: &str, arguments: &[DatumWithOid<'_>]) -> Result<()> {
    run(query, arguments, |_| Ok(())).map(|_| ())
}

/// The first row of a statement.
pub fn first<T>(
    query: &str,
    arguments: &[DatumWithOid<'_>],
    each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    Ok(run(query, arguments, each)?.into_iter().next())
}

/// Read with the snapshot of the statement that called us, as a STABLE function must. The plan is kept for the session.
pub fn read<T>(
    query: &'static CStr,
    arguments: &[DatumWithOid<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    thread_local! {
        static PLANS: RefCell<HashMap<&'static CStr, pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
    }
    let mut found = Vec::new();
    connected(|| {
        let mut arguments = Arguments::new(arguments);
        let kept = PLANS.with(|plans| plans.borrow().get(query).copied());
        let plan = match kept {
            Some(plan) => plan,
            None => {
                // SAFETY: the query's text is static, and the types live until the call returns. A plan that can't be made
                // raises an ERROR.
                let plan = unsafe {
                    let count = arguments.types.len() as i32;
                    pg_sys::SPI_prepare(query.as_ptr(), count, arguments.types.as_mut_ptr())
                };
                if plan.is_null() {
                    // SAFETY: set by the call above to one of SPI's error codes.
                    Spi::check_status(unsafe { pg_sys::SPI_result })?;
                }
                // SAFETY: a fresh plan; it moves out of the memory that SPI_finish frees. Fails for a null plan only.
                unsafe { pg_sys::SPI_keepplan(plan) };
                PLANS.with(|plans| plans.borrow_mut().insert(query, plan));
                plan
            }
        };
        // SAFETY: the plan is kept for as long as the backend lives, and takes the arguments it was made for.
        let status =
            unsafe { pg_sys::SPI_execute_plan(plan, arguments.values.as_mut_ptr(), arguments.nulls.as_ptr(), true, 0) };
        Spi::check_status(status)?;
        rows(&mut |row| {
            found.push(each(row)?);
            Ok(())
        })
    })?;
    Ok(found)
}

/// Run `work`, which [`read`]s, with a snapshot that sees all that this very call wrote.
pub fn as_of_now<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: popped below; when an ERROR is raised in between, the abort of the transaction pops it.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    let result = work();
    // SAFETY: pushed above.
    unsafe { pg_sys::PopActiveSnapshot() };
    result
}

/// Open a cursor over a query for `work`.
pub fn with_cursor<T>(query: &str, work: impl FnOnce(pg_sys::Portal) -> Result<T>) -> Result<T> {
    let query = c_string(query);
    connected(|| {
        // SAFETY: a query without arguments; Postgres raises an ERROR when it cannot open the cursor.
        let portal = unsafe {
            pg_sys::SPI_cursor_open_with_args(
                std::ptr::null(),
                query.as_ptr(),
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null(),
                false,
                0,
            )
        };
        let done = work(portal);
        // SAFETY: opened above, and closed once.
        unsafe { pg_sys::SPI_cursor_close(portal) };
        done
    })
}
