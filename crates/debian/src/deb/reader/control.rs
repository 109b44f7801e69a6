//! The control file of a package: one stanza.

use base::deb822::{Stanza, StanzaError, stanzas};

use super::{DebError, malformed};

/// Reads the only stanza.
pub(super) fn stanza(text: &str) -> Result<Stanza, DebError> {
    let wrong = |error: StanzaError| malformed(format!("its control file {error}"));
    let mut stanzas = stanzas(text);
    let first = stanzas.next().unwrap_or_else(|| Ok(Stanza::default()));
    match stanzas.next() {
        None => first.map_err(wrong),
        Some(_) => Err(malformed("its control file describes two packages")),
    }
}
