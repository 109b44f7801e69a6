//! What the aggregates over `real[]` do with one vector more: element by element, with the state as the first argument.
//!
//! Each function is also the one that combines two states, so that parallel workers can share an aggregate. A `NULL`
//! vector never gets here: the functions are strict, and Postgres takes the first vector as it is for the state.

use pgrx::prelude::*;

use super::{each, each_pair, pair, values};
use crate::arguments::Numbers;
use crate::arrays::RealArray;
use crate::error::SqlResult;

#[pg_extern(sql = false)]
fn vector_min_step(state: Numbers<f32>, vector: Numbers<f32>) -> SqlResult<RealArray> {
    let (state, vector) = pair(&state, &vector)?;
    Ok(each_pair(state, vector, f32::min))
}

#[pg_extern(sql = false)]
fn vector_max_step(state: Numbers<f32>, vector: Numbers<f32>) -> SqlResult<RealArray> {
    let (state, vector) = pair(&state, &vector)?;
    Ok(each_pair(state, vector, f32::max))
}

#[pg_extern(sql = false)]
fn vector_min_abs_step(state: Numbers<f32>, vector: Numbers<f32>) -> SqlResult<RealArray> {
    let (state, vector) = pair(&state, &vector)?;
    Ok(each_pair(state, vector, |state, value| state.abs().min(value.abs())))
}

#[pg_extern(sql = false)]
fn vector_max_abs_step(state: Numbers<f32>, vector: Numbers<f32>) -> SqlResult<RealArray> {
    let (state, vector) = pair(&state, &vector)?;
    Ok(each_pair(state, vector, |state, value| state.abs().max(value.abs())))
}

/// The end of an aggregate of absolute values: a single vector has met no step.
#[pg_extern(sql = false)]
fn vector_abs(vector: Numbers<f32>) -> SqlResult<RealArray> {
    Ok(each(values(&vector)?, f32::abs))
}
