//! Arguments of the functions that are called for each row, read where they lie: no copy, no allocation, no lookup.
//!
//! pgrx's own array asks the catalog for the layout of the element type and allocates with each call, and its text is
//! checked as UTF-8; together that takes longer than a prediction.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pgrx::FromDatum;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys;
use pgrx::varlena::{varatt_is_1b, varatt_is_1b_e, varatt_is_4b_u, vardata_any, varsize_1b, varsize_any_exhdr};

use crate::text;

/// A number as Postgres stores it in an array.
pub trait Element: Copy {
    const OID: pg_sys::Oid;

    /// The nearest one to a number.
    fn of(number: f64) -> Self;

    /// The number as a value by itself.
    fn datum(self) -> pg_sys::Datum;
}

impl Element for f32 {
    const OID: pg_sys::Oid = pg_sys::FLOAT4OID;

    fn of(number: f64) -> f32 {
        number as f32
    }

    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_bits())
    }
}

impl Element for f64 {
    const OID: pg_sys::Oid = pg_sys::FLOAT8OID;

    fn of(number: f64) -> f64 {
        number
    }

    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_bits())
    }
}

/// The most that a value with a header of one byte can have, with that header.
const MOST_PACKED: usize = 0x7f;

/// `vl_len_`, the header that a value has outside of a row.
const HEADER: usize = size_of::<u32>();

/// Room for a packed value after its header was replaced by a whole one, aligned for every element.
type Unpacked = [MaybeUninit<u64>; (MOST_PACKED + HEADER).div_ceil(size_of::<u64>())];

/// An argument of the type `real[]` or `float8[]`.
pub struct Numbers<'a, T> {
    /// The array, or null where it is in `unpacked`.
    lying: *const u8,
    /// A small array lies packed in its row, where no number is aligned.
    unpacked: Unpacked,
    life: PhantomData<&'a [T]>,
}

/// How far the elements of an array were read.
#[derive(Debug, Default)]
pub struct Place {
    elements: usize,
    /// Those of them that are not NULL.
    stored: usize,
}

impl Place {
    /// Whether no element is left.
    pub fn is_end<T: Element>(&self, array: &Numbers<'_, T>) -> bool {
        self.elements == array.len()
    }
}

impl<T: Element> Numbers<'_, T> {
    fn start(&self) -> *const u8 {
        if self.lying.is_null() { self.unpacked.as_ptr().cast() } else { self.lying }
    }

    fn header(&self) -> &pg_sys::ArrayType {
        // SAFETY: an array of Postgres begins so, and `start` is aligned as it has to be.
        unsafe { &*self.start().cast() }
    }

    /// The size of each dimension; none for an empty array.
    pub fn sizes(&self) -> &[i32] {
        // SAFETY: the sizes of `ndim` dimensions follow the header.
        unsafe {
            let first = self.start().add(size_of::<pg_sys::ArrayType>()).cast();
            std::slice::from_raw_parts(first, self.header().ndim as usize)
        }
    }

    /// The number of elements, NULLs among them.
    pub fn len(&self) -> usize {
        let sizes = self.sizes();
        if sizes.is_empty() { 0 } else { sizes.iter().map(|size| *size as usize).product() }
    }

    /// All elements in their order; when there are NULLs among them, the place of the first one, from 1.
    pub fn values(&self) -> Result<&[T], usize> {
        let count = self.len();
        // The header, and each dimension's size and lower bound.
        let before = size_of::<pg_sys::ArrayType>() + self.sizes().len() * 2 * size_of::<i32>();
        let offset = self.header().dataoffset;
        if offset != 0
            && let Some(place) = self.first_null(before, count)
        {
            return Err(place);
        }
        let offset =
            if offset == 0 { before.next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize) } else { offset as usize };
        // SAFETY: `count` elements without a NULL among them begin at `offset`, aligned: `start` is aligned at least as
        // the type needs, and the offset is a multiple of the largest alignment.
        Ok(unsafe { std::slice::from_raw_parts(self.start().add(offset).cast(), count) })
    }

    /// All elements in their order, none for NULL.
    pub fn options(&self) -> Vec<Option<T>> {
        self.next(&mut Place::default(), self.len())
    }

    /// The next elements, as many as are left and at most `most`; none when nothing tells which of them are NULL.
    pub fn next_values(&self, place: &mut Place, most: usize) -> Option<&[T]> {
        if self.header().dataoffset != 0 {
            return None;
        }
        let rest = &self.values().ok()?[place.elements..];
        let next = &rest[..most.min(rest.len())];
        place.elements += next.len();
        place.stored += next.len();
        Some(next)
    }

    /// As [`Numbers::next_values`], of every array; none for NULL.
    pub fn next(&self, place: &mut Place, most: usize) -> Vec<Option<T>> {
        if let Some(values) = self.next_values(place, most) {
            return values.iter().copied().map(Some).collect();
        }
        let count = self.len();
        let before = size_of::<pg_sys::ArrayType>() + self.sizes().len() * 2 * size_of::<i32>();
        // SAFETY: as in `first_null`; the elements that are not NULL stand at the offset without gaps, aligned as in `values`.
        let (bits, first) = unsafe {
            let bits = std::slice::from_raw_parts(self.start().add(before), count.div_ceil(8));
            (bits, self.start().add(self.header().dataoffset as usize).cast::<T>())
        };
        let begin = place.elements;
        place.elements = count.min(begin.saturating_add(most));
        let element = |at: usize| {
            if bits[at / 8] & (1 << (at % 8)) == 0 {
                return None;
            }
            // SAFETY: there are as many elements as bits that are set.
            let value = unsafe { first.add(place.stored).read() };
            place.stored += 1;
            Some(value)
        };
        (begin..place.elements).map(element).collect()
    }

    /// The place of the first element that is NULL, from 1. The bitmap begins `before` bytes after the start.
    fn first_null(&self, before: usize, count: usize) -> Option<usize> {
        // SAFETY: an array with an offset has a bit for each element there.
        let bits = unsafe { std::slice::from_raw_parts(self.start().add(before), count.div_ceil(8)) };
        (0..count).find(|place| bits[place / 8] & (1 << (place % 8)) == 0).map(|place| place + 1)
    }
}

impl<T> Numbers<'_, T> {
    /// Free what had to be copied to read the array of `datum`, where nobody else does so before the end of the query.
    pub fn free_copy(self, datum: pg_sys::Datum) {
        if !self.lying.is_null() && self.lying != datum.cast_mut_ptr::<u8>().cast_const() {
            // SAFETY: allocated by `pg_detoast_datum`, and used no more.
            unsafe { pg_sys::pfree(self.lying.cast_mut().cast()) };
        }
    }
}

impl<T: Element> FromDatum for Numbers<'_, T> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null || datum.is_null() {
            return None;
        }
        let given: *mut pg_sys::varlena = datum.cast_mut_ptr();
        let mut unpacked: Unpacked = [MaybeUninit::uninit(); _];
        // SAFETY: the datum of an array points to a value that begins with one of the headers that are told apart here. A
        // packed one has `varsize_1b` bytes, at most `MOST_PACKED`, which fit behind a whole header, whose contents
        // nobody reads.
        let lying = unsafe {
            if varatt_is_4b_u(given) {
                given
            } else if varatt_is_1b(given) && !varatt_is_1b_e(given) {
                let contents = given.cast::<u8>().add(1);
                let target = unpacked.as_mut_ptr().cast::<u8>().add(HEADER);
                std::ptr::copy_nonoverlapping(contents, target, varsize_1b(given) - 1);
                std::ptr::null_mut()
            } else {
                // Compressed, stored apart, or as PL/pgSQL keeps its variables.
                pg_sys::pg_detoast_datum(given)
            }
        };
        Some(Numbers { lying: lying.cast(), unpacked, life: PhantomData })
    }
}

/// An argument of the type `text`, as its bytes in the database's encoding.
#[derive(Clone, Copy)]
pub struct Text<'a>(pub &'a [u8]);

impl Text<'_> {
    /// The text in UTF-8.
    pub fn utf8(&self) -> Cow<'_, str> {
        text::from_server(self.0)
    }
}

impl FromDatum for Text<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null || datum.is_null() {
            return None;
        }
        let given: *mut pg_sys::varlena = datum.cast_mut_ptr();
        // SAFETY: as for arrays; the bytes behind a header are read as they are, whatever their alignment.
        unsafe {
            let plain = varatt_is_4b_u(given) || (varatt_is_1b(given) && !varatt_is_1b_e(given));
            let value = if plain { given } else { pg_sys::pg_detoast_datum_packed(given) };
            Some(Text(std::slice::from_raw_parts(vardata_any(value).cast(), varsize_any_exhdr(value))))
        }
    }
}

// SAFETY: both are made from the datum by the rules of their types, as above; a NULL never reaches them, since the functions
// are STRICT.
unsafe impl<'fcx, T: Element> ArgAbi<'fcx> for Numbers<'fcx, T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let value = unsafe { arg.unbox_arg_using_from_datum() };
        // INVARIANT: the SQL that declares the functions makes them STRICT.
        value.expect("a STRICT function was called with NULL")
    }
}

// SAFETY: see above.
unsafe impl<'fcx> ArgAbi<'fcx> for Text<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let value = unsafe { arg.unbox_arg_using_from_datum() };
        // INVARIANT: as above.
        value.expect("a STRICT function was called with NULL")
    }
}
