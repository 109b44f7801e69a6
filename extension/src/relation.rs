//! Reads a table or view as numbers.

use pgml_core::Error;
use pgml_core::columns::{Column, Layout};
use pgml_core::labels::{Collector, Value};
use pgml_core::matrix::{Builder, Matrix};
use pgml_core::preprocess::{Field, Plan};
use pgml_core::relation_name;
use pgrx::pg_sys;

use crate::error::Result;
use crate::memory::Budget;
use crate::progress::Progress;
use crate::rights;
use crate::scan::{self, Stored, TimeType};
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
    if !relation_name::is_well_formed(name) {
        return Err(Error::RelationName(name.to_string()).into());
    }
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
    let mut columns = Vec::with_capacity(found.len());
    for (name, type_name, type_oid, nullable) in found {
        let (Some(name), Some(type_name), Some(type_oid), Some(nullable)) = (name, type_name, type_oid, nullable)
        else {
            continue;
        };
        let (base, array) = base(type_oid);
        let element = element(base);
        let values = if element == "enum" && !array { enum_values(base)? } else { Vec::new() };
        columns.push(Column { name, type_name, element: element.to_string(), array, nullable, values });
    }
    Ok(columns)
}

/// The column that is the relation's primary key by itself.
pub fn primary_key(relation: &Relation) -> Result<Option<String>> {
    let found = spi::first(
        "SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a \
         ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid AND a.attnum OPERATOR(pg_catalog.=) i.indkey[0] \
         WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND i.indisprimary AND i.indnkeyatts OPERATOR(pg_catalog.=) 1",
        &[relation.oid.into()],
        |row| Ok(row.get(1)),
    )?;
    Ok(found.flatten())
}

fn enum_values(type_oid: pg_sys::Oid) -> Result<Vec<String>> {
    let values = spi::run(
        "SELECT enumlabel::pg_catalog.text FROM pg_catalog.pg_enum WHERE enumtypid OPERATOR(pg_catalog.=) $1 \
         ORDER BY enumsortorder",
        &[type_oid.into()],
        |row| Ok(row.get::<String>(1)),
    )?;
    Ok(values.into_iter().flatten().collect())
}

/// The type that a type's elements have, seen through domains, and whether it is one of arrays.
fn base(type_oid: pg_sys::Oid) -> (pg_sys::Oid, bool) {
    // SAFETY: both look a type up by its oid, which comes from pg_attribute. (The elements of an array can have a domain, too.)
    unsafe {
        let base = pg_sys::getBaseType(type_oid);
        match pg_sys::get_element_type(base) {
            pg_sys::InvalidOid => (base, false),
            element => (pg_sys::getBaseType(element), true),
        }
    }
}

/// What values of a type are; an empty name for what can be nothing in a training.
pub fn element(base: pg_sys::Oid) -> &'static str {
    match base {
        pg_sys::INT2OID => "int2",
        pg_sys::INT4OID => "int4",
        pg_sys::INT8OID => "int8",
        pg_sys::FLOAT4OID => "float4",
        pg_sys::FLOAT8OID => "float8",
        pg_sys::NUMERICOID => "numeric",
        pg_sys::BOOLOID => "bool",
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => "text",
        pg_sys::UUIDOID => "uuid",
        pg_sys::DATEOID => "date",
        pg_sys::TIMESTAMPOID => "timestamp",
        pg_sys::TIMESTAMPTZOID => "timestamptz",
        pg_sys::TIMEOID => "time",
        pg_sys::INTERVALOID => "interval",
        // SAFETY: looks a type up by its oid.
        _ if unsafe { pg_sys::type_is_enum(base) } => "enum",
        _ => "",
    }
}

/// Read all rows, in the order of the scan; `plan` says which gaps will be filled, and `missing` whether the others may stay.
pub fn read(relation: &Relation, layout: &Layout, plan: &Plan, missing: bool) -> Result<Matrix> {
    collect(&layout.query(&relation.name), layout, Builder::new(layout, plan, missing), &relation.name)
}

/// Read all rows of a snapshot's copy in the order in which they were copied. A scan may start in the middle of a large
/// table that another session is reading.
pub fn read_copy(copy: &Relation, layout: &Layout, plan: &Plan, missing: bool, original: &str) -> Result<Matrix> {
    let query = format!("{} ORDER BY r.ctid", layout.query(&copy.name));
    collect(&query, layout, Builder::new(layout, plan, missing), original)
}

/// How the query gives a column.
#[derive(Clone, Copy)]
enum Given {
    Number(Stored),
    Numeric,
    Time(TimeType),
    Text,
    Array,
    /// A label whose values are looked at one by one.
    ClassText,
    ClassWhole(Stored),
}

/// The rows of a query that `layout` made, with `name` in what is wrong with them.
fn collect(query: &str, layout: &Layout, mut builder: Builder, name: &str) -> Result<Matrix> {
    let columns = all_given(layout);
    let budget = Budget::now();
    let progress = Progress::start();
    let mut rows = 0u64;
    let read = |row: &scan::Row<'_>| {
        for (index, given) in columns.iter().enumerate() {
            match given {
                Given::Number(stored) => builder.scalar(index, row.number(index, *stored)),
                Given::Text => row.text(index, |text| builder.text(index, text)),
                Given::Numeric => builder.scalar(index, row.numeric(index)),
                Given::Time(kind) => builder.scalar(index, row.time(index, *kind)),
                Given::ClassText => row.text(index, |text| builder.class(index, text.map(Value::Text))),
                Given::ClassWhole(stored) => builder.class(index, row.whole(index, *stored).map(Value::Whole)),
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

/// A row of a query that a layout made, value by value.
pub struct Values<'a> {
    row: &'a scan::Row<'a>,
    columns: &'a [Given],
}

impl Values<'_> {
    /// A feature, by its place among all columns.
    pub fn field(&self, index: usize) -> Field {
        let known = |values: &[f64]| values.iter().map(|value| Some(*value).filter(|value| !value.is_nan())).collect();
        let found = match self.columns[index] {
            Given::Number(stored) => self.row.number(index, stored).map(Field::Number),
            Given::Numeric => self.row.numeric(index).map(Field::Number),
            Given::Time(kind) => self.row.time(index, kind).map(|value| Field::Time(kind.temporal(), value)),
            Given::Text | Given::ClassText => {
                self.row.text(index, |text| text.map(|text| Field::Text(text.to_string())))
            }
            Given::Array => {
                self.row.array_with_gaps(index, |values| values.map(|values| Field::Numbers(known(values))))
            }
            Given::ClassWhole(stored) => self.row.whole(index, stored).map(|whole| Field::Number(whole as f64)),
        };
        found.unwrap_or(Field::Null)
    }

    /// A label that is a number; none for NULL.
    pub fn number(&self, index: usize) -> Option<f64> {
        match self.field(index) {
            Field::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The number that stands for a label's class among those that are collected; none for NULL.
    pub fn class(&self, index: usize, classes: &mut Collector) -> Option<f64> {
        match self.columns[index] {
            Given::ClassWhole(stored) => self.row.whole(index, stored).map(|whole| classes.code(Value::Whole(whole))),
            _ => self.row.text(index, |text| text.map(|text| classes.code(Value::Text(text)))),
        }
    }
}

/// Hand the columns of a layout to `each`, row by row, as the caller may read them. Nothing is kept.
pub fn each_row(relation: &Relation, layout: &Layout, mut each: impl FnMut(&Values<'_>) -> Result<()>) -> Result<()> {
    let columns = all_given(layout);
    let query = layout.query(&relation.name);
    let hand = |row: &scan::Row<'_>| each(&Values { row, columns: &columns });
    rights::of_readers(&relation.name, || scan::rows(&query, hand))
}

fn all_given(layout: &Layout) -> Vec<Given> {
    let features = layout.features.len();
    let class = |place: usize| place.checked_sub(features).and_then(|label| layout.collector(label)).is_some();
    layout.columns().enumerate().map(|(place, column)| given(column, class(place))).collect()
}

/// How the query gives a column. What is no plain number has been cast to `float8`.
fn given(column: &Column, class: bool) -> Given {
    if column.array {
        return Given::Array;
    }
    if class {
        return match column.element.as_str() {
            "int8" => Given::ClassWhole(Stored::Int8),
            "date" => Given::ClassWhole(Stored::Int4),
            _ => Given::ClassText,
        };
    }
    if let Some(kind) = TimeType::of(&column.element) {
        return Given::Time(kind);
    }
    if column.is_text() {
        return Given::Text;
    }
    if column.element == "numeric" {
        return Given::Numeric;
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
