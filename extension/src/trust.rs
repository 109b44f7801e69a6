//! `pgml.trust`: a superuser vouches for the bytes of a model.

use pgml_core::Error;
use pgml_core::preprocess;
use pgml_core::seal::{self, Reader};
use pgrx::prelude::*;

use crate::catalog::models::{self, File};
use crate::error::{Failure, Result, SqlResult};
use crate::seal::seal_of;

/// Seal the bytes that a model has, whoever wrote them.
#[pg_extern(sql = false)]
fn pgml_trust(model_id: i64) -> SqlResult<()> {
    Ok(trust(model_id)?)
}

fn trust(model: i64) -> Result<()> {
    // SAFETY: asks for a property of the current user.
    if !unsafe { pg_sys::superuser() } {
        return Err(Failure::new("42501", "only a superuser can accept a model")
            .with_detail("Reading a model runs what is in it, as the server.")
            .into());
    }
    let files = [
        (Reader::Python, models::bytes(model)?),
        (Reader::Native, models::file(model, models::NATIVE_PATH)?),
        (Reader::Preprocess, models::file(model, preprocess::PATH)?),
    ];
    if files.iter().all(|(_, file)| file.is_none()) {
        return Err(Error::NoFiles(model).into());
    }
    for (reader, file) in files {
        file.map_or(Ok(()), |file| accept(model, reader, file))?;
    }
    Ok(())
}

fn accept(model: i64, reader: Reader, File { path, bytes: stored }: File) -> Result<()> {
    let bytes = seal::without(&stored);
    match bytes.len() == stored.len() {
        true => models::append(model, &path, &seal_of(model, reader, bytes)?),
        false => models::replace(model, &path, reader, bytes),
    }
}
