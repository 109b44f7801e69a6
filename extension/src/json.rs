//! Arguments and results of the type `jsonb`.
//!
//! pgrx's own panics for what Postgres takes and `serde_json` does not: deep nesting, numbers beyond double precision, and
//! the text of a database whose encoding isn't UTF-8.

use std::ffi::CStr;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{FromDatum, IntoDatum, PgLogLevel, direct_function_call, direct_function_call_as_datum, pg_sys};
use serde_json::Value;

use crate::error::{Failure, Result};
use crate::text;

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
    let text = text::from_server(text.unwrap_or_default().to_bytes());
    serde_json::from_str(&text).map_err(|cause| {
        Failure::new("22023", format!("a jsonb argument can't be used: {cause}"))
            .with_hint("Its numbers have to fit double precision, and it may be nested 127 deep.")
            .into()
    })
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

impl IntoDatum for JsonB {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let text = text::query(&self.0.to_string());
        // SAFETY: reads the string, which lives until the call returns, or raises an ERROR.
        unsafe { direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.as_ptr().into())]) }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a `jsonb`, or NULL.
unsafe impl BoxRet for JsonB {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: as above.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}
