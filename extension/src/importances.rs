//! `pgml.feature_importances`: how much each feature counts in a model.

use pgrx::prelude::*;

use crate::catalog::importances;
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::strings::Str;

type Rows = TableIterator<'static, (name!(feature, Str), name!(importance, f64))>;

#[pg_extern(sql = false)]
fn pgml_feature_importances(project_name: Str) -> SqlResult<Rows> {
    Ok(rows(|| match importances::deployed(&project_name.0)? {
        Some(model) => importances::of_model(model),
        None => Ok(Vec::new()),
    })?)
}

#[pg_extern(sql = false)]
fn pgml_feature_importances_model(model_id: i64) -> SqlResult<Rows> {
    Ok(rows(|| importances::of_model(model_id))?)
}

fn rows(read: impl FnOnce() -> Result<Vec<(String, f64)>>) -> Result<Rows> {
    let found = rights::of_predictors(read)?;
    Ok(TableIterator::new(found.into_iter().map(|(feature, importance)| (Str(feature), importance))))
}
