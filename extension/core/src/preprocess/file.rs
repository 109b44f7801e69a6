//! The steps as a file beside the model's: JSON, as docs/model-format.md describes it.

use serde::{Deserialize, Serialize};

use super::{Column, Preprocess};
use crate::labels::Classes;

/// The name of the file in `pgml.files`.
pub const PATH: &str = "preprocess.json";

/// The version of the format that this release writes and reads.
const VERSION: u32 = 1;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it is no JSON of a preprocessing: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has version {0}, and this release reads version {VERSION}")]
    Version(u32),
    #[error("column \"{0}\" has sizes or numbers that can't be")]
    Column(String),
    #[error("it has no columns")]
    Empty,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Classes>,
}

impl Preprocess {
    /// The bytes of the file.
    pub fn write(&self) -> Result<Vec<u8>, FileError> {
        Ok(serde_json::to_vec(&Description {
            version: VERSION,
            columns: self.columns.clone(),
            label: self.label.clone(),
        })?)
    }

    /// Read a file, and check everything that evaluation relies on.
    pub fn read(bytes: &[u8]) -> Result<Preprocess, FileError> {
        let Versioned { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(FileError::Version(version));
        }
        let Description { columns, label, .. } = serde_json::from_slice(bytes)?;
        checked(columns, label)
    }
}

/// Steps whose columns are checked for everything that evaluation relies on.
pub(super) fn checked(columns: Vec<Column>, label: Option<Classes>) -> Result<Preprocess, FileError> {
    if columns.is_empty() {
        return Err(FileError::Empty);
    }
    match columns.iter().find(|column| !column.is_sound()) {
        Some(column) => Err(FileError::Column(column.name.clone())),
        None => Ok(Preprocess { columns, single: false, label }),
    }
}

/// More numbers than a row of Postgres has.
const MOST: usize = 1 << 28;

impl Column {
    fn is_sound(&self) -> bool {
        let sizes = match &self.categories {
            None => (1..MOST).contains(&self.size),
            Some(categories) => self.size == 1 && categories.one_hot.is_none_or(|count| (1..MOST).contains(&count)),
        };
        let times = match self.time {
            Some(time) => self.size == 1 && self.categories.is_none() && !(self.parts && time.parts().is_empty()),
            None => !self.parts,
        };
        sizes && times && self.scale.is_none_or(|(_, divisor)| divisor != 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_to_the_last_bit() {
        let text = r#"{"version":1,"columns":[
            {"name":"month","size":1,"categories":{"values":{"jan":1.0,"feb":2.0},"null":0.0},"fill":1.0},
            {"name":"clouds","size":1,"categories":{"values":{"nimbus":0.0},"one_hot":1}},
            {"name":"image","size":3,"fill":0.1,"scale":[0.30000000000000004,0.12345678901234568]},
            {"name":"day","size":1,"time":"date","parts":true,"missing":true}],
            "label":{"kind":"texts","type_name":"text","texts":["no","yes"]}}"#;
        let read = Preprocess::read(text.as_bytes()).expect("a file");
        assert_eq!((read.inputs(), read.outputs()), (6, 9));
        assert_eq!(read.label().map(|label| label.name(1.0)).as_deref(), Some("yes"));
        let bytes = read.write().expect("bytes");
        assert_eq!(Preprocess::read(&bytes).expect("a file"), read);
        assert!(String::from_utf8_lossy(&bytes).contains("[0.30000000000000004,0.12345678901234568]"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let column = |rest: &str| format!(r#"{{"version":1,"columns":[{{"name":"a",{rest}}}]}}"#);
        for (text, cause) in [
            (String::from("{"), "no JSON"),
            (r#"{"version":2,"columns":"?"}"#.into(), "version 2"),
            (r#"{"version":1,"columns":[]}"#.into(), "no columns"),
            (column(r#""size":0"#), "column \"a\""),
            (column(r#""size":1,"scale":[1.0,0.0]"#), "column \"a\""),
            (column(r#""size":2,"categories":{"values":{}}"#), "column \"a\""),
            (column(r#""size":1,"categories":{"values":{},"one_hot":0}"#), "column \"a\""),
            (column(r#""size":1,"colour":1"#), "unknown field"),
            (column(r#""size":1,"parts":true"#), "column \"a\""),
            (column(r#""size":1,"time":"interval","parts":true"#), "column \"a\""),
            (column(r#""size":2,"time":"date""#), "column \"a\""),
        ] {
            let error = Preprocess::read(text.as_bytes()).expect_err(&text).to_string();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
