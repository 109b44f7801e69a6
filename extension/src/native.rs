//! Models that predict without Python: accepted after training, loaded before prediction.

use pgml_core::Error;
use pgml_core::model::Model;
use pgml_core::model::check::{Sample, check};
use pgml_core::seal::Reader;

use crate::catalog::models;
use crate::error::Result;
use crate::fit::FittedModel;
use crate::seal;
use crate::shared;

/// The exported file, when it predicts what Python predicts; otherwise why Python has to.
pub fn accepted(fitted: &FittedModel) -> std::result::Result<&[u8], String> {
    let export = fitted.export.as_ref().map_err(String::clone)?;
    let model = Model::read(&export.file).map_err(|error| format!("the exported model can't be read: {error}"))?;
    let sample = Sample {
        rows: export.rows,
        features: &export.features,
        labels: &export.predictions,
        probabilities: export.probabilities.as_deref(),
    };
    check(&model, &sample).map_err(|difference| format!("the exported model differs: {difference}"))?;
    Ok(&export.file)
}

/// The model in the form that needs no Python, when it has one. A file that can't be read is an error. Python is not asked
/// instead: its file may be damaged, too, and the damage has to be seen.
pub fn load(id: i64) -> Result<Option<Model>> {
    Ok(read(id)?.map(|(model, _)| model))
}

/// As [`load`], with arrays that the sessions share if the model is large, and the bytes that this session has for itself: by the
/// size of the file, from which others are made in proportion.
pub fn load_shared(id: i64) -> Result<Option<(Model, usize)>> {
    let Some((mut model, bytes)) = read(id)? else { return Ok(None) };
    let (whole, seal) = (bytes.len(), pgml_core::seal::of(&bytes).copied());
    // Before what is the session's own is given back.
    drop(bytes);
    let is_shared = seal.is_some_and(|seal| shared::share(id, &mut model, &seal));
    let own = if is_shared { model.unshared_bytes().min(whole) } else { whole };
    Ok(Some((model, own)))
}

/// A model with the bytes that it was read from.
fn read(id: i64) -> Result<Option<(Model, Vec<u8>)>> {
    let Some(file) = models::file(id, models::NATIVE_PATH)? else {
        return Ok(None);
    };
    match Model::read(seal::opened(id, Reader::Native, &file.bytes)?) {
        Ok(model) => Ok(Some((model, file.bytes))),
        Err(cause) => Err(Error::ModelFile { model: id, file: models::NATIVE_PATH, cause: cause.to_string() }.into()),
    }
}
