//! `pgml.snapshot`: keep the rows of a relation, to train on them later.

use pgml_core::Error;
use pgrx::prelude::*;

use crate::catalog::Edition;
use crate::catalog::snapshots::Snapshot;
use crate::error::{Result, SqlResult};
use crate::rows;
use crate::text::{Str, string};
use crate::train::label;

#[pg_extern(sql = false)]
fn pgml_snapshot(
    relation_name: Option<Str>,
    y_column_name: Option<Str>,
    test_size: Option<f32>,
    test_sampling: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(relation, Str), name!(y_column_name, Str))>> {
    let (copy, name) = snapshot(string(relation_name), string(y_column_name), test_size, label(test_sampling))?;
    Ok(TableIterator::once((Str(copy), Str(name))))
}

fn snapshot(
    relation: Option<String>,
    label: Option<String>,
    test_size: Option<f32>,
    sampling: Option<String>,
) -> Result<(String, String)> {
    let label = label.ok_or(Error::NullArgument("y_column_name"))?;
    let mut wanted = Snapshot::new(relation, Some(vec![label.clone()]), test_size, sampling)?;
    if wanted.relation.is_empty() {
        return Err(Error::NullArgument("relation_name").into());
    }
    rows::copied(Edition::Current, &mut wanted, false)?;
    Ok((wanted.copy(), label))
}
