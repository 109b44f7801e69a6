//! Arguments and results of the types `text` and `text[]`, as Rust strings.
//!
//! Functions that are called for each row take [`Text`] instead, which copies nothing.

use std::ffi::{c_char, c_int};

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::{FromDatum, IntoDatum, pg_sys};

use crate::arguments::Text;
use crate::text::to_server;

/// An argument or a result of the type `text`.
#[derive(Debug, Clone)]
pub struct Str(pub String);

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str(text)
    }
}

impl FromDatum for Str {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the caller's.
        let text = unsafe { Text::from_polymorphic_datum(datum, is_null, oid) };
        text.map(|text| Str(text.utf8().into_owned()))
    }
}

impl IntoDatum for Str {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let bytes = to_server(&self.0);
        // SAFETY: copies that many bytes.
        Some(unsafe { pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as c_int) }.into())
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }
}

// SAFETY: made from the datum as above.
unsafe impl<'fcx> ArgAbi<'fcx> for Str {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let value = unsafe { arg.unbox_arg_using_from_datum() };
        // INVARIANT: the functions take an Option, or are STRICT.
        value.expect("NULL was taken for a value")
    }
}

/// An argument, or a value of a query, of the type `text[]`: its elements, none for NULL.
#[derive(Debug, Clone)]
pub struct Strs(pub Vec<Option<String>>);

impl FromDatum for Strs {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: an array of texts, which Postgres stores so: of variable length, by reference, aligned as an integer. Both
        // lists are allocated in the current memory context, and have `count` elements.
        unsafe {
            let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            let align = pg_sys::TYPALIGN_INT as c_char;
            pg_sys::deconstruct_array(array, pg_sys::TEXTOID, -1, false, align, &mut values, &mut nulls, &mut count);
            let element = |place| Str::from_datum(*values.add(place), *nulls.add(place)).map(|Str(text)| text);
            Some(Strs((0..count as usize).map(element).collect()))
        }
    }
}

// SAFETY: made from the datum as above.
unsafe impl<'fcx> ArgAbi<'fcx> for Strs {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let value = unsafe { arg.unbox_arg_using_from_datum() };
        // INVARIANT: the functions take an Option, or are STRICT.
        value.expect("NULL was taken for a value")
    }
}

// SAFETY: the datum is a `text`, or NULL.
unsafe impl BoxRet for Str {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: as above.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

/// The text of an argument that may be NULL.
pub fn string(text: Option<Str>) -> Option<String> {
    text.map(|Str(text)| text)
}

/// The name of an enum's value.
pub fn enum_name(value: Option<pg_sys::Oid>) -> Option<String> {
    value.map(|oid| pgrx::enum_helper::lookup_enum_by_oid(oid).0)
}
