//! Percent-coding of the paths in addresses (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Characters that are written as `%NN`: all but letters, digits, the other unreserved ones, and the slash between names. The
/// plus sign is among them, because some mirrors read it as a space.
const CODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~');

/// Writes a path so that it can stand in an address and in a sources entry of apt.
pub fn encode(path: impl AsRef<[u8]>) -> String {
    percent_encode(path.as_ref(), CODED).to_string()
}

/// Reads a path from an address; `None` if its bytes are not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_slashes_and_comes_back() {
        let path = "/pool/libx_1:2.0+b1~deb12 ü%";
        let coded = encode(path);
        assert_eq!(coded, "/pool/libx_1%3A2.0%2Bb1~deb12%20%C3%BC%25");
        assert_eq!(decode(&coded).as_deref(), Some(path));
        assert_eq!(decode("1%3a2").as_deref(), Some("1:2"), "as apt writes it");
        assert_eq!(decode("%ff"), None);
    }
}
