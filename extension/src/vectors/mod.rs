//! Vector functions on `real[]`. What they give has the same bits on every processor ([`sums`]).
//!
//! Arguments are read where they lie; a result is written straight into the array that is returned.

mod aggregates;
mod ahead;
pub mod blas;
mod sums;

use pgml_core::Error;
use pgrx::prelude::*;

use crate::arguments::Numbers;
use crate::arrays::RealArray;
use crate::error::{Error as PgmlError, SqlResult};

/// The values of an argument, in place; a NULL element is an error.
fn values<'a>(vector: &'a Numbers<'_, f32>) -> Result<&'a [f32], PgmlError> {
    vector.values().map_err(|place| Error::NullElement(place).into())
}

/// Two arguments of the same length.
fn pair<'a>(left: &'a Numbers<'_, f32>, right: &'a Numbers<'_, f32>) -> Result<(&'a [f32], &'a [f32]), PgmlError> {
    let (left, right) = (values(left)?, values(right)?);
    if left.len() != right.len() {
        return Err(Error::VectorLengths(left.len(), right.len()).into());
    }
    ahead::fetch_row_below(left, right);
    Ok((left, right))
}

/// A new vector, element by element.
fn each(vector: &[f32], operation: impl Fn(f32) -> f32) -> RealArray {
    let mut result = RealArray::zeros(vector.len());
    result.values().iter_mut().zip(vector).for_each(|(target, value)| *target = operation(*value));
    result
}

/// A new vector, element by element of two.
fn each_pair(left: &[f32], right: &[f32], operation: impl Fn(f32, f32) -> f32) -> RealArray {
    let mut result = RealArray::zeros(left.len());
    let pairs = left.iter().zip(right);
    result.values().iter_mut().zip(pairs).for_each(|(target, (left, right))| *target = operation(*left, *right));
    result
}

/// `vector` divided by its norm; a vector of zeros has no direction and stays as it is.
fn normalized(vector: &[f32], norm: f32) -> RealArray {
    if norm == 0.0 {
        return RealArray::copy_of(vector);
    }
    let factor = 1.0 / norm;
    each(vector, |value| value * factor)
}

#[pg_extern(sql = false)]
fn vector_add_scalar(vector: Numbers<f32>, addend: f32) -> SqlResult<RealArray> {
    Ok(each(values(&vector)?, |value| value + addend))
}

#[pg_extern(sql = false)]
fn vector_subtract_scalar(vector: Numbers<f32>, subtrahend: f32) -> SqlResult<RealArray> {
    Ok(each(values(&vector)?, |value| value - subtrahend))
}

#[pg_extern(sql = false)]
fn vector_multiply_scalar(vector: Numbers<f32>, multiplicand: f32) -> SqlResult<RealArray> {
    Ok(each(values(&vector)?, |value| value * multiplicand))
}

#[pg_extern(sql = false)]
fn vector_divide_scalar(vector: Numbers<f32>, dividend: f32) -> SqlResult<RealArray> {
    Ok(each(values(&vector)?, |value| value / dividend))
}

#[pg_extern(sql = false)]
fn vector_add_vector(vector: Numbers<f32>, addend: Numbers<f32>) -> SqlResult<RealArray> {
    let (left, right) = pair(&vector, &addend)?;
    let mut result = RealArray::copy_of(left);
    blas::add_multiple(1.0, right, result.values());
    Ok(result)
}

#[pg_extern(sql = false)]
fn vector_subtract_vector(vector: Numbers<f32>, subtrahend: Numbers<f32>) -> SqlResult<RealArray> {
    let (left, right) = pair(&vector, &subtrahend)?;
    let mut result = RealArray::copy_of(left);
    blas::add_multiple(-1.0, right, result.values());
    Ok(result)
}

#[pg_extern(sql = false)]
fn vector_multiply_vector(vector: Numbers<f32>, multiplicand: Numbers<f32>) -> SqlResult<RealArray> {
    let (left, right) = pair(&vector, &multiplicand)?;
    Ok(each_pair(left, right, |left, right| left * right))
}

#[pg_extern(sql = false)]
fn vector_divide_vector(vector: Numbers<f32>, dividend: Numbers<f32>) -> SqlResult<RealArray> {
    let (left, right) = pair(&vector, &dividend)?;
    Ok(each_pair(left, right, |left, right| left / right))
}

#[pg_extern(sql = false)]
fn vector_norm_l0(vector: Numbers<f32>) -> SqlResult<f32> {
    Ok(values(&vector)?.iter().filter(|value| **value != 0.0).count() as f32)
}

#[pg_extern(sql = false)]
fn vector_norm_l1(vector: Numbers<f32>) -> SqlResult<f32> {
    Ok(sums::magnitudes(values(&vector)?) as f32)
}

#[pg_extern(sql = false)]
fn vector_norm_l2(vector: Numbers<f32>) -> SqlResult<f32> {
    Ok(sums::length(values(&vector)?) as f32)
}

#[pg_extern(sql = false)]
fn vector_norm_max(vector: Numbers<f32>) -> SqlResult<f32> {
    Ok(sums::largest_magnitude(values(&vector)?))
}

#[pg_extern(sql = false)]
fn vector_normalize_l1(vector: Numbers<f32>) -> SqlResult<RealArray> {
    let vector = values(&vector)?;
    Ok(normalized(vector, sums::magnitudes(vector) as f32))
}

#[pg_extern(sql = false)]
fn vector_normalize_l2(vector: Numbers<f32>) -> SqlResult<RealArray> {
    let vector = values(&vector)?;
    Ok(normalized(vector, sums::length(vector) as f32))
}

#[pg_extern(sql = false)]
fn vector_normalize_max(vector: Numbers<f32>) -> SqlResult<RealArray> {
    let vector = values(&vector)?;
    Ok(normalized(vector, sums::largest_magnitude(vector)))
}

#[pg_extern(sql = false)]
fn vector_distance_l1(vector: Numbers<f32>, other: Numbers<f32>) -> SqlResult<f32> {
    let (left, right) = pair(&vector, &other)?;
    Ok(sums::differences(left, right) as f32)
}

#[pg_extern(sql = false)]
fn vector_distance_l2(vector: Numbers<f32>, other: Numbers<f32>) -> SqlResult<f32> {
    let (left, right) = pair(&vector, &other)?;
    Ok(sums::distance(left, right) as f32)
}

#[pg_extern(sql = false)]
fn vector_dot_product(vector: Numbers<f32>, other: Numbers<f32>) -> SqlResult<f32> {
    let (left, right) = pair(&vector, &other)?;
    Ok(sums::dot(left, right) as f32)
}

/// Zero when one of the vectors has no direction, as scikit-learn's `cosine_similarity` has it.
#[pg_extern(sql = false)]
fn vector_cosine_similarity(vector: Numbers<f32>, other: Numbers<f32>) -> SqlResult<f32> {
    let (left, right) = pair(&vector, &other)?;
    let lengths = sums::length(left) * sums::length(right);
    Ok(if lengths == 0.0 { 0.0 } else { (sums::dot(left, right) / lengths) as f32 })
}
