//! The control file of a package.

use std::collections::BTreeMap;

use base::deb822::{Stanza, StanzaError, stanzas};

use super::{DebError, malformed};

/// Reads its fields.
pub(super) fn fields(text: &str) -> Result<BTreeMap<String, String>, DebError> {
    let wrong = |error: StanzaError| malformed(format!("its control file {error}"));
    let mut stanzas = stanzas(text);
    let first = stanzas.next().unwrap_or(Ok(Stanza::default()));
    let first = first.map_err(wrong)?;
    match stanzas.next() {
        None => Ok(first.into_fields()),
        Some(_) => Err(malformed("its control file describes two packages")),
    }
}
