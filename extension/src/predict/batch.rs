//! `pgml.predict_batch`: what a model says about each row of an array, a block of rows at a time.
//!
//! The array is numbers, or rows: `array_agg(t)` of a table, or `ARRAY[(1, 'a'), (2, 'b')]`. What is wrong with it as a whole is
//! found before the first row is given; what is wrong with a row, when its block is due.

use std::marker::PhantomData;
use std::rc::Rc;

use pgml_core::Error;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::prelude::*;
use pgrx::{FromDatum, pg_sys};

use super::model::{Model, rows};
use super::resolve;
use super::stream::BLOCK;
use crate::arguments::{Numbers, Place, Text};
use crate::error::{Result, SqlResult};
use crate::resolution::Wanted;
use crate::row::Record;
use crate::sets::{Blocks, NumberSet};

/// An argument that is an array, which nothing has read yet.
pub struct Array<T> {
    datum: pg_sys::Datum,
    elements: PhantomData<T>,
}

// SAFETY: the datum is read as the array that it is; a NULL never gets here, since the functions are STRICT.
unsafe impl<'fcx, T> ArgAbi<'fcx> for Array<T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let datum = unsafe { arg.unbox_arg_using_from_datum::<pgrx::datum::AnyElement>() };
        // INVARIANT: the SQL that declares the functions makes them STRICT.
        let datum = datum.expect("a STRICT function was called with NULL").datum();
        Array { datum, elements: PhantomData }
    }
}

/// What a model says about rows of numbers.
pub fn of_numbers<T>(wanted: Wanted<'_>, array: Array<f64>) -> Result<NumberSet<T>> {
    let model = resolve(wanted)?;
    Ok(NumberSet::new(move || {
        // SAFETY: an array of `float8`. What Postgres passes to the first call of a set stays until the last one; where that is a
        // copy, it is made where the set lives.
        let array = unsafe { Numbers::from_datum(array.datum, false) };
        // INVARIANT: no NULL, as above.
        let array = array.expect("a STRICT function was called with NULL");
        Ok(Box::new(NumberRows::open(model, array)?))
    }))
}

/// What a model says about records.
pub fn of_records<T>(wanted: Wanted<'_>, array: Array<Record>) -> Result<NumberSet<T>> {
    let model = resolve(wanted)?;
    Ok(NumberSet::new(move || Ok(Box::new(RecordRows::open(model, &array)?))))
}

struct NumberRows {
    model: Rc<Model>,
    array: Numbers<'static, f64>,
    /// How many numbers of the array a row has.
    width: usize,
    place: Place,
}

impl NumberRows {
    fn open(model: Rc<Model>, array: Numbers<'static, f64>) -> Result<NumberRows> {
        let mut width = 0;
        if !array.sizes().is_empty() {
            model.check_number()?;
            width = model.width(&array)?;
            let taken = match model.prepares_arrays() {
                Some(preprocess) => preprocess.outputs(),
                None => {
                    model.check_gaps(&array)?;
                    width
                }
            };
            model.check_features(taken)?;
        }
        Ok(NumberRows { model, array, width, place: Place::default() })
    }
}

impl Blocks for NumberRows {
    fn next(&mut self, block: &mut Vec<f64>) -> Result<()> {
        let NumberRows { model, array, width, place } = self;
        if place.is_end(array) {
            return Ok(());
        }
        let add = |values: &[f64]| block.extend_from_slice(values);
        let most = *width * BLOCK;
        match model.prepares_arrays() {
            Some(preprocess) => {
                let numbers = array.next(place, most);
                let outputs = preprocess.outputs();
                let mut values = Vec::with_capacity(rows(numbers.len(), *width) * outputs);
                for row in numbers.chunks_exact((*width).max(1)) {
                    preprocess.numbers(model.id, row, &mut values)?;
                }
                model.singles(&values, outputs, add)
            }
            None => match array.next_values(place, most) {
                Some(values) => model.singles(values, *width, add),
                None => {
                    let numbers = array.next(place, most);
                    let values: Vec<f64> = numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect();
                    model.singles(&values, *width, add)
                }
            },
        }
    }
}

struct RecordRows {
    model: Rc<Model>,
    rows: std::slice::Iter<'static, pg_sys::Datum>,
}

impl RecordRows {
    fn open(model: Rc<Model>, array: &Array<Record>) -> Result<RecordRows> {
        let rows = array.rows()?;
        if !rows.is_empty() {
            model.check_number()?;
        }
        Ok(RecordRows { model, rows: rows.iter() })
    }
}

impl Blocks for RecordRows {
    fn next(&mut self, block: &mut Vec<f64>) -> Result<()> {
        let RecordRows { model, rows } = self;
        if rows.len() == 0 {
            return Ok(());
        }
        let records = rows.by_ref().take(BLOCK).map(|row| Record::new(*row));
        let (values, width) = model.rows_of(records, |record, out| model.row(&record, true, out))?;
        model.singles(&values, width, |values| block.extend_from_slice(values))
    }
}

impl Array<Record> {
    /// The rows in their order, which live as long as what Postgres allocates here; an element that is NULL is an error.
    fn rows(&self) -> Result<&'static [pg_sys::Datum]> {
        let (mut length, mut by_value, mut align) = (0, false, 0);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: an array of composite values, whose header names their type; the second call allocates both lists, of `count`
        // elements, in the current memory context. The values are in the array, which stays until the set ends.
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
                return Ok(&[]);
            }
            (std::slice::from_raw_parts(values, count as usize), std::slice::from_raw_parts(nulls, count as usize))
        };
        if let Some(place) = nulls.iter().position(|null| *null) {
            return Err(Error::NullFeature(place + 1).into());
        }
        Ok(values)
    }
}

#[pg_extern(sql = false)]
fn pgml_predict_batch(project_name: Text, features: Array<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(of_numbers(Wanted::Project(project_name), features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_model(model_id: i64, features: Array<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(of_numbers(Wanted::Model(model_id), features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_rows(project_name: Text, features: Array<Record>) -> SqlResult<NumberSet<f64>> {
    Ok(of_records(Wanted::Project(project_name), features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_rows_model(model_id: i64, features: Array<Record>) -> SqlResult<NumberSet<f64>> {
    Ok(of_records(Wanted::Model(model_id), features)?)
}
