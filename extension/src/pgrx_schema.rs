//! What `cargo pgrx run` generates the schema from: the edition that is written by hand, and the SQL types of our own arguments
//! and results, which pgrx asks for even where a function generates no SQL.
//!
//! The pipeline compiles without this module (the feature `no-schema`).

use pgrx::impl_sql_translatable;
use pgrx::iter::TableIterator;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};

use crate::arguments::{Numbers, Text};
use crate::arrays::NewArray;
use crate::json::JsonB;
use crate::planning::{Answer, Request};
use crate::predict::batch::Array;
use crate::row::Record;
use crate::sets::NumberSet;
use crate::strings::{Str, Strs};

/// Declares the tables of one number of columns as a type that the edition makes: pgrx takes a table in an `SqlResult` for such a
/// type, and names it by its number of columns.
macro_rules! is_table {
    ($name:ident, $columns:ty) => {
        struct $name;

        // SAFETY: nothing makes or reads a value of it.
        unsafe impl SqlTranslatable for $name {
            const TYPE_IDENT: &'static str = <TableIterator<'static, $columns> as SqlTranslatable>::TYPE_IDENT;
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::ThisExtension;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("record"));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Err(ReturnsError::Datum);
        }
    };
}

is_table!(Two, (Str, Str));
is_table!(Three, (Str, Str, Str));
is_table!(Four, (Str, Str, Str, Str));
is_table!(Nine, (Str, Str, Str, Str, Str, Str, Str, Str, Str));

pgrx::extension_sql_file!(
    "../sql/pgml--3.0.0.sql",
    name = "edition",
    bootstrap,
    creates = [Type(Two), Type(Three), Type(Four), Type(Nine)]
);

impl_sql_translatable!(Str, "text");
impl_sql_translatable!(Strs, "text[]");
impl_sql_translatable!(Text<'_>, "text");
impl_sql_translatable!(JsonB, "jsonb");
impl_sql_translatable!(Record, "record");
impl_sql_translatable!(Request, "internal");
impl_sql_translatable!(Answer, "internal");
impl_sql_translatable!(Array<Record>, "record[]");
impl_sql_translatable!(Array<f64>, "double precision[]");
impl_sql_translatable!(Numbers<'_, f32>, "real[]");
impl_sql_translatable!(Numbers<'_, f64>, "double precision[]");
impl_sql_translatable!(NewArray<f32>, "real[]");
impl_sql_translatable!(NewArray<f64>, "double precision[]");
impl_sql_translatable!(NumberSet<f32>, "SETOF real");
impl_sql_translatable!(NumberSet<f64>, "SETOF double precision");
