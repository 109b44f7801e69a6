//! `pgml.to_sql`: models in the forms of other programs. What they look like is in `pgml-exchange`.

mod to_sql;

use pgml_core::Error;
use pgml_core::model::Model;
use pgml_core::preprocess::Preprocess;

use crate::catalog::{Edition, models};
use crate::error::Result;
use crate::{native, preparation};

/// A model of this database, read for another form.
struct Leaving {
    model: Model,
    /// None: it takes the columns as they are, and nobody noted their names.
    preprocess: Option<Preprocess>,
}

impl Leaving {
    fn of(id: i64) -> Result<Leaving> {
        models::find(Edition::Current, id)?.ok_or(Error::NoModel(id))?;
        let Some((model, _)) = native::load(id)? else {
            return Err(pgml_exchange::Error::OnlyPython(id).into());
        };
        Ok(Leaving { model, preprocess: preparation::load(id)? })
    }
}
