//! `pgml.export_model`: the file of a model for another program, or for another database.

use pgml_exchange::{Format, Leaving as File};
use pgrx::prelude::*;

use super::Leaving;
use crate::error::SqlResult;
use crate::rights;
use crate::strings::Str;

#[pg_extern(sql = false)]
fn pgml_export_model(model_id: i64, format: Str) -> SqlResult<Vec<u8>> {
    let file = rights::of_exporters(|| {
        let format = Format::parse(&format.0)?;
        let Leaving { algorithm, model, preprocess, kinds } = Leaving::of(model_id)?;
        let arrays: Vec<bool> = kinds.iter().map(|kind| kind.array).collect();
        let names = preprocess.names(&arrays);
        let leaving = File { model: &model, preprocess: &preprocess, names, algorithm: &algorithm };
        Ok(format.write(&leaving)?)
    })?;
    Ok(file)
}
