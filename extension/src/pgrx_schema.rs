//! What `cargo pgrx run` generates the schema from: the edition that is written by hand, and the SQL types of our own arguments
//! and results, which pgrx asks for even where a function generates no SQL.
//!
//! The pipeline compiles without this module (the feature `no-schema`).

use pgrx::iter::TableIterator;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};

use crate::arguments::{Numbers, Text};
use crate::arrays::NewArray;
use crate::batch::Records;
use crate::json::JsonB;
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

/// A type that stands for a type of SQL which exists already.
macro_rules! is_sql {
    ($name:literal, $rust:ty, $sql:literal) => {
        // SAFETY: `ArgAbi` and `BoxRet` of the type read and make values of exactly this SQL type.
        unsafe impl SqlTranslatable for $rust {
            const TYPE_IDENT: &'static str = concat!("pgml::", $name);
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal($sql)));
        }
    };
}

is_sql!("Str", Str, "text");
is_sql!("Strs", Strs, "text[]");
is_sql!("Text", Text<'_>, "text");
is_sql!("JsonB", JsonB, "jsonb");
is_sql!("Record", Record, "record");
is_sql!("Records", Records, "record[]");
is_sql!("Numbers<f32>", Numbers<'_, f32>, "real[]");
is_sql!("Numbers<f64>", Numbers<'_, f64>, "double precision[]");
is_sql!("NewArray<f32>", NewArray<f32>, "real[]");
is_sql!("NewArray<f64>", NewArray<f64>, "double precision[]");
is_sql!("NumberSet<f32>", NumberSet<f32>, "SETOF real");
is_sql!("NumberSet<f64>", NumberSet<f64>, "SETOF double precision");
