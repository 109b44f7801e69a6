//! The functions of edition 2.10.0 whose results are of another type than this release's: single precision, as PostgresML 2.x
//! has them. All others are shared.

use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::arrays::RealArray;
use crate::error::SqlResult;
use crate::predict;
use crate::resolution::Wanted;
use crate::sets::NumberSet;

fn narrowed(values: &[f64]) -> RealArray {
    let mut array = RealArray::zeros(values.len());
    array.values().iter_mut().zip(values).for_each(|(target, value)| *target = *value as f32);
    array
}

fn narrowed_set(values: &[f64]) -> NumberSet<f32> {
    NumberSet(values.iter().map(|value| *value as f32).collect())
}

#[pg_extern(sql = false)]
fn edition_2_10_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Project(project_name), &features)? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_model(model_id: i64, features: Numbers<f64>) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Model(model_id), &features)? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Project(project_name), &features, narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint_model(model_id: i64, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Model(model_id), &features, narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba(project_name: Text, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Project(project_name), &features, narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba_model(model_id: i64, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Model(model_id), &features, narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_decompose(project_name: Text, vector: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::decomposed(project_name, &vector, narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch(project_name: Text, features: Numbers<f64>) -> SqlResult<NumberSet<f32>> {
    Ok(predict::batch(Wanted::Project(project_name), &features, narrowed_set)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NumberSet<f32>> {
    Ok(predict::batch(Wanted::Model(model_id), &features, narrowed_set)?)
}
