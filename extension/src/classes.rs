//! `pgml.predict_label`, `pgml.predict_classes` and `pgml.classes`: classes by what they are called.

use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::error::{Result, SqlResult};
use crate::predict::{self, Given};
use crate::resolution::Wanted;
use crate::row::Record;
use crate::strings::Str;

/// Classes with their probabilities.
type Ranked = TableIterator<'static, (name!(label, Str), name!(probability, f64))>;

/// Classes in the order of the probabilities.
type Listed = TableIterator<'static, (name!(class, i32), name!(label, Str))>;

fn label(wanted: Wanted<'_>, given: Given<'_>) -> Result<Str> {
    predict::class(wanted, given).map(Str)
}

fn ranked(wanted: Wanted<'_>, given: Given<'_>) -> Result<Ranked> {
    let ranked = predict::ranked(wanted, given)?;
    Ok(TableIterator::new(ranked.into_iter().map(|(label, share)| (Str(label), share))))
}

fn listed(wanted: Wanted<'_>) -> Result<Listed> {
    let names = predict::class_names(wanted)?;
    Ok(TableIterator::new(names.into_iter().enumerate().map(|(place, name)| (place as i32, Str(name)))))
}

#[pg_extern(sql = false)]
fn pgml_predict_label(project_name: Text, features: Numbers<f64>) -> SqlResult<Str> {
    Ok(label(Wanted::Project(project_name), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_label_model(model_id: i64, features: Numbers<f64>) -> SqlResult<Str> {
    Ok(label(Wanted::Model(model_id), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_label_row(project_name: Text, row: Record) -> SqlResult<Str> {
    Ok(label(Wanted::Project(project_name), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_label_row_model(model_id: i64, row: Record) -> SqlResult<Str> {
    Ok(label(Wanted::Model(model_id), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_classes(project_name: Text, features: Numbers<f64>) -> SqlResult<Ranked> {
    Ok(ranked(Wanted::Project(project_name), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_classes_model(model_id: i64, features: Numbers<f64>) -> SqlResult<Ranked> {
    Ok(ranked(Wanted::Model(model_id), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_classes_row(project_name: Text, row: Record) -> SqlResult<Ranked> {
    Ok(ranked(Wanted::Project(project_name), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_classes_row_model(model_id: i64, row: Record) -> SqlResult<Ranked> {
    Ok(ranked(Wanted::Model(model_id), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_classes(project_name: Text) -> SqlResult<Listed> {
    Ok(listed(Wanted::Project(project_name))?)
}

#[pg_extern(sql = false)]
fn pgml_classes_model(model_id: i64) -> SqlResult<Listed> {
    Ok(listed(Wanted::Model(model_id))?)
}
