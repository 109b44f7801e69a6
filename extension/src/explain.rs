//! `pgml.explain`: how a prediction comes about.

use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::error::{Result, SqlResult};
use crate::predict::Given;
use crate::predict::explain::explain;
use crate::resolution::Wanted;
use crate::row::Record;
use crate::strings::{Str, string};

type Explanation = TableIterator<'static, (name!(feature, Str), name!(value, Option<Str>), name!(contribution, f64))>;

/// Nothing is explained where the model or the row is NULL; NULL for one of the others is as if it were not given.
fn lines(
    wanted: Option<Wanted<'_>>,
    given: Option<Given<'_>>,
    label: Option<Str>,
    parts: Option<bool>,
) -> Result<Explanation> {
    let (Some(wanted), Some(given)) = (wanted, given) else { return Ok(TableIterator::new(Vec::new())) };
    let found = explain(wanted, given, string(label).as_deref(), parts.unwrap_or(false))?;
    let row = |line: crate::predict::explain::Line| (Str(line.feature), line.value.map(Str), line.contribution);
    Ok(TableIterator::new(found.into_iter().map(row).collect::<Vec<_>>()))
}

#[pg_extern(sql = false)]
fn pgml_explain(
    project_name: Option<Text>,
    features: Option<Numbers<f64>>,
    label: Option<Str>,
    parts: Option<bool>,
) -> SqlResult<Explanation> {
    Ok(lines(project_name.map(Wanted::Project), features.as_ref().map(Given::Array), label, parts)?)
}

#[pg_extern(sql = false)]
fn pgml_explain_model(
    model_id: Option<i64>,
    features: Option<Numbers<f64>>,
    label: Option<Str>,
    parts: Option<bool>,
) -> SqlResult<Explanation> {
    Ok(lines(model_id.map(Wanted::Model), features.as_ref().map(Given::Array), label, parts)?)
}

#[pg_extern(sql = false)]
fn pgml_explain_row(
    project_name: Option<Text>,
    row: Option<Record>,
    label: Option<Str>,
    parts: Option<bool>,
) -> SqlResult<Explanation> {
    Ok(lines(project_name.map(Wanted::Project), row.as_ref().map(Given::Named), label, parts)?)
}

#[pg_extern(sql = false)]
fn pgml_explain_row_model(
    model_id: Option<i64>,
    row: Option<Record>,
    label: Option<Str>,
    parts: Option<bool>,
) -> SqlResult<Explanation> {
    Ok(lines(model_id.map(Wanted::Model), row.as_ref().map(Given::Named), label, parts)?)
}
