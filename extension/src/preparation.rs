//! What becomes of the columns of a row before a model sees them: stored with the model, loaded before prediction.

use pgml_core::Error;
use pgml_core::preprocess::{FileError, PATH, Preprocess};
use pgml_core::seal::Reader;

use crate::catalog::models;
use crate::error::Result;
use crate::seal;

/// Store the steps beside the files of a model.
pub fn store(model: i64, preprocess: &Preprocess) -> Result<()> {
    let bytes = preprocess.write().map_err(|error| unusable(model, &error))?;
    models::store(model, PATH, Reader::Preprocess, &bytes)
}

/// The steps of a model; none when it takes the columns as they are. Those of a model of PostgresML are in its snapshot.
pub fn load(model: i64) -> Result<Option<Preprocess>> {
    if let Some(file) = models::file(model, PATH)? {
        let bytes = seal::opened(model, Reader::Preprocess, &file.bytes)?;
        return Ok(Some(Preprocess::read(bytes).map_err(|error| unusable(model, &error))?));
    }
    let Some(columns) = models::foreign_columns(model)? else {
        return Ok(None);
    };
    Ok(Preprocess::adopted(columns).map_err(|cause| Error::SnapshotColumns { model, cause })?)
}

fn unusable(model: i64, error: &FileError) -> Error {
    Error::ModelFile { model, file: PATH, cause: error.to_string() }
}
