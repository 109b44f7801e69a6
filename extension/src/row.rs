//! A row that a function is given, `(a, b, c)` or a table's own: its columns as numbers and texts.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use pgml_core::Error;
use pgml_core::preprocess::Field;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{FromDatum, PgSqlErrorCode, PgTryBuilder, PgTupleDesc, htup, pg_sys};

use crate::arguments::{Numbers, Text};
use crate::error::{Failure, Result};
use crate::relation;
use crate::scan::{self, Stored, TimeType};
use crate::text;

/// An argument of the type `record`.
pub struct Record {
    datum: pg_sys::Datum,
}

// SAFETY: the datum is read by `fields` as the composite value that it is; a NULL never gets here, since the functions are
// STRICT.
unsafe impl<'fcx> ArgAbi<'fcx> for Record {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let datum = unsafe { arg.unbox_arg_using_from_datum::<pgrx::datum::AnyElement>() };
        // INVARIANT: the SQL that declares the functions makes them STRICT.
        Record { datum: datum.expect("a STRICT function was called with NULL").datum() }
    }
}

/// How the values of a column are read.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Number(Stored),
    Numeric,
    Time(TimeType),
    Text,
    /// `character(n)`: the blanks at its end are no part of it.
    Padded,
    /// A literal in a row, `('a', …)`, which Postgres leaves without a type.
    Literal,
    Array(pg_sys::Oid),
    Other,
}

/// A column of rows of one type.
struct Attribute {
    /// Its place among the values, those of dropped columns included.
    place: usize,
    type_oid: pg_sys::Oid,
    reading: Reading,
}

/// What rows of one type have, worked out once and kept for the next row.
pub struct Shape {
    type_oid: pg_sys::Oid,
    modifier: i32,
    /// What Postgres calls the type's columns as they are now; another number after a change.
    identifier: u64,
    attributes: Vec<Attribute>,
    names: Vec<String>,
}

thread_local! {
    static LAST: RefCell<Option<Rc<Shape>>> = const { RefCell::new(None) };
    /// Room for the values of a row, which the next row takes again.
    static ROOM: Cell<(Vec<pg_sys::Datum>, Vec<bool>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

impl Shape {
    pub fn identifier(&self) -> u64 {
        self.identifier
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the columns have names of their own. Those of `(a, b)` are f1 and f2.
    pub fn is_named(&self) -> bool {
        let given = |(place, name): (usize, &String)| {
            name.strip_prefix('f').is_some_and(|rest| rest == (place + 1).to_string())
        };
        self.type_oid != pg_sys::RECORDOID || !self.names.iter().enumerate().all(given)
    }

    fn new(type_oid: pg_sys::Oid, modifier: i32, identifier: u64) -> Shape {
        // SAFETY: the type is that of a composite value, so that it has a description.
        let description = unsafe { PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(type_oid, modifier)) };
        let (mut attributes, mut names) = (Vec::new(), Vec::new());
        for (place, column) in description.iter().enumerate().filter(|(_, column)| !column.attisdropped) {
            // SAFETY: a name is a string that ends with a NUL.
            let name = unsafe { std::ffi::CStr::from_ptr(column.attname.data.as_ptr()) };
            names.push(text::from_server(name.to_bytes()).into_owned());
            attributes.push(Attribute { place, type_oid: column.atttypid, reading: reading(column.atttypid) });
        }
        Shape { type_oid, modifier, identifier, attributes, names }
    }

    /// The values of all columns.
    pub fn fields(&self, values: &Values) -> Result<Vec<Field>> {
        (0..self.attributes.len()).map(|column| self.field(column, values)).collect()
    }

    /// The value of a column that is stored as a number and is not NULL.
    pub fn number(&self, column: usize, values: &Values) -> Option<f64> {
        let Attribute { place, reading, .. } = &self.attributes[column];
        match reading {
            Reading::Number(stored) if !values.nulls[*place] => Some(stored.number(values.values[*place])),
            _ => None,
        }
    }

    /// The value of a column, by its place among those that are not dropped.
    pub fn field(&self, column: usize, values: &Values) -> Result<Field> {
        let Attribute { place, type_oid, reading } = &self.attributes[column];
        if values.nulls[*place] {
            return Ok(Field::Null);
        }
        // SAFETY: the value is one of the column's type.
        unsafe { field(values.values[*place], *reading) }.ok_or_else(|| unknown(column + 1, *type_oid))
    }
}

/// The values of one row. They point into it, and it lives as long as the call.
pub struct Values {
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Values {
    /// As many NULLs.
    fn nulls(count: usize) -> Values {
        let (mut values, mut nulls) = ROOM.take();
        values.clear();
        values.resize(count, pg_sys::Datum::null());
        nulls.clear();
        nulls.resize(count, true);
        Values { values, nulls }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        ROOM.set((std::mem::take(&mut self.values), std::mem::take(&mut self.nulls)));
    }
}

/// The server's description of rows of one type.
struct Described {
    description: pg_sys::TupleDesc,
    identifier: u64,
    /// Holds the description; none where the type cache does, until it is asked for another type.
    _held: Option<PgTupleDesc<'static>>,
}

impl Described {
    /// # Safety
    ///
    /// The type has to be that of a composite value.
    unsafe fn new(type_oid: pg_sys::Oid, modifier: i32) -> Described {
        // SAFETY: the caller's. A type's entry stays where it is for the life of the session.
        unsafe {
            if type_oid != pg_sys::RECORDOID {
                let entry = &*pg_sys::lookup_type_cache(type_oid, pg_sys::TYPECACHE_TUPDESC as i32);
                if !entry.tupDesc.is_null() {
                    return Described { description: entry.tupDesc, identifier: entry.tupDesc_identifier, _held: None };
                }
            }
            let held = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(type_oid, modifier));
            let identifier = pg_sys::assign_record_type_identifier(type_oid, modifier);
            Described { description: held.as_ptr(), identifier, _held: Some(held) }
        }
    }
}

impl Record {
    /// A composite value, whose type its header names.
    pub fn new(datum: pg_sys::Datum) -> Record {
        Record { datum }
    }

    /// What rows of its type have, and its own values.
    pub fn open(&self) -> Result<(Rc<Shape>, Values)> {
        // SAFETY: the datum is a composite value, whose description is that of its type as it is now; whether the value was
        // formed by it, `deform` sees by the mark, which the first call gives to a value that has none. The values point into
        // the row, which lives as long as the call.
        unsafe {
            let header = pg_sys::datum_get_heap_tuple_header(self.datum);
            let (of, modifier) =
                (htup::heap_tuple_header_get_type_id(header), htup::heap_tuple_header_get_typmod(header));
            let (described, shape) = described(of, modifier);
            let mut tuple = pg_sys::HeapTupleData {
                t_len: htup::heap_tuple_header_get_datum_length(header) as u32,
                t_data: header,
                ..Default::default()
            };
            let mut values = Values::nulls((*described.description).natts as usize);
            deform(&mut tuple, described.description, &shape, &mut values)?;
            Ok((shape, values))
        }
    }

    /// The columns in their order, without those that were dropped from the row's table.
    pub fn fields(&self) -> Result<Vec<Field>> {
        let (shape, values) = self.open()?;
        shape.fields(&values)
    }
}

/// Take a row apart; `values` has room for its columns. The server refuses a row that was formed before its table was
/// altered, where it marks rows (PostgreSQL 14.25, 15.20, 16.16, 17.12, 18.7).
///
/// # Safety
///
/// The tuple, the description and the shape have to be those of one type.
unsafe fn deform(
    tuple: &mut pg_sys::HeapTupleData,
    description: pg_sys::TupleDesc,
    shape: &Shape,
    values: &mut Values,
) -> Result<()> {
    let mut apart = AssertUnwindSafe((&mut *tuple, &mut *values));
    let done = std::panic::catch_unwind(move || {
        let (tuple, values) = &mut *apart;
        // SAFETY: the caller's.
        unsafe {
            pg_sys::heap_deform_tuple(*tuple, description, values.values.as_mut_ptr(), values.nulls.as_mut_ptr());
        }
    });
    match done {
        Ok(()) => Ok(()),
        // SAFETY: the caller's.
        Err(_) => unsafe { refused(tuple, shape, values) },
    }
}

/// Why the server refused to take a row apart. It is asked a second time, since what it takes to read its answer would cost
/// each row more than taking it apart does.
///
/// # Safety
///
/// The tuple and the shape have to be those of one type.
#[cold]
unsafe fn refused(tuple: &mut pg_sys::HeapTupleData, shape: &Shape, values: &mut Values) -> Result<()> {
    // SAFETY: what was raised has been caught; this forgets it. The type is that of a composite value.
    let description = unsafe {
        pg_sys::FlushErrorState();
        PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(shape.type_oid, shape.modifier))
    };
    let mut apart = AssertUnwindSafe((tuple, values));
    PgTryBuilder::new(move || {
        let (tuple, values) = &mut *apart;
        // SAFETY: the caller's; there is room for as many values as the description has columns.
        unsafe {
            pg_sys::heap_deform_tuple(
                *tuple,
                description.as_ptr(),
                values.values.as_mut_ptr(),
                values.nulls.as_mut_ptr(),
            );
        }
        Ok(())
    })
    // pgrx knows no name for the server's 22P07, and makes it an internal error.
    .catch_when(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, |cause| match cause {
        CaughtError::PostgresError(report) => Err(Failure {
            sqlstate: "42804".into(),
            message: report.message().into(),
            detail: report.detail().map(Into::into),
            hint: Some("Select the row again: the row at hand has the columns that its table had before.".into()),
        }
        .into()),
        other => other.rethrow(),
    })
    .execute()
}

/// The description of rows of a type as it is now, and what rows of it have.
///
/// # Safety
///
/// The type has to be that of a composite value.
unsafe fn described(type_oid: pg_sys::Oid, modifier: i32) -> (Described, Rc<Shape>) {
    loop {
        // SAFETY: the caller's.
        let described = unsafe { Described::new(type_oid, modifier) };
        let now = (type_oid, modifier, described.identifier);
        let kept = LAST.with_borrow(|last| {
            last.as_ref().filter(|shape| (shape.type_oid, shape.modifier, shape.identifier) == now).map(Rc::clone)
        });
        if let Some(shape) = kept {
            return (described, shape);
        }
        // This looks types up, after which the description may be another one.
        let shape = Shape::new(type_oid, modifier, described.identifier);
        LAST.set(Some(Rc::new(shape)));
    }
}

fn reading(type_oid: pg_sys::Oid) -> Reading {
    // SAFETY: both look a type up by its oid.
    let (base, element) = unsafe {
        let base = pg_sys::getBaseType(type_oid);
        (base, pg_sys::get_element_type(base))
    };
    if element != pg_sys::InvalidOid {
        return Reading::Array(element);
    }
    match base {
        pg_sys::BPCHAROID => Reading::Padded,
        pg_sys::TEXTOID | pg_sys::VARCHAROID => Reading::Text,
        pg_sys::UNKNOWNOID => Reading::Literal,
        pg_sys::NUMERICOID => Reading::Numeric,
        _ => match (stored(base), TimeType::of(relation::element(base))) {
            (Some(stored), _) => Reading::Number(stored),
            (None, Some(time)) => Reading::Time(time),
            (None, None) => Reading::Other,
        },
    }
}

/// # Safety
///
/// The value has to be one of a type that is read so.
unsafe fn field(value: pg_sys::Datum, reading: Reading) -> Option<Field> {
    match reading {
        Reading::Number(stored) => Some(Field::Number(stored.number(value))),
        // SAFETY: the caller's: a numeric.
        Reading::Numeric => unsafe { number(value, pg_sys::NUMERICOID) }.map(Field::Number),
        // SAFETY: the caller's.
        Reading::Time(time) => Some(Field::Time(time.temporal(), unsafe { time.number(value) })),
        Reading::Text | Reading::Padded => {
            // SAFETY: all texts are stored alike.
            let text = unsafe { Text::from_datum(value, false) }?;
            let text = text.utf8();
            let padded = matches!(reading, Reading::Padded);
            Some(Field::Text(if padded { text.trim_end_matches(' ').to_string() } else { text.into_owned() }))
        }
        Reading::Literal => {
            // SAFETY: such a value is a string of C's.
            let text = unsafe { std::ffi::CStr::from_ptr(value.cast_mut_ptr()) };
            Some(Field::Text(Text(text.to_bytes()).utf8().into_owned()))
        }
        // SAFETY: the caller's: an array of this type.
        Reading::Array(element) => unsafe { elements(value, element) }.map(Field::Numbers),
        Reading::Other => None,
    }
}

fn unknown(place: usize, type_oid: pg_sys::Oid) -> crate::error::Error {
    // SAFETY: the oid of a type that exists; the name is a string of the current memory context.
    let type_name = unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be(type_oid)) };
    Error::FieldUnknown { place, type_name: text::from_server(type_name.to_bytes()).into_owned() }.into()
}

/// A value as a number; none when its type has none.
///
/// # Safety
///
/// The value has to be one of the type.
unsafe fn number(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<f64> {
    if type_oid == pg_sys::NUMERICOID {
        // SAFETY: the caller's: a numeric.
        return unsafe { scan::numeric(value) };
    }
    stored(type_oid).map(|stored| stored.number(value))
}

/// How numbers of a type are stored that need no conversion.
fn stored(type_oid: pg_sys::Oid) -> Option<Stored> {
    match type_oid {
        pg_sys::BOOLOID => Some(Stored::Bool),
        pg_sys::INT2OID => Some(Stored::Int2),
        pg_sys::INT4OID => Some(Stored::Int4),
        pg_sys::INT8OID => Some(Stored::Int8),
        pg_sys::FLOAT4OID => Some(Stored::Float4),
        pg_sys::FLOAT8OID => Some(Stored::Float8),
        _ => None,
    }
}

/// The elements of an array, none for NULL; nothing when they are no numbers.
///
/// # Safety
///
/// The value has to be an array of such elements.
unsafe fn elements(value: pg_sys::Datum, element: pg_sys::Oid) -> Option<Vec<Option<f64>>> {
    // SAFETY: the oid of a type that exists.
    let base = unsafe { pg_sys::getBaseType(element) };
    if base == pg_sys::FLOAT8OID {
        // SAFETY: the caller's.
        return unsafe { Numbers::<f64>::from_datum(value, false) }.map(|numbers| numbers.options());
    }
    let (mut length, mut by_value, mut align) = (0, false, 0);
    let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: an array of elements of the type, whose storage the first call tells; the second allocates both lists, of
    // `count` elements, in the current memory context.
    let (values, nulls) = unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast();
        pg_sys::deconstruct_array(array, element, length.into(), by_value, align, &mut values, &mut nulls, &mut count);
        if count == 0 {
            return Some(Vec::new());
        }
        (std::slice::from_raw_parts(values, count as usize), std::slice::from_raw_parts(nulls, count as usize))
    };
    let each = values.iter().zip(nulls).map(|(value, null)| match null {
        true => Some(None),
        // SAFETY: an element of the array.
        false => unsafe { number(*value, base) }.map(Some),
    });
    each.collect()
}
