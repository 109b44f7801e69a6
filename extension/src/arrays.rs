//! Arrays of numbers that a function gives back, made in one allocation.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys;

use crate::arguments::Element;

/// A new one-dimensional array, allocated by Postgres and returned to it as it is.
pub struct NewArray<T> {
    array: *mut pg_sys::ArrayType,
    length: usize,
    elements: std::marker::PhantomData<T>,
}

/// The result of a function that returns `real[]`.
pub type RealArray = NewArray<f32>;

impl<T: Element> NewArray<T> {
    /// An array of `length` zeros.
    pub fn zeros(length: usize) -> NewArray<T> {
        if length == 0 {
            // SAFETY: makes a new array in the current memory context.
            let array = unsafe { pg_sys::construct_empty_array(T::OID) };
            return NewArray { array, length, elements: std::marker::PhantomData };
        }
        // The header, one dimension's size and its lower bound: 24 bytes, as ARR_OVERHEAD_NONULLS(1) counts them.
        let header = size_of::<pg_sys::ArrayType>() + 2 * size_of::<i32>();
        let size = header + length * size_of::<T>();
        // SAFETY: palloc0 gives `size` zeroed bytes, aligned for any type, or raises an ERROR. The fields written are
        // the ones of an array with one dimension and no NULLs, whose data starts right after the header (24 bytes are
        // already a multiple of MAXALIGN).
        let array = unsafe {
            let array = pg_sys::palloc0(size).cast::<pg_sys::ArrayType>();
            pgrx::set_varsize_4b(array.cast(), size as i32);
            (*array).ndim = 1;
            (*array).elemtype = T::OID;
            let dimensions = array.add(1).cast::<i32>();
            *dimensions = length as i32;
            *dimensions.add(1) = 1;
            array
        };
        NewArray { array, length, elements: std::marker::PhantomData }
    }

    pub fn copy_of(values: &[T]) -> NewArray<T> {
        let mut array = NewArray::zeros(values.len());
        array.values().copy_from_slice(values);
        array
    }

    pub fn values(&mut self) -> &mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: `zeros` allocated the header, the two numbers of the dimension, and `length` numbers after them;
        // nobody else has the pointer, and the borrow of `self` bounds the slice.
        unsafe {
            let data = self.array.add(1).cast::<i32>().add(2).cast::<T>();
            std::slice::from_raw_parts_mut(data, self.length)
        }
    }
}

// SAFETY: the datum is a valid array in the memory context that was current when it was made, which is the function's.
unsafe impl<T> BoxRet for NewArray<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: see above; the pointer is never null.
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.array)) }
    }
}
