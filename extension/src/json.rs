//! Arguments of the type `jsonb`.
//!
//! pgrx's own panics for what Postgres takes and `serde_json` does not: deep nesting, numbers beyond double precision, and
//! the text of a database whose encoding isn't UTF-8.

use std::borrow::Cow;
use std::ffi::CStr;

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{FromDatum, PgLogLevel, direct_function_call, pg_sys};
use serde_json::Value;

use crate::error::{Failure, Result};

/// A JSON value that a caller gave.
pub struct JsonB(pub Value);

impl FromDatum for JsonB {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the datum is a `jsonb`.
        match unsafe { read(datum) } {
            Ok(value) => Some(JsonB(value)),
            Err(error) => {
                // Postgres reads arguments outside of functions that could return an error.
                ErrorReport::from(error).report(PgLogLevel::ERROR);
                None
            }
        }
    }
}

/// # Safety
///
/// The datum has to be a `jsonb`.
unsafe fn read(datum: pg_sys::Datum) -> Result<Value> {
    // SAFETY: the caller's; the text is allocated in the memory of the call, which ends with it.
    let text = unsafe { direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]) };
    let text = utf8(text.unwrap_or_default());
    serde_json::from_slice(&text).map_err(|cause| {
        Failure {
            sqlstate: "22023".into(),
            message: format!("a jsonb argument can't be used: {cause}"),
            detail: None,
            hint: Some("Its numbers have to fit double precision, and it may be nested 127 deep.".into()),
        }
        .into()
    })
}

/// A text of the server in UTF-8, in which JSON is.
fn utf8(text: &CStr) -> Cow<'_, [u8]> {
    // SAFETY: the text has that length; Postgres hands back the same pointer when nothing has to be converted, and else a
    // new text that ends with a NUL.
    unsafe {
        let given = text.as_ptr();
        let length = text.count_bytes() as i32;
        let converted = pg_sys::pg_server_to_any(given, length, pg_sys::pg_enc::PG_UTF8 as i32);
        match std::ptr::eq(converted, given) {
            true => Cow::Borrowed(text.to_bytes()),
            false => Cow::Owned(CStr::from_ptr(converted).to_bytes().to_vec()),
        }
    }
}

// SAFETY: made from the datum as above.
unsafe impl<'fcx> ArgAbi<'fcx> for JsonB {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let value = unsafe { arg.unbox_arg_using_from_datum() };
        // INVARIANT: the functions take an Option, or are STRICT.
        value.expect("NULL was taken for a value")
    }
}
