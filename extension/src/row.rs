//! A row that a function is given, `(a, b, c)` or a table's own: its columns as numbers and texts.

use std::panic::AssertUnwindSafe;

use pgml_core::Error;
use pgml_core::preprocess::Field;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{FromDatum, PgSqlErrorCode, PgTryBuilder, PgTupleDesc, htup, pg_sys};

use crate::arguments::{Numbers, Text};
use crate::error::{Failure, Result};
use crate::scan::Stored;

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

impl Record {
    /// The columns in their order, without those that were dropped from the row's table.
    pub fn fields(&self) -> Result<Vec<Field>> {
        // SAFETY: the datum is a composite value, whose description is that of its type as it is now; whether the value was
        // formed by it, `deform` sees by the mark, which the first call gives to a value that has none. The values point into
        // the row, which lives as long as the call.
        let (description, values, nulls) = unsafe {
            let header = pg_sys::datum_get_heap_tuple_header(self.datum);
            let (of, modifier) =
                (htup::heap_tuple_header_get_type_id(header), htup::heap_tuple_header_get_typmod(header));
            let description = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(of, modifier));
            let mut tuple = pg_sys::HeapTupleData {
                t_len: htup::heap_tuple_header_get_datum_length(header) as u32,
                t_data: header,
                ..Default::default()
            };
            let mut values = vec![pg_sys::Datum::null(); description.len()];
            let mut nulls = vec![true; description.len()];
            deform(&mut tuple, &description, &mut values, &mut nulls)?;
            (description, values, nulls)
        };
        let columns = description.iter().zip(values).zip(nulls).filter(|((column, _), _)| !column.attisdropped);
        columns
            .enumerate()
            .map(|(place, ((column, value), null))| match null {
                true => Ok(Field::Null),
                // SAFETY: the value is one of the column's type.
                false => unsafe { field(place + 1, column.atttypid, value) },
            })
            .collect()
    }
}

/// Take a row apart; both slices have room for its columns. The server refuses a row that was formed before its table was
/// altered, where it marks rows (PostgreSQL 14.25, 15.20, 16.16, 17.12, 18.7).
///
/// # Safety
///
/// The tuple and the description have to be those of one type.
unsafe fn deform(
    tuple: &mut pg_sys::HeapTupleData,
    description: &PgTupleDesc,
    values: &mut [pg_sys::Datum],
    nulls: &mut [bool],
) -> Result<()> {
    let mut apart = AssertUnwindSafe((tuple, values, nulls));
    PgTryBuilder::new(move || {
        let (tuple, values, nulls) = &mut *apart;
        // SAFETY: the caller's; the slices are as long as the description.
        unsafe {
            pg_sys::heap_deform_tuple(*tuple, description.as_ptr(), values.as_mut_ptr(), nulls.as_mut_ptr());
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

/// # Safety
///
/// The value has to be one of the type.
unsafe fn field(place: usize, type_oid: pg_sys::Oid, value: pg_sys::Datum) -> Result<Field> {
    // SAFETY: both look a type up by its oid.
    let (base, element) = unsafe {
        let base = pg_sys::getBaseType(type_oid);
        (base, pg_sys::get_element_type(base))
    };
    if element != pg_sys::InvalidOid {
        // SAFETY: the caller's: an array of this type.
        let numbers = unsafe { elements(value, element) };
        return numbers.map(Field::Numbers).ok_or_else(|| unknown(place, type_oid));
    }
    match base {
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => {
            // SAFETY: the three are stored alike.
            let text = unsafe { Text::from_datum(value, false) };
            let text = text.map(|text| text.utf8().into_owned()).unwrap_or_default();
            // The blanks at its end are no part of a character(n).
            let end = if base == pg_sys::BPCHAROID { text.trim_end_matches(' ').len() } else { text.len() };
            Ok(Field::Text(text[..end].to_string()))
        }
        // A literal in a row, `('a', …)`, which Postgres leaves without a type.
        pg_sys::UNKNOWNOID => {
            // SAFETY: such a value is a string of C's.
            let text = unsafe { std::ffi::CStr::from_ptr(value.cast_mut_ptr()) };
            Ok(Field::Text(Text(text.to_bytes()).utf8().into_owned()))
        }
        // SAFETY: the caller's.
        _ => unsafe { number(value, base) }.map(Field::Number).ok_or_else(|| unknown(place, type_oid)),
    }
}

fn unknown(place: usize, type_oid: pg_sys::Oid) -> crate::error::Error {
    // SAFETY: the oid of a type that exists; the name is a string of the current memory context.
    let type_name = unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be(type_oid)) };
    Error::FieldUnknown { place, type_name: type_name.to_string_lossy().into_owned() }.into()
}

/// A value as a number; none when its type has none.
///
/// # Safety
///
/// The value has to be one of the type.
unsafe fn number(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<f64> {
    let stored = match type_oid {
        pg_sys::BOOLOID => Stored::Bool,
        pg_sys::INT2OID => Stored::Int2,
        pg_sys::INT4OID => Stored::Int4,
        pg_sys::INT8OID => Stored::Int8,
        pg_sys::FLOAT4OID => Stored::Float4,
        pg_sys::FLOAT8OID => Stored::Float8,
        // SAFETY: the caller's: a numeric.
        pg_sys::NUMERICOID => return unsafe { pgrx::direct_function_call(pg_sys::numeric_float8, &[Some(value)]) },
        _ => return None,
    };
    Some(stored.number(value))
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
