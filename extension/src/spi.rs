//! Queries through SPI, in the three ways that pgml needs them.
//!
//! All SQL in this library names everything with its schema, operators too (`OPERATOR(pg_catalog.=)`), so that no
//! search_path can put something else in its place.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::spi::Spi;
use pgrx::{FromDatum, IntoDatum};

use crate::error::Result;
use crate::json::JsonB;
use crate::strings::{Str, Strs};
use crate::text;

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
    pub fn get<T: Value>(&self, column: i32) -> Option<T> {
        let mut is_null = false;
        // SAFETY: tuple and description belong to the result that this row borrows; a column that does not exist gives
        // NULL.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.description, column, &mut is_null);
            let type_oid = pg_sys::SPI_gettypeid(self.description, column);
            T::Stored::from_polymorphic_datum(datum, is_null, type_oid).map(T::of)
        }
    }
}

/// What a column of a result can be read as.
pub trait Value {
    /// The same, as the server's types are read.
    type Stored: FromDatum;

    fn of(stored: Self::Stored) -> Self;
}

macro_rules! plain {
    ($($type:ty),+) => {
        $(
            impl Value for $type {
                type Stored = $type;

                fn of(stored: $type) -> $type {
                    stored
                }
            }
        )+
    };
}

plain!(bool, i32, i64, f32, f64, pg_sys::Oid, Vec<u8>, Vec<f64>, JsonB);

impl Value for String {
    type Stored = Str;

    fn of(stored: Str) -> String {
        stored.0
    }
}

impl Value for Vec<String> {
    type Stored = Strs;

    fn of(stored: Strs) -> Vec<String> {
        stored.0.into_iter().flatten().collect()
    }
}

/// A value that a query is given.
pub struct Argument {
    oid: pg_sys::Oid,
    value: Option<pg_sys::Datum>,
}

impl Argument {
    /// NULL as a text.
    pub fn null_text() -> Argument {
        Argument { oid: pg_sys::TEXTOID, value: None }
    }

    /// NULL as an array of texts.
    pub fn null_texts() -> Argument {
        Argument { oid: pg_sys::TEXTARRAYOID, value: None }
    }

    fn of<T: IntoDatum>(value: T) -> Argument {
        Argument { oid: T::type_oid(), value: value.into_datum() }
    }
}

macro_rules! arguments {
    ($($type:ty),+) => {
        $(
            impl From<$type> for Argument {
                fn from(value: $type) -> Argument {
                    Argument::of(value)
                }
            }
        )+
    };
}

arguments!(bool, i32, i64, f32, pg_sys::Oid, Vec<f64>, &[u8]);

impl From<&str> for Argument {
    fn from(text: &str) -> Argument {
        Argument::of(Str(text.to_string()))
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Argument {
        Argument::of(Str(text))
    }
}

impl From<Vec<String>> for Argument {
    fn from(texts: Vec<String>) -> Argument {
        Argument::of(texts.into_iter().map(Str).collect::<Vec<Str>>())
    }
}

impl From<Vec<&str>> for Argument {
    fn from(texts: Vec<&str>) -> Argument {
        Argument::of(texts.into_iter().map(|text| Str(text.to_string())).collect::<Vec<Str>>())
    }
}

impl From<Option<&str>> for Argument {
    fn from(text: Option<&str>) -> Argument {
        text.map_or_else(Argument::null_text, Argument::from)
    }
}

/// Arguments as SPI takes them.
struct Arguments {
    types: Vec<pg_sys::Oid>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<std::ffi::c_char>,
}

impl Arguments {
    fn new(arguments: &[Argument]) -> Arguments {
        let each = || arguments.iter().map(|argument| argument.value);
        Arguments {
            types: arguments.iter().map(|argument| argument.oid).collect(),
            values: each().map(|datum| datum.unwrap_or(pg_sys::Datum::null())).collect(),
            nulls: each().map(|datum| if datum.is_some() { b' ' } else { b'n' } as std::ffi::c_char).collect(),
        }
    }
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
pub fn run<T>(query: &str, arguments: &[Argument], mut each: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let query = text::query(query);
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
pub fn execute(query: &str, arguments: &[Argument]) -> Result<()> {
    run(query, arguments, |_| Ok(())).map(|_| ())
}

/// The first row of a statement.
pub fn first<T>(query: &str, arguments: &[Argument], each: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
    Ok(run(query, arguments, each)?.into_iter().next())
}

/// Read with the snapshot of the statement that called us, as a STABLE function must. The plan is kept for the session.
pub fn read<T>(
    query: &'static CStr,
    arguments: &[Argument],
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
    let query = text::query(query);
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
