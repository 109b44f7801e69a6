//! `pgml.predict_batch` over an array of rows: `array_agg(t)` of a table, or `ARRAY[(1, 'a'), (2, 'b')]`.

use pgml_core::Error;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::arguments::Text;
use crate::error::{Result, SqlResult};
use crate::predict;
use crate::resolution::Wanted;
use crate::row::Record;
use crate::sets::NumberSet;

/// An argument of the type `record[]`.
pub struct Records {
    datum: pg_sys::Datum,
}

// SAFETY: the datum is read as the array that it is; a NULL never gets here, since the functions are STRICT.
unsafe impl<'fcx> ArgAbi<'fcx> for Records {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let datum = unsafe { arg.unbox_arg_using_from_datum::<pgrx::datum::AnyElement>() };
        // INVARIANT: the SQL that declares the functions makes them STRICT.
        Records { datum: datum.expect("a STRICT function was called with NULL").datum() }
    }
}

impl Records {
    /// The rows in their order; an element that is NULL is an error.
    fn rows(&self) -> Result<Vec<Record>> {
        let (mut length, mut by_value, mut align) = (0, false, 0);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: an array of composite values, whose header names their type; the second call allocates both lists, of `count`
        // elements, in the current memory context, which lives as long as the call.
        let (values, nulls) = unsafe {
            let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(self.datum.cast_mut_ptr()).cast();
            let element = (*array).elemtype;
            pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
            pg_sys::deconstruct_array(
                array,
                element,
                length.into(),
                by_value,
                align,
                &mut values,
                &mut nulls,
                &mut count,
            );
            if count == 0 {
                return Ok(Vec::new());
            }
            (std::slice::from_raw_parts(values, count as usize), std::slice::from_raw_parts(nulls, count as usize))
        };
        if let Some(place) = nulls.iter().position(|null| *null) {
            return Err(Error::NullFeature(place + 1).into());
        }
        Ok(values.iter().map(|value| Record::new(*value)).collect())
    }
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_rows(project_name: Text, features: Records) -> SqlResult<NumberSet<f64>> {
    Ok(NumberSet(predict::batch_of_records(Wanted::Project(project_name), &features.rows()?)?))
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_rows_model(model_id: i64, features: Records) -> SqlResult<NumberSet<f64>> {
    Ok(NumberSet(predict::batch_of_records(Wanted::Model(model_id), &features.rows()?)?))
}
