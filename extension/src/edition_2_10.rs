//! The functions of edition 2.10.0 whose results are of another type than this release's: single precision, as PostgresML 2.x
//! has them. All others are shared.

use pgrx::prelude::*;

use crate::arrays::RealArray;
use crate::catalog::deployments::{self, Deployed};
use crate::error::{Result, SqlResult};
use crate::predict;

fn narrowed(values: &[f64]) -> RealArray {
    let mut array = RealArray::zeros(values.len());
    array.values().iter_mut().zip(values).for_each(|(target, value)| *target = *value as f32);
    array
}

fn batch(deployed: Deployed, features: Array<'_, f64>) -> Result<SetOfIterator<'static, f32>> {
    Ok(SetOfIterator::new(predict::batch(deployed, features)?.into_iter().map(|value| value as f32)))
}

#[pg_extern(sql = false)]
fn edition_2_10_predict(project_name: &str, features: Array<f64>) -> SqlResult<f32> {
    Ok(predict::single(deployments::current(project_name)?, features)? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_model(model_id: i64, features: Array<f64>) -> SqlResult<f32> {
    Ok(predict::single(deployments::specific(model_id)?, features)? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint(project_name: &str, features: Array<f64>) -> SqlResult<RealArray> {
    Ok(narrowed(&predict::joint(deployments::current(project_name)?, features)?))
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint_model(model_id: i64, features: Array<f64>) -> SqlResult<RealArray> {
    Ok(narrowed(&predict::joint(deployments::specific(model_id)?, features)?))
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba(project_name: &str, features: Array<f64>) -> SqlResult<RealArray> {
    Ok(narrowed(&predict::probabilities(deployments::current(project_name)?, features)?))
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba_model(model_id: i64, features: Array<f64>) -> SqlResult<RealArray> {
    Ok(narrowed(&predict::probabilities(deployments::specific(model_id)?, features)?))
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch(project_name: &str, features: Array<f64>) -> SqlResult<SetOfIterator<'static, f32>> {
    Ok(batch(deployments::current(project_name)?, features)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch_model(model_id: i64, features: Array<f64>) -> SqlResult<SetOfIterator<'static, f32>> {
    Ok(batch(deployments::specific(model_id)?, features)?)
}
