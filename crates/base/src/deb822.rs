//! The form of Debian's control files: stanzas of fields, with blank lines between them (deb822(5)).

use std::collections::BTreeMap;

use thiserror::Error;

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\n";
const SIGNATURE: &str = "\n-----BEGIN PGP SIGNATURE-----";

/// Why a stanza can't be read. The text continues a sentence that begins with the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StanzaError {
    /// The first line is indented.
    #[error("starts with a continuation line")]
    Continuation,
    /// A line has no colon.
    #[error("has a line `{0}`")]
    NoField(String),
    /// A field stands there twice.
    #[error("has two fields {0}")]
    Twice(String),
}

/// The fields of a stanza.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stanza(BTreeMap<String, String>);

impl Stanza {
    /// The value of a field, without the white space around it; the lines of a longer one keep their indentation. Case does
    /// not count in the names of fields.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    fn read(lines: &[&str]) -> Result<Self, StanzaError> {
        let mut stanza = Self::default();
        let mut last: Option<String> = None;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let value = last.as_ref().and_then(|name| stanza.0.get_mut(name));
                let value = value.ok_or(StanzaError::Continuation)?;
                value.push('\n');
                value.push_str(line);
                continue;
            }
            let no_field = || StanzaError::NoField((*line).to_owned());
            let (name, value) = line.split_once(':').ok_or_else(no_field)?;
            let name = name.trim_end();
            if stanza.get(name).is_some() {
                return Err(StanzaError::Twice(name.to_owned()));
            }
            stanza.0.insert(name.to_owned(), value.trim().to_owned());
            last = Some(name.to_owned());
        }
        Ok(stanza)
    }
}

/// Reads a file stanza by stanza. An inline signature round it is left out and not verified.
pub fn stanzas(text: &str) -> impl Iterator<Item = Result<Stanza, StanzaError>> {
    let mut lines = unsigned(text).lines().peekable();
    std::iter::from_fn(move || {
        let blank = |line: &str| line.trim().is_empty();
        while lines.next_if(|line| blank(line)).is_some() {}
        let mut stanza = Vec::new();
        while let Some(line) = lines.next_if(|line| !blank(line)) {
            stanza.push(line);
        }
        (!stanza.is_empty()).then(|| Stanza::read(&stanza))
    })
}

/// The text inside an inline signature.
fn unsigned(text: &str) -> &str {
    let inside = || {
        let (_headers, rest) = text.strip_prefix(SIGNED)?.split_once("\n\n")?;
        rest.split_once(SIGNATURE).map(|(inside, _)| inside)
    };
    inside().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<Stanza, StanzaError> {
        stanzas(text).next().unwrap()
    }

    #[test]
    fn a_field_goes_on_in_indented_lines() {
        let stanza = only("\nPackage: x\nDescription : short\n long\n .\n\tmore\n\nPackage: y\n");
        let stanza = stanza.unwrap();
        assert_eq!(stanza.get("package"), Some("x"));
        let value = stanza.get("Description");
        assert_eq!(value, Some("short\n long\n .\n\tmore"));
        assert_eq!(stanza.get("Version"), None);
        assert_eq!(stanzas("A: 1\n \nB: 2\n\n\nC: 3").count(), 3);
        assert_eq!(stanzas("\n\n").count(), 0);
    }

    #[test]
    fn what_is_no_stanza_is_refused() {
        for (text, error) in [
            (" x\nA: 1\n", "starts with a continuation line"),
            ("A: 1\nxyz\n", "has a line `xyz`"),
            ("A: 1\na: 2\n", "has two fields a"),
        ] {
            assert_eq!(only(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_signature_is_no_part_of_the_text() {
        let text = "Suite: x\nDate: today\n";
        let signed = format!(
            "{SIGNED}Hash: SHA512\n\n{text}{}\n\nabc=\n",
            &SIGNATURE[1..]
        );
        assert_eq!(only(&signed), only(text));
        assert_eq!(stanzas(&signed).count(), 1);
    }
}
