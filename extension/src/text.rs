//! Texts on their way between the server, which keeps them in the database's encoding, and Rust and Python, which take UTF-8.
//!
//! Everything that crosses comes through here: arguments, results, queries and their values, messages. The server's own
//! functions convert; SQL_ASCII, which they leave alone, has [`pgml_core::ascii`].

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};

use pgml_core::ascii;
use pgrx::{PgLogLevel, PgSqlErrorCode, PgTryBuilder, pg_sys};

const UTF8: c_int = pg_sys::pg_enc::PG_UTF8 as c_int;
const SQL_ASCII: c_int = pg_sys::pg_enc::PG_SQL_ASCII as c_int;

fn encoding() -> c_int {
    // SAFETY: reads a variable that is set when the backend starts.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// A text of the server in UTF-8.
pub fn from_server(bytes: &[u8]) -> Cow<'_, str> {
    match encoding() {
        _ if bytes.is_ascii() => String::from_utf8_lossy(bytes),
        // The server has checked every text of such a database.
        UTF8 => String::from_utf8_lossy(bytes),
        SQL_ASCII => ascii::decode(bytes),
        _ => {
            // SAFETY: the bytes are a text in the server's encoding. The result ends with a NUL, and is freed here unless it
            // is the text itself.
            unsafe {
                let given = bytes.as_ptr().cast();
                let converted = pg_sys::pg_server_to_any(given, bytes.len() as c_int, UTF8);
                owned(given, converted).map_or_else(
                    || String::from_utf8_lossy(bytes),
                    |bytes| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
                )
            }
        }
    }
}

/// A text in the server's encoding; a character that it lacks is an ERROR of the server.
pub fn to_server(text: &str) -> Cow<'_, [u8]> {
    match encoding() {
        UTF8 => Cow::Borrowed(text.as_bytes()),
        _ if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
        SQL_ASCII => ascii::encode(text),
        _ => {
            // SAFETY: as in `from_server`, the other way round.
            unsafe {
                let given = text.as_ptr().cast();
                let converted = pg_sys::pg_any_to_server(given, text.len() as c_int, UTF8);
                owned(given, converted).map_or_else(|| Cow::Borrowed(text.as_bytes()), Cow::Owned)
            }
        }
    }
}

/// What a conversion made, copied and freed; `None` if it gave back what it was given.
///
/// # Safety
///
/// `converted` has to be `given`, or a string that Postgres allocated.
unsafe fn owned(given: *const c_char, converted: *mut c_char) -> Option<Vec<u8>> {
    if std::ptr::eq(given, converted) {
        return None;
    }
    // SAFETY: the caller's.
    unsafe {
        let bytes = CStr::from_ptr(converted).to_bytes().to_vec();
        pg_sys::pfree(converted.cast());
        Some(bytes)
    }
}

/// A text in the server's encoding, without what it lacks: for words that must arrive, whatever they name.
pub fn to_server_lossy(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() || matches!(encoding(), UTF8 | SQL_ASCII) {
        return to_server(text);
    }
    if let Some(whole) = representable(text) {
        return Cow::Owned(whole);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match representable(character.encode_utf8(&mut [0; 4])) {
            Some(known) => bytes.extend(known),
            None => bytes.extend_from_slice(plain(character).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// A text in the server's encoding; `None` if that lacks one of its characters.
fn representable(text: &str) -> Option<Vec<u8>> {
    let text = text.to_string();
    PgTryBuilder::new(move || Some(to_server(&text).into_owned())).catch_others(|_| None).execute()
}

/// What stands for a character of our own messages that the encoding lacks.
fn plain(character: char) -> &'static str {
    match character {
        '…' => "...",
        '–' => "-",
        '’' | '‘' => "'",
        '“' | '”' => "\"",
        '→' => "->",
        _ => "?",
    }
}

fn c_string(bytes: &[u8]) -> CString {
    // Text of Postgres has no NUL; what comes from elsewhere ends there.
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// A query as the server reads it.
pub fn query(text: &str) -> CString {
    c_string(&to_server(text))
}

/// Raise a WARNING with SQLSTATE 01000.
pub fn warning(message: &str) {
    emit(PgLogLevel::WARNING, PgSqlErrorCode::ERRCODE_WARNING, message, None, None);
}

/// Raise a NOTICE with SQLSTATE 00000.
pub fn notice(message: &str) {
    emit(PgLogLevel::NOTICE, PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, None, None);
}

/// Raise an error here where pgrx, which hands the server UTF-8, would garble it.
pub fn raise_unless_utf8(code: PgSqlErrorCode, message: &str, detail: Option<&str>, hint: Option<&str>) {
    let parts = [Some(message), detail, hint];
    if parts.iter().flatten().any(|text| to_server_lossy(text).as_ref() != text.as_bytes()) {
        emit(PgLogLevel::ERROR, code, message, detail, hint);
    }
}

// SAFETY: the server's own declarations (utils/elog.h), which are the same in every major that is built for.
unsafe extern "C-unwind" {
    fn errstart(level: c_int, domain: *const c_char) -> bool;
    fn errcode(code: c_int) -> c_int;
    fn errmsg_internal(format: *const c_char, ...) -> c_int;
    fn errdetail_internal(format: *const c_char, ...) -> c_int;
    fn errhint(format: *const c_char, ...) -> c_int;
    fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
}

/// A message in the server's encoding.
fn emit(level: PgLogLevel, code: PgSqlErrorCode, message: &str, detail: Option<&str>, hint: Option<&str>) {
    let [message, detail, hint] = [Some(message), detail, hint].map(|text| text.map(to_server_lossy));
    let [message, detail, hint] = [message, detail, hint].map(|text| text.map(|text| c_string(&text)));
    // SAFETY: Postgres's protocol of a report: the strings live until its last call, which copies them, and leaves by a long
    // jump where the report is an ERROR. The boundary turns that into a panic, which unwinds to the function's own guard.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            if !errstart(level as c_int, std::ptr::null()) {
                return;
            }
            errcode(code as c_int);
            errmsg_internal(c"%s".as_ptr(), message.as_ref().map_or(c"".as_ptr(), |text| text.as_ptr()));
            if let Some(detail) = &detail {
                errdetail_internal(c"%s".as_ptr(), detail.as_ptr());
            }
            if let Some(hint) = &hint {
                errhint(c"%s".as_ptr(), hint.as_ptr());
            }
            errfinish(c"pgml".as_ptr(), 0, std::ptr::null());
        });
    }
}
