//! Arrays of floats where Postgres keeps them: read without a copy, and made in one allocation.

use pgml_core::Error;
use pgrx::array::RawArray;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::{Array, Datum};
use pgrx::pg_sys;

/// The sizes of an array's dimensions; none for an empty array.
pub fn dimensions<T: pgrx::datum::UnboxDatum>(array: Array<'_, T>) -> Vec<usize> {
    // SAFETY: the array is given away, and outlives the raw view of it that ends with this function.
    let raw = unsafe { RawArray::from_array(array) };
    raw.map(|raw| raw.dims().iter().map(|size| *size as usize).collect()).unwrap_or_default()
}

/// The values of an array, copied; a NULL element is the error that `otherwise` makes of its place, from 1.
pub fn known(array: &Array<'_, f64>, otherwise: impl Fn(usize) -> Error) -> Result<Vec<f64>, Error> {
    match array.as_slice() {
        Ok(values) => Ok(values.to_vec()),
        Err(_) => {
            let place = array.iter().position(|element| element.is_none()).unwrap_or(0);
            Err(otherwise(place + 1))
        }
    }
}

/// A new one-dimensional `real[]`, allocated by Postgres and returned to it as it is.
pub struct RealArray {
    array: *mut pg_sys::ArrayType,
    length: usize,
}

impl RealArray {
    /// An array of `length` zeros.
    pub fn zeros(length: usize) -> RealArray {
        if length == 0 {
            // SAFETY: makes a new array in the current memory context.
            let array = unsafe { pg_sys::construct_empty_array(pg_sys::FLOAT4OID) };
            return RealArray { array, length };
        }
        // The header, one dimension's size and its lower bound: 24 bytes, as ARR_OVERHEAD_NONULLS(1) counts them.
        let header = size_of::<pg_sys::ArrayType>() + 2 * size_of::<i32>();
        let size = header + length * size_of::<f32>();
        // SAFETY: palloc0 gives `size` zeroed bytes, aligned for any type, or raises an ERROR. The fields written are
        // the ones of an array with one dimension and no NULLs, whose data starts right after the header (24 bytes are
        // already a multiple of MAXALIGN).
        let array = unsafe {
            let array = pg_sys::palloc0(size).cast::<pg_sys::ArrayType>();
            pgrx::set_varsize_4b(array.cast(), size as i32);
            (*array).ndim = 1;
            (*array).elemtype = pg_sys::FLOAT4OID;
            let dimensions = array.add(1).cast::<i32>();
            *dimensions = length as i32;
            *dimensions.add(1) = 1;
            array
        };
        RealArray { array, length }
    }

    pub fn copy_of(values: &[f32]) -> RealArray {
        let mut array = RealArray::zeros(values.len());
        array.values().copy_from_slice(values);
        array
    }

    pub fn values(&mut self) -> &mut [f32] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: `zeros` allocated the header, the two numbers of the dimension, and `length` floats after them;
        // nobody else has the pointer, and the borrow of `self` bounds the slice.
        unsafe {
            let data = self.array.add(1).cast::<i32>().add(2).cast::<f32>();
            std::slice::from_raw_parts_mut(data, self.length)
        }
    }
}

// SAFETY: the datum is a valid array in the memory context that was current when it was made, which is the function's.
unsafe impl BoxRet for RealArray {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: see above; the pointer is never null.
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.array)) }
    }
}
