//! What can be wrong with a request to the Rust runtime, or with the rows that it is given.

/// A training that can't be done as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("the rust runtime does not train algorithm \"{algorithm}\" for task \"{task}\"")]
    Algorithm { algorithm: String, task: String },
    #[error("unknown {what} \"{name}\"")]
    Unknown { what: String, name: String, known: Vec<String> },
    #[error("{what} \"{name}\" must be {wanted}, not {found}")]
    Value { what: String, name: String, wanted: String, found: String },
    #[error("training {algorithm} failed: {reason}")]
    Failed { algorithm: String, reason: String },
    #[error("too few rows: {0}")]
    TooFewRows(String),
    #[error("a classification needs at least two classes; all training rows have {0}")]
    OneClass(f64),
    #[error("training {0} gave a model that predicts no finite numbers")]
    NotFinite(String),
    #[error("the rust runtime can't weigh rows for {0}")]
    NoWeights(String),
    #[error("search '{0}' needs search_params")]
    NoSearchParams(String),
}

impl Error {
    /// The five characters of the SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Error::Algorithm { .. } | Error::NoWeights(_) => "0A000",
            Error::Unknown { .. } | Error::Value { .. } | Error::NoSearchParams(_) => "22023",
            Error::Failed { .. } | Error::TooFewRows(_) | Error::OneClass(_) | Error::NotFinite(_) => "22000",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Algorithm { .. } => "Leave runtime away, or set it to 'python'.".into(),
            Error::Unknown { known, .. } if known.is_empty() => "It takes none.".into(),
            Error::Unknown { known, .. } => format!("Known are: {}.", known.join(", ")),
            Error::NoSearchParams(_) => "Name the values to try: {\"alpha\": [0.1, 1, 10]}.".into(),
            Error::OneClass(_) => "Check the label column, or shuffle with test_sampling => 'random'.".into(),
            Error::NoWeights(_) => {
                "Leave weight_column out, set runtime to 'python', or choose another algorithm, such as random_forest."
                    .into()
            }
            Error::NotFinite(_) => "Scale the features, or choose other hyperparameters.".into(),
            Error::TooFewRows(_) => "A smaller test_size leaves more.".into(),
            Error::Value { .. } | Error::Failed { .. } => return None,
        })
    }
}

pub type Result<T> = std::result::Result<T, Error>;
