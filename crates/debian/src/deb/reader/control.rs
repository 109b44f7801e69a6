//! The control file.

use std::collections::BTreeMap;

use super::{DebError, malformed};

/// Reads its fields. dpkg does not mind the case of their names, so two of one name in different cases are one twice.
pub(super) fn fields(text: &str) -> Result<BTreeMap<String, String>, DebError> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    let mut lines = text.lines();
    for line in lines.by_ref().take_while(|line| !line.trim().is_empty()) {
        if line.starts_with([' ', '\t']) {
            let value = last.as_ref().and_then(|name| fields.get_mut(name));
            let value: &mut String = value
                .ok_or_else(|| malformed("its control file starts with a continuation line"))?;
            value.push('\n');
            value.push_str(line);
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| malformed(format!("its control file has a line `{line}`")))?;
        let name = name.trim_end();
        if fields.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(malformed(format!("its control file has two fields {name}")));
        }
        fields.insert(name.to_owned(), value.trim().to_owned());
        last = Some(name.to_owned());
    }
    match lines.all(|line| line.trim().is_empty()) {
        true => Ok(fields),
        false => Err(malformed("its control file describes two packages")),
    }
}
