//! `pgml.import_model`: a model that was trained elsewhere becomes one of a project.
//!
//! It is read by Rust and stored in our own format, sealed as every other model: nothing of the file is executed, and the
//! file itself is not kept.

use pgml_core::Error;
use pgml_core::project::Task;
use pgml_core::seal::Reader;
use pgml_exchange::Format;
use pgrx::prelude::*;
use serde_json::json;

use crate::catalog::models::{self, Foreign};
use crate::catalog::{Edition, projects, snapshots};
use crate::error::{Failure, Result, SqlResult};
use crate::strings::{Str, Strs, string};
use crate::{preparation, rights};

/// The arguments, as they were given.
struct Call {
    project: String,
    task: Task,
    format: Format,
    features: Option<Vec<String>>,
    classes: Option<Vec<String>>,
}

#[pg_extern(sql = false)]
fn pgml_import_model(
    project_name: Option<Str>,
    task: Option<Str>,
    format: Option<Str>,
    model: Option<&[u8]>,
    features: Option<Strs>,
    classes: Option<Strs>,
) -> SqlResult<i64> {
    let imported = rights::of_trainers(|| {
        let given = |name, text: Option<Str>| string(text).ok_or(Error::NullArgument(name));
        let project = given("project_name", project_name)?;
        if project.is_empty() {
            return Err(Error::EmptyArgument("project_name").into());
        }
        let task = Task::parse(&given("task", task)?)?;
        let format = Format::parse(&given("format", format)?)?;
        let bytes = model.ok_or(Error::NullArgument("model"))?;
        let names = |name, names: Option<Strs>| match names {
            Some(Strs(names)) => {
                names.into_iter().collect::<Option<Vec<_>>>().map(Some).ok_or(Error::NullArgument(name))
            }
            None => Ok(None),
        };
        let (features, classes) = (names("features", features)?, names("classes", classes)?);
        import(Call { project, task, format, features, classes }, bytes)
    })?;
    Ok(imported)
}

fn import(call: Call, bytes: &[u8]) -> Result<i64> {
    let Call { project, task, format, features, classes } = call;
    let imported = format.read(bytes)?;
    let made_by = imported.made_by.clone();
    let algorithm = imported.algorithm.clone().unwrap_or_else(|| format.name().to_string());
    let (model, preprocess) = imported.finish(task, features, classes)?;
    let written = model.write(&made_by).map_err(|error| Failure::new("XX000", error.to_string()))?;
    let project = projects::find_or_create(Edition::Current, &project, task)?;
    if let Some(meaning) = snapshots::meaning(&project)? {
        let columns: Vec<String> = preprocess.columns().map(String::from).collect();
        meaning.check_features(&columns)?;
    }
    let origin = json!({ "format": format.name(), "made_by": made_by, "bytes": bytes.len() });
    let features = model.features;
    let id = models::import(&project, Foreign { algorithm: &algorithm, features, origin: &origin })?;
    models::store(id, models::NATIVE_PATH, Reader::Native, &written)?;
    preparation::store(id, &preprocess)?;
    Ok(id)
}
