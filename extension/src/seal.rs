//! Which bytes of a model are read at all.
//!
//! Reading a pickle runs what it says. Only what a training of this database stored for this very model is read, or what
//! a superuser vouched for; a right to write to `pgml.files` is not enough.

use pgml_core::seal::{self, Opened, Reader, Sealing};

use crate::catalog::seal_keys;
use crate::error::{Failure, Result};

/// Begin the seal that is stored behind the bytes of a model.
pub fn begin(model: i64, reader: Reader) -> Result<Sealing> {
    let keys = seal_keys::all()?;
    let sealing = keys.first().and_then(|key| Sealing::begin(key, model, reader));
    let sealing = sealing.ok_or_else(|| {
        Failure::new("55000", "this database has no key to seal models with")
            .with_detail("The table pgml_private.seal_keys is empty.")
            .with_hint("Copy back the key that the models were sealed with, or insert 32 random bytes.")
    })?;
    Ok(sealing)
}

/// The seal that is stored behind the bytes of a model.
pub fn seal_of(model: i64, reader: Reader, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut sealing = begin(model, reader)?;
    sealing.add(bytes);
    Ok(sealing.seal())
}

/// The bytes of a model without the seal that is stored behind them; an error when it is not that of [`seal_of`].
pub fn opened(model: i64, reader: Reader, stored: &[u8]) -> Result<&[u8]> {
    let detail = match seal::open(&seal_keys::all()?, model, reader, stored) {
        Opened::Whole(bytes) => return Ok(bytes),
        Opened::Unsealed => "Its bytes in pgml.files have no seal: they were not written by a training, or cut short.",
        Opened::Broken => "The seal of its bytes in pgml.files is of other bytes, another model or another database.",
    };
    Err(Failure::new("55000", format!("model {model} is not as this database stored it, and is not read"))
        .with_detail(format!("{detail} Reading a model runs what is in it."))
        .with_hint(format!(
            "Train it again. When you know where the bytes come from, a superuser can accept them: SELECT pgml.trust({model})."
        ))
        .into())
}
