//! Reads a table or view as numbers.

use pgml_core::Error;
use pgml_core::columns::{Column, Layout};
use pgml_core::matrix::{Builder, Matrix};
use pgml_core::preprocess::Plan;
use pgrx::pg_sys;

use crate::error::Result;
use crate::memory::Budget;
use crate::progress::Progress;
use crate::rights;
use crate::scan::{self, Stored};
use crate::spi;

/// A table or view that exists.
#[derive(Debug, Clone)]
pub struct Relation {
    oid: pg_sys::Oid,
    /// With its schema, each part quoted where it needs to be: names the same relation under any search_path.
    pub name: String,
}

/// Find a relation as Postgres itself would: with or without schema, quoted or not, by search_path.
pub fn find(name: &str) -> Result<Relation> {
    rights::of_users_of_schemas(|| lookup(name))
}

fn lookup(name: &str) -> Result<Relation> {
    let found = spi::first(
        "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c \
         JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)",
        &[name.into()],
        |row| Ok(row.get(1).zip(row.get(2))),
    )?;
    let (oid, name) = found.flatten().ok_or_else(|| Error::NoRelation(name.to_string()))?;
    Ok(Relation { oid, name })
}

/// The columns in the relation's order.
pub fn columns(relation: &Relation) -> Result<Vec<Column>> {
    let found = spi::run(
        "SELECT attname::pg_catalog.text, pg_catalog.format_type(atttypid, atttypmod), atttypid, NOT attnotnull \
         FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) $1 \
         AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped ORDER BY attnum",
        &[relation.oid.into()],
        |row| Ok((row.get(1), row.get(2), row.get(3), row.get(4))),
    )?;
    let columns = found.into_iter().filter_map(|(name, type_name, type_oid, nullable)| {
        let (element, array) = element(type_oid?);
        Some(Column { name: name?, type_name: type_name?, element: element.to_string(), array, nullable: nullable? })
    });
    Ok(columns.collect())
}

/// What a type is made of, seen through domains; an empty name for what is neither a number nor text.
fn element(type_oid: pg_sys::Oid) -> (&'static str, bool) {
    // SAFETY: both look a type up by its oid, which comes from pg_attribute.
    let (base, element) = unsafe {
        let base = pg_sys::getBaseType(type_oid);
        (base, pg_sys::get_element_type(base))
    };
    let array = element != pg_sys::InvalidOid;
    // SAFETY: the oid of the array's element type, which exists. (The elements of an array can have a domain, too.)
    let element = if array { unsafe { pg_sys::getBaseType(element) } } else { base };
    let name = match element {
        pg_sys::INT2OID => "int2",
        pg_sys::INT4OID => "int4",
        pg_sys::INT8OID => "int8",
        pg_sys::FLOAT4OID => "float4",
        pg_sys::FLOAT8OID => "float8",
        pg_sys::NUMERICOID => "numeric",
        pg_sys::BOOLOID => "bool",
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => "text",
        _ => "",
    };
    (name, array)
}

/// Read all rows, in the order of the scan; `plan` says which gaps will be filled.
pub fn read(relation: &Relation, layout: &Layout, plan: &Plan) -> Result<Matrix> {
    collect(&layout.query(&relation.name), layout, plan, &relation.name)
}

/// Read all rows of a snapshot's copy in the order in which they were copied. A scan may start in the middle of a large
/// table that another session is reading.
pub fn read_copy(copy: &Relation, layout: &Layout, plan: &Plan, original: &str) -> Result<Matrix> {
    collect(&format!("{} ORDER BY r.ctid", layout.query(&copy.name)), layout, plan, original)
}

/// How the query gives a column.
#[derive(Clone, Copy)]
enum Given {
    Number(Stored),
    Text,
    Array,
}

/// The rows of a query that `layout` made, with `name` in what is wrong with them.
fn collect(query: &str, layout: &Layout, plan: &Plan, name: &str) -> Result<Matrix> {
    let columns: Vec<Given> = layout.columns().map(given).collect();
    let mut builder = Builder::new(layout, plan);
    let budget = Budget::now();
    let progress = Progress::start();
    let mut rows = 0u64;
    let read = |row: &scan::Row<'_>| {
        for (index, given) in columns.iter().enumerate() {
            match given {
                Given::Number(stored) => builder.scalar(index, row.number(index, *stored)),
                Given::Text => row.text(index, |text| builder.text(index, text)),
                Given::Array if builder.gaps(index) => {
                    row.array_with_gaps(index, |values| builder.array(index, values))?
                }
                Given::Array => row.array(index, |values| builder.array(index, values))?,
            }
        }
        builder.end_row();
        rows += 1;
        if rows.is_multiple_of(1024) {
            progress.tell(|seconds| format!("{rows} rows of {name} are read after {seconds} s"));
        }
        budget.check(builder.numbers(), name)
    };
    rights::of_readers(name, || scan::rows(query, read))?;
    Ok(builder.finish(name)?)
}

/// How the query gives a column. What is no plain number has been cast to `float8`.
fn given(column: &Column) -> Given {
    if column.array {
        return Given::Array;
    }
    if column.is_text() {
        return Given::Text;
    }
    Given::Number(match column.element.as_str() {
        "bool" => Stored::Bool,
        "int2" => Stored::Int2,
        "int4" => Stored::Int4,
        "int8" => Stored::Int8,
        "float4" => Stored::Float4,
        _ => Stored::Float8,
    })
}
