//! Every error of the library, and how it becomes a Postgres ERROR.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::spi::SpiError;

use crate::text;

/// What a function of this library fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mistake of the caller, or a fault in the data.
    #[error(transparent)]
    Usage(#[from] pgml_core::Error),
    /// From the Rust runtime.
    #[error(transparent)]
    Learn(#[from] pgml_learn::Error),
    /// A model that can't leave, or a file that is not let in.
    #[error(transparent)]
    Exchange(#[from] pgml_exchange::Error),
    /// An exception that Python raised.
    #[error("{}", .0.message)]
    Python(Box<Failure>),
    /// What a part of the extension raises with a text of its own: about the server, the machine, or what is installed.
    #[error("{}", .0.message)]
    Raised(Box<Failure>),
    /// The server refused a query for a reason that raises no ERROR of its own.
    #[error("query failed: {0}")]
    Spi(#[from] SpiError),
    /// A symbol that has no business in the backend's global scope.
    #[error("the symbol {symbol} of a BLAS is visible to every library of this backend: {library} brought it in")]
    Exposed { symbol: &'static str, library: String },
}

/// An error with all of its parts at hand.
#[derive(Debug)]
pub struct Failure {
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

pub type Result<T> = std::result::Result<T, Error>;

/// What an SQL function returns: pgrx raises the report as an ERROR with all of its parts.
pub type SqlResult<T> = std::result::Result<T, ErrorReport>;

impl Failure {
    /// A failure without detail and hint. The SQLSTATE is one of Postgres's own table.
    pub fn new(sqlstate: &str, message: impl Into<String>) -> Failure {
        Failure { sqlstate: sqlstate.into(), message: message.into(), detail: None, hint: None }
    }

    pub fn with_detail(self, detail: impl Into<String>) -> Failure {
        Failure { detail: Some(detail.into()), ..self }
    }

    pub fn with_hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Raised(Box::new(failure))
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (sqlstate, detail, hint) = match error {
            Error::Usage(error) => (error.sqlstate().to_string(), None, error.hint()),
            Error::Learn(error) => (error.sqlstate().to_string(), None, error.hint()),
            Error::Exchange(error) => (error.sqlstate().to_string(), None, error.hint()),
            Error::Python(failure) | Error::Raised(failure) => (failure.sqlstate, failure.detail, failure.hint),
            Error::Spi(_) => ("XX000".to_string(), None, None),
            Error::Exposed { .. } => (
                "58000".to_string(),
                None,
                Some(
                    "Link that library to a static BLAS with hidden symbols, or load it in other sessions only.".into(),
                ),
            ),
        };
        let code = sqlstate_code(&sqlstate);
        text::raise_unless_utf8(code, &message, detail.as_deref(), hint.as_deref());
        let mut report = ErrorReport::new(code, message, "pgml");
        if let Some(detail) = detail {
            report = report.set_detail(detail);
        }
        if let Some(hint) = hint {
            report = report.set_hint(hint);
        }
        report
    }
}

/// Five characters as Postgres packs them (MAKE_SQLSTATE): six bits each. Anything else is an internal error.
fn sqlstate_code(sqlstate: &str) -> PgSqlErrorCode {
    let sqlstate = if sqlstate.len() == 5 && sqlstate.is_ascii() { sqlstate } else { "XX000" };
    let packed = sqlstate
        .bytes()
        .enumerate()
        .fold(0i32, |code, (place, byte)| code | ((i32::from(byte) - i32::from(b'0')) & 0x3f) << (6 * place));
    PgSqlErrorCode::from(packed)
}
