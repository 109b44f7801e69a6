//! `pgml.to_sql`: the prediction of a model as an expression.

use pgml_exchange::sql;
use pgrx::prelude::*;

use super::Leaving;
use crate::error::SqlResult;
use crate::rights;
use crate::strings::Str;

#[pg_extern(sql = false)]
fn pgml_to_sql(model_id: i64) -> SqlResult<Str> {
    let expression = rights::of_exporters(|| {
        let Leaving { model, preprocess, kinds, .. } = Leaving::of(model_id)?;
        Ok(sql::write(&model, &preprocess, &kinds)?)
    })?;
    Ok(Str(expression))
}
