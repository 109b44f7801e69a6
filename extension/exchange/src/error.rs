//! Why a model can't be written in another form, or a file is not let in.

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
}

impl Error {
    /// The five characters of the SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Error::OnlyPython(_) | Error::Inexpressible { .. } => "0A000",
            Error::Nameless(_) => "02000",
            Error::TooLargeToWrite { .. } => "54000",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::OnlyPython(_) => "SELECT why_python FROM pgml.model_details says why.".into(),
            Error::Nameless(_) => "Train the model again.".into(),
            Error::Inexpressible { .. } => {
                "docs/sql/exchange.md has a table of what each algorithm can be written as.".into()
            }
            Error::TooLargeToWrite { .. } => "Train with fewer or smaller trees, or choose another format.".into(),
        })
    }
}

pub type Result<T> = std::result::Result<T, Error>;
