//! The functions of SQL that predict.

use pgrx::prelude::*;

use super::{Given, joint, probabilities, single};
use crate::arguments::{Numbers, Text};
use crate::arrays::NewArray;
use crate::error::SqlResult;
use crate::resolution::Wanted;
use crate::row::Record;

#[pg_extern(sql = false)]
fn pgml_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Project(project_name), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_model(model_id: i64, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_decompose(project_name: Text, vector: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Decomposition(project_name), Given::Array(&vector), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_row(project_name: Text, row: Record) -> SqlResult<f64> {
    Ok(single(Wanted::Project(project_name), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_row_model(model_id: i64, row: Record) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_decompose_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Decomposition(project_name), Given::Named(&row), NewArray::copy_of)?)
}
