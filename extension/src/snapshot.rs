//! `pgml.snapshot`: keep the rows of a relation, to train on them later.

use pgml_core::Error;
use pgrx::prelude::*;

use crate::catalog::Edition;
use crate::catalog::snapshots::Snapshot;
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::rows;
use crate::train::label;

#[pg_extern(sql = false)]
fn pgml_snapshot(
    relation_name: Option<String>,
    y_column_name: Option<String>,
    test_size: Option<f64>,
    test_sampling: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(relation, String), name!(y_column_name, String))>> {
    let test_size = test_size.map(|size| size as f32);
    Ok(TableIterator::once(snapshot(relation_name, y_column_name, test_size, label(test_sampling))?))
}

/// Edition 2.10.0 has `test_size` as `real`.
#[pg_extern(sql = false)]
fn edition_2_10_snapshot(
    relation_name: Option<String>,
    y_column_name: Option<String>,
    test_size: Option<f32>,
    test_sampling: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(relation, String), name!(y_column_name, String))>> {
    Ok(TableIterator::once(snapshot(relation_name, y_column_name, test_size, label(test_sampling))?))
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
    rights::of_trainers(|| rows::copied(Edition::Current, &mut wanted, false).map(drop))?;
    Ok((wanted.copy(), label))
}
