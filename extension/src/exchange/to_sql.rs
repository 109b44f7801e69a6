//! `pgml.to_sql`: the prediction of a model as an expression.

use pgml_core::preprocess::{Column, Preprocess};
use pgml_exchange::sql::{self, Kind};
use pgrx::prelude::*;
use serde_json::Value;

use super::Leaving;
use crate::catalog::snapshots;
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::strings::Str;

#[pg_extern(sql = false)]
fn pgml_to_sql(model_id: i64) -> SqlResult<Str> {
    Ok(Str(rights::of_exporters(|| to_sql(model_id))?))
}

fn to_sql(id: i64) -> Result<String> {
    let Leaving { model, preprocess } = Leaving::of(id)?;
    // Whether a column is an array or has booleans is noted with the rows alone; an imported model has none.
    let noted = snapshots::columns(id)?;
    let noted: Vec<&Value> = noted
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|column| column["label"].as_bool() == Some(false))
        .collect();
    let preprocess = match preprocess {
        Some(preprocess) => preprocess,
        None => plain(&noted).ok_or(pgml_exchange::Error::Nameless(id))?,
    };
    let kind = |name: &str| {
        let column = noted.iter().find(|column| column["name"].as_str() == Some(name));
        column.map_or_else(Kind::default, |column| Kind {
            boolean: column["pg_type"].as_str().is_some_and(|name| name.trim_end_matches("[]") == "boolean"),
            array: column["array"].as_bool().unwrap_or(false),
        })
    };
    let kinds: Vec<Kind> = preprocess.columns().map(kind).collect();
    Ok(sql::write(&model, &preprocess, &kinds)?)
}

/// The columns of a model that takes them as they are, from what its snapshot notes.
fn plain(noted: &[&Value]) -> Option<Preprocess> {
    let column = |column: &&Value| {
        let size = column["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(1);
        Some(Column::plain(column["name"].as_str()?, size))
    };
    let columns: Option<Vec<Column>> = noted.iter().map(column).collect();
    Preprocess::new(columns?, None).ok()
}
