//! `pgml.snapshot`: keep the rows of a relation, to train on them later.

use pgml_core::Error;
use pgml_core::columns::Labels;
use pgrx::prelude::*;

use crate::catalog::Edition;
use crate::catalog::snapshots::Snapshot;
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::rows::{self, Reading};
use crate::strings::{Str, enum_name, string};

#[pg_extern(sql = false)]
fn pgml_snapshot(
    relation_name: Option<Str>,
    y_column_name: Option<Str>,
    test_size: Option<f64>,
    test_sampling: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(relation, Str), name!(y_column_name, Str))>> {
    let test_size = test_size.map(|size| size as f32);
    let (relation, label_name) = (string(relation_name), string(y_column_name));
    let (copy, name) = snapshot(Edition::Current, relation, label_name, test_size, enum_name(test_sampling))?;
    Ok(TableIterator::once((Str(copy), Str(name))))
}

/// Edition 2.10.0 has `test_size` as `real`.
#[pg_extern(sql = false)]
fn edition_2_10_snapshot(
    relation_name: Option<Str>,
    y_column_name: Option<Str>,
    test_size: Option<f32>,
    test_sampling: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(relation, Str), name!(y_column_name, Str))>> {
    let (relation, label_name) = (string(relation_name), string(y_column_name));
    let (copy, name) = snapshot(Edition::V2, relation, label_name, test_size, enum_name(test_sampling))?;
    Ok(TableIterator::once((Str(copy), Str(name))))
}

fn snapshot(
    edition: Edition,
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
    // Nobody has said whether the label is a class.
    let reading = Reading::new(edition, Labels::Any, false);
    rights::of_trainers(|| rows::copied(reading, &mut wanted).map(drop))?;
    Ok((wanted.copy(), label))
}
