//! Our own format: the file of docs/model-format.md with the preprocessing beside the numbers.

use pgml_core::model::Model;
use pgml_core::preprocess::Preprocess;
use serde::{Deserialize, Serialize};

use crate::Leaving;
use crate::error::{Error, Result};
use crate::imported::{Imported, words};

/// The format, as errors call it.
const FORMAT: &str = "pgml model";

/// What a model file has beside the model.
const PREPROCESS: &str = "preprocess";
const ORIGIN: &str = "origin";

/// What trained a model.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    algorithm: String,
}

pub fn write(leaving: &Leaving<'_>) -> Result<Vec<u8>> {
    let failed = |why: String| Error::Inexpressible { form: "pgml", why };
    let preprocess = leaving.preprocess.write().map_err(|error| failed(error.to_string()))?;
    let origin = Origin { algorithm: leaving.algorithm.to_string() };
    let origin = serde_json::to_vec(&origin).map_err(|error| failed(error.to_string()))?;
    let made_by = format!("pgml {} {}", env!("CARGO_PKG_VERSION"), leaving.algorithm);
    let beside = [(PREPROCESS, preprocess), (ORIGIN, origin)];
    leaving.model.write_beside(&made_by, &beside).map_err(|error| failed(error.to_string()))
}

pub fn read(bytes: &[u8]) -> Result<Imported> {
    let broken =
        |place: &str, cause: String| Error::Broken { format: FORMAT, place: place.to_string(), cause: words(&cause) };
    let model = Model::read(bytes).map_err(|error| broken("the model", error.to_string()))?;
    let beside = |name| Model::beside(bytes, name).map_err(|error| broken(name, error.to_string()));
    let made_by = Model::made_by(bytes).map_err(|error| broken("the model", error.to_string()))?;
    let mut imported = Imported::plain(model, Vec::new(), words(&made_by));
    if let Some(bytes) = beside(PREPROCESS)? {
        let preprocess = Preprocess::read(bytes).map_err(|error| broken(PREPROCESS, error.to_string()))?;
        imported.columns = preprocess.steps().to_vec();
        imported.is_named = true;
        imported.label = preprocess.label().cloned();
    }
    if let Some(bytes) = beside(ORIGIN)? {
        let Origin { algorithm } = serde_json::from_slice(bytes).map_err(|error| broken(ORIGIN, error.to_string()))?;
        let is_name =
            |name: &str| name.len() < 64 && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        imported.algorithm = Some(algorithm).filter(|name| is_name(name));
    }
    Ok(imported)
}
