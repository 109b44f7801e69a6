//! Why a model can't be written in another form, or a file is not let in.

use pgml_core::preprocess::Preprocess;

use crate::limits::FILE_BYTES;

/// What leaves, or is let in, and can't.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("model {0} predicts in Python only, and has no other form")]
    OnlyPython(i64),
    #[error("nothing in this database says what the features of model {0} are called")]
    Nameless(i64),
    #[error("a model can't be written as {form}: {why}")]
    Inexpressible { form: &'static str, why: String },
    #[error("a model can't be written as {form}: it has {found} {what}, and {limit} is the most")]
    TooLargeToWrite { form: &'static str, what: &'static str, found: usize, limit: usize },
    #[error("unknown format \"{0}\"")]
    Format(String),
    #[error("the file has {0} bytes, and {FILE_BYTES} is the most")]
    FileSize(usize),
    #[error("the model has {found} {what}, and {limit} is the most")]
    TooLarge { what: &'static str, found: usize, limit: usize },
    #[error("the file is no whole {format}: {place}: {cause}")]
    Broken { format: &'static str, place: String, cause: String },
    #[error("the {format} has what can't be imported: {place}: {what}")]
    Unknown { format: &'static str, place: String, what: String },
    #[error("the model is not for {task}")]
    Task { task: &'static str },
    #[error("{given} features are named, and the model takes {columns} columns")]
    FeatureNames { given: usize, columns: usize },
    #[error("the file does not name its {0} features")]
    NoFeatureNames(usize),
    #[error("{given} classes are named, and the model has {classes}")]
    ClassNames { given: usize, classes: usize },
    #[error("classes are named, and the model has none")]
    ClassNamesOfNone,
    #[error("\"{name}\" among the names of {what} is empty, or there twice")]
    Names { what: &'static str, name: String },
}

impl Error {
    /// The five characters of the SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Error::OnlyPython(_) | Error::Inexpressible { .. } | Error::Unknown { .. } => "0A000",
            Error::Nameless(_) => "02000",
            Error::TooLargeToWrite { .. } | Error::FileSize(_) | Error::TooLarge { .. } => "54000",
            Error::Broken { .. } => "22000",
            Error::Format(_) | Error::Task { .. } | Error::FeatureNames { .. } | Error::NoFeatureNames(_) => "22023",
            Error::ClassNames { .. } | Error::ClassNamesOfNone | Error::Names { .. } => "22023",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        const TABLE: &str = "docs/sql/exchange.md has a table of what each algorithm can be written as.";
        Some(match self {
            Error::OnlyPython(_) => "SELECT why_python FROM pgml.model_details says why.".into(),
            Error::Nameless(_) => "Train the model again.".into(),
            Error::Inexpressible { .. } => TABLE.into(),
            Error::TooLargeToWrite { .. } => "Train with fewer or smaller trees, or choose another format.".into(),
            Error::Format(_) => format!("Use {}.", crate::Format::NAMES.join(", ")),
            Error::FileSize(_) | Error::TooLarge { .. } => "Train a smaller model.".into(),
            Error::Broken { .. } => "Write the file again, and give all of its bytes and its format.".into(),
            Error::Unknown { .. } => "docs/sql/exchange.md lists what can be imported.".into(),
            Error::Task { .. } => "Give the task that it was trained for: 'regression' or 'classification'.".into(),
            Error::FeatureNames { .. } | Error::NoFeatureNames(_) => {
                "Name each column in features, in the order in which the model takes them.".into()
            }
            Error::ClassNames { .. } => "Name each class in classes, in the order of the probabilities.".into(),
            Error::ClassNamesOfNone => "Leave classes out.".into(),
            Error::Names { .. } => "Give each its own name.".into(),
        })
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// Why a model whose columns are prepared has no form in a file that knows numbers alone.
pub fn preprocess_of(preprocess: &Preprocess) -> String {
    let columns: Vec<String> = preprocess.prepared_columns().into_iter().map(|name| format!("\"{name}\"")).collect();
    let of = if columns.is_empty() { "columns".to_string() } else { columns.join(", ") };
    format!("it has no place for what becomes of {of} before the trees (formats 'pgml' and 'onnx' have one)")
}
