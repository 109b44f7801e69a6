//! `pgml.to_sql`, `pgml.export_model`, `pgml.import_model`: models in the forms of other programs. What they look like is in
//! `pgml-exchange`.

mod export;
mod import;
mod to_sql;

use pgml_core::Error;
use pgml_core::model::Model;
use pgml_core::preprocess::{Column, Preprocess};
use pgml_exchange::sql::Kind;
use serde_json::Value;

use crate::catalog::{Edition, models, snapshots};
use crate::error::Result;
use crate::{native, preparation};

/// A model of this database, read for another form.
struct Leaving {
    algorithm: String,
    model: Model,
    preprocess: Preprocess,
    /// How each column of a row is read, as far as somebody noted it.
    kinds: Vec<Kind>,
}

impl Leaving {
    fn of(id: i64) -> Result<Leaving> {
        let (_, algorithm, _) = models::find(Edition::Current, id)?.ok_or(Error::NoModel(id))?;
        let Some(model) = native::load(id)? else {
            return Err(pgml_exchange::Error::OnlyPython(id).into());
        };
        // Whether a column is an array or has booleans is noted with the rows alone; an imported model has none.
        let noted = snapshots::columns(id)?;
        let noted: Vec<&Value> = noted
            .iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter(|column| column["label"].as_bool() == Some(false))
            .collect();
        let preprocess = match preparation::load(id)? {
            Some(preprocess) => preprocess,
            None => plain(&noted).ok_or(pgml_exchange::Error::Nameless(id))?,
        };
        let kind = |name: &str| {
            let column = noted.iter().find(|column| column["name"].as_str() == Some(name));
            column.map_or_else(Kind::default, |column| Kind {
                boolean: column["pg_type"].as_str().is_some_and(|name| name.trim_end_matches("[]") == "boolean"),
                array: column["array"].as_bool().unwrap_or(false),
            })
        };
        let kinds = preprocess.columns().map(kind).collect();
        Ok(Leaving { algorithm, model, preprocess, kinds })
    }
}

/// The columns of a model that takes them as they are, from what its snapshot notes.
fn plain(noted: &[&Value]) -> Option<Preprocess> {
    let column = |column: &&Value| {
        let size = column["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(1);
        Some(Column::plain(column["name"].as_str()?, size))
    };
    let columns: Option<Vec<Column>> = noted.iter().map(column).collect();
    Preprocess::new(columns?, None).ok()
}
