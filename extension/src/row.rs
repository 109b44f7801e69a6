//! A row that a function is given, `(a, b, c)` or a table's own: its columns as numbers and texts.

mod described;

use std::cell::Cell;
use std::ops::Range;

use pgml_core::Error;
use pgml_core::preprocess::Field;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::{FromDatum, PgTupleDesc, htup, pg_sys};

use self::described::Described;
use crate::arguments::{Numbers, Text};
use crate::error::Result;
use crate::relation;
use crate::scan::{self, Stored, TimeType};
use crate::text;

/// An argument of the type `record`.
pub struct Record {
    datum: pg_sys::Datum,
}

impl FromDatum for Record {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Record> {
        (!is_null).then_some(Record { datum })
    }
}

// SAFETY: the datum is read by `open` as the composite value that it is.
unsafe impl<'fcx> ArgAbi<'fcx> for Record {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's. INVARIANT: the SQL that declares the functions makes them STRICT.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("a STRICT function was called with NULL")
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

/// Columns side by side whose values are numbers stored alike.
#[derive(Debug, Clone)]
pub struct NumberRun {
    /// Their places among the values.
    places: Range<usize>,
    stored: Stored,
}

/// What rows of one type have.
pub struct Shape {
    type_oid: pg_sys::Oid,
    modifier: i32,
    /// What Postgres calls the type's columns as they are now; another number after a change.
    identifier: u64,
    /// Where the type cache has the type, if it does.
    entry: *const pg_sys::TypeCacheEntry,
    attributes: Vec<Attribute>,
    names: Vec<String>,
    named: bool,
}

/// The row that was open last: the next one is of the same type, mostly, and has room in it.
pub type Kept = Cell<Option<Box<Row>>>;

impl Shape {
    pub fn identifier(&self) -> u64 {
        self.identifier
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The description that the type cache has; there has to be one.
    ///
    /// # Safety
    ///
    /// The shape has to be that of a row that `is_of` its type.
    unsafe fn described(&self) -> pg_sys::TupleDesc {
        // SAFETY: the caller's.
        unsafe { (*self.entry).tupDesc }
    }

    /// Whether the columns have names of their own. Those of `(a, b)` are f1 and f2.
    pub fn is_named(&self) -> bool {
        self.named
    }

    fn new(type_oid: pg_sys::Oid, modifier: i32, described: &Described) -> Shape {
        let Described { identifier, entry, .. } = *described;
        // SAFETY: the type is that of a composite value, so that it has a description.
        let description = unsafe { PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(type_oid, modifier)) };
        let (mut attributes, mut names) = (Vec::new(), Vec::new());
        for (place, column) in description.iter().enumerate().filter(|(_, column)| !column.attisdropped) {
            // SAFETY: a name is a string that ends with a NUL.
            let name = unsafe { std::ffi::CStr::from_ptr(column.attname.data.as_ptr()) };
            names.push(text::from_server(name.to_bytes()).into_owned());
            attributes.push(Attribute { place, type_oid: column.atttypid, reading: reading(column.atttypid) });
        }
        let given = |(place, name): (usize, &String)| {
            name.strip_prefix('f').is_some_and(|rest| rest == (place + 1).to_string())
        };
        let named = type_oid != pg_sys::RECORDOID || !names.iter().enumerate().all(given);
        Shape { type_oid, modifier, identifier, entry, attributes, names, named }
    }

    /// Where the values of these columns are, if all are stored as numbers.
    pub fn number_runs(&self, columns: &[usize]) -> Option<Vec<NumberRun>> {
        let mut runs: Vec<NumberRun> = Vec::new();
        for column in columns {
            let Attribute { place, reading: Reading::Number(stored), .. } = self.attributes[*column] else {
                return None;
            };
            match runs.last_mut().filter(|run| run.places.end == place && run.stored == stored) {
                Some(run) => run.places.end += 1,
                None => runs.push(NumberRun { places: place..place + 1, stored }),
            }
        }
        Some(runs)
    }
}

/// A row that is open: its shape, and its values, which point into it and live as long as the call.
pub struct Row {
    shape: Shape,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Row {
    /// Whether it is open for rows of this type, whose columns are what they were: the type cache still has its description.
    fn is_of(&self, type_oid: pg_sys::Oid, modifier: i32) -> bool {
        let shape = &self.shape;
        // SAFETY: null, or an entry, which lives as long as the session.
        (shape.type_oid, shape.modifier) == (type_oid, modifier)
            && unsafe { shape.entry.as_ref() }
                .is_some_and(|entry| !entry.tupDesc.is_null() && entry.tupDesc_identifier == shape.identifier)
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The numbers of columns, added to `out`; nothing is where one of them is NULL, which is false.
    pub fn numbers(&self, runs: &[NumberRun], out: &mut Vec<f64>) -> bool {
        if runs.iter().any(|run| self.nulls[run.places.clone()].contains(&true)) {
            return false;
        }
        for run in runs {
            let values = self.values[run.places.clone()].iter();
            match run.stored {
                // The most frequent one, as a copy of memory.
                Stored::Float8 => out.extend(values.map(|value| Stored::Float8.number(*value))),
                stored => out.extend(values.map(|value| stored.number(*value))),
            }
        }
        true
    }

    /// The value of a column, by its place among those that are not dropped.
    pub fn field(&self, column: usize) -> Result<Field> {
        let Attribute { place, type_oid, reading } = &self.shape.attributes[column];
        if self.nulls[*place] {
            return Ok(Field::Null);
        }
        // SAFETY: the value is one of the column's type.
        unsafe { field(self.values[*place], *reading) }.ok_or_else(|| unknown(column + 1, *type_oid))
    }

    /// The value of a column as the server writes it; none for NULL.
    pub fn shown(&self, column: usize) -> Option<String> {
        let Attribute { place, type_oid, .. } = &self.shape.attributes[column];
        if self.nulls[*place] {
            return None;
        }
        let (mut output, mut is_long) = (pg_sys::InvalidOid, false);
        // SAFETY: the value is one of the column's type, whose own function writes it: a string of the current memory context.
        let text = unsafe {
            pg_sys::getTypeOutputInfo(*type_oid, &mut output, &mut is_long);
            std::ffi::CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, self.values[*place]))
        };
        Some(text::from_server(text.to_bytes()).into_owned())
    }

    /// The values of all columns, without those that were dropped from the row's table.
    pub fn fields(&self) -> Result<Vec<Field>> {
        (0..self.shape.attributes.len()).map(|column| self.field(column)).collect()
    }
}

impl Record {
    /// A composite value, whose type its header names.
    pub fn new(datum: pg_sys::Datum) -> Record {
        Record { datum }
    }

    /// Open the row for `read`. `kept` has the row that was opened before, for its shape and its room.
    pub fn open<T>(&self, kept: &Kept, read: impl FnOnce(&Row) -> Result<T>) -> Result<T> {
        // SAFETY: the datum is a composite value, whose description is that of its type as it is now; whether the value was
        // formed by it, `deform` sees by the mark, which the first call gives to a value that has none. The values point into
        // the row, which lives as long as the call.
        let row = unsafe {
            let header = pg_sys::datum_get_heap_tuple_header(self.datum);
            let (of, modifier) =
                (htup::heap_tuple_header_get_type_id(header), htup::heap_tuple_header_get_typmod(header));
            let (mut row, described) = match kept.take() {
                Some(row) if row.is_of(of, modifier) => (row, None),
                last => {
                    let (row, described) = closed(last, of, modifier);
                    (row, Some(described))
                }
            };
            let mut tuple = pg_sys::HeapTupleData {
                t_len: htup::heap_tuple_header_get_datum_length(header) as u32,
                t_data: header,
                ..Default::default()
            };
            let description = described.as_ref().map_or_else(|| row.shape.described(), |now| now.description);
            row.deform(&mut tuple, description)?;
            row
        };
        let read = read(&row);
        kept.set(Some(row));
        read
    }
}

/// A row of a type before its values are read, and the type's description.
///
/// # Safety
///
/// The type has to be that of a composite value.
#[cold]
unsafe fn closed(mut last: Option<Box<Row>>, type_oid: pg_sys::Oid, modifier: i32) -> (Box<Row>, Described) {
    loop {
        // SAFETY: the caller's.
        let described = unsafe { Described::new(type_oid, modifier) };
        let now = (type_oid, modifier, described.identifier);
        let known = last.take().filter(|row| (row.shape.type_oid, row.shape.modifier, row.shape.identifier) == now);
        if let Some(row) = known {
            return (row, described);
        }
        // This looks types up, after which the description may be another one.
        let shape = Shape::new(type_oid, modifier, &described);
        last = Some(Box::new(Row { shape, values: Vec::new(), nulls: Vec::new() }));
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
