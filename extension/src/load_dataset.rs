//! `pgml.load_dataset`: scikit-learn's toy data sets as tables.

use crate::json::JsonB;
use pgml_core::Error;
use pgml_core::literal::{array_literal, quote_ident};
use pgrx::prelude::*;

use crate::catalog::Edition;
use crate::error::{Result, SqlResult};
use crate::membership;
use crate::python::{self, Column};
use crate::rights;
use crate::spi::{self, Argument};
use crate::strings::{Str, string};

#[pg_extern(sql = false)]
fn pgml_load_dataset(
    source: Option<Str>,
    subset: Option<Str>,
    limit: Option<i32>,
    kwargs: Option<JsonB>,
) -> SqlResult<TableIterator<'static, (name!(table_name, Str), name!(rows, i64))>> {
    let (table, rows) = load(Edition::Current, string(source), string(subset), limit, kwargs)?;
    Ok(TableIterator::once((Str(table), rows)))
}

/// Make the table; returns its name and how many rows it was given. 1.0 leaves a table that is there as it is.
pub fn load(
    edition: Edition,
    source: Option<String>,
    subset: Option<String>,
    limit: Option<i32>,
    kwargs: Option<JsonB>,
) -> Result<(String, i64)> {
    let source = source.ok_or(Error::NullArgument("source"))?;
    let plain = kwargs.is_none_or(|JsonB(value)| value.as_object().is_some_and(serde_json::Map::is_empty));
    if subset.is_some() || !plain {
        return Err(Error::PlainDataSet(source).into());
    }
    if let Some(limit) = limit.filter(|limit| *limit < 0) {
        return Err(Error::NegativeLimit(limit).into());
    }
    rights::of_makers(|| make(edition, &source, limit))
}

fn make(edition: Edition, source: &str, limit: Option<i32>) -> Result<(String, i64)> {
    let columns = python::load_dataset(source, edition == Edition::V1)?;
    let table = format!("pgml.{}", quote_ident(source));
    if exists(&table)? {
        if edition == Edition::V1 {
            return Ok((format!("pgml.{source}"), 0));
        }
        spi::execute(&format!("DROP TABLE {table} CASCADE"), &[])?;
    }
    create_table(&table, &columns)?;
    membership::goes_with_the_extension(&table)?;
    let rows = fill(&table, columns, limit)?;
    Ok((format!("pgml.{source}"), rows))
}

fn exists(table: &str) -> Result<bool> {
    let found = spi::first("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[table.into()], |row| {
        Ok(row.get(1).unwrap_or(false))
    })?;
    Ok(found == Some(true))
}

fn create_table(table: &str, columns: &[Column]) -> Result<()> {
    let each: Vec<String> =
        columns.iter().map(|column| format!("{} {}", quote_ident(&column.name), column.sql_type)).collect();
    spi::execute(&format!("CREATE TABLE {table} ({})", each.join(", ")), &[])
}

/// Insert all rows with one statement: each column is one array.
fn fill(table: &str, columns: Vec<Column>, limit: Option<i32>) -> Result<i64> {
    let mut targets = Vec::new();
    let mut sources = Vec::new();
    let mut arguments: Vec<Argument> = Vec::new();
    for (place, column) in columns.into_iter().enumerate() {
        // A float has no cast to a boolean, so it takes a step over the integers.
        let step = if column.sql_type == "boolean" { "::pg_catalog.int4" } else { "" };
        targets.push(format!("t.c{place}{step}::{}", column.sql_type));
        sources.push(format!("pg_catalog.unnest(${})", place + 1));
        arguments.push(if column.shape.is_empty() {
            column.values.into()
        } else {
            let width: usize = column.shape.iter().product();
            let rows = column.values.chunks(width.max(1));
            rows.map(|row| array_literal(row, &column.shape)).collect::<Vec<String>>().into()
        });
    }
    let names: Vec<String> = (0..targets.len()).map(|place| format!("c{place}")).collect();
    let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    let query = format!(
        "WITH added AS (INSERT INTO {table} SELECT {} FROM ROWS FROM ({}) AS t({}){limit} RETURNING 1) \
         SELECT pg_catalog.count(*) FROM added",
        targets.join(", "),
        sources.join(", "),
        names.join(", "),
    );
    Ok(spi::first(&query, &arguments, |row| Ok(row.get(1).unwrap_or(0)))?.unwrap_or(0))
}
