//! Texts of a database in SQL_ASCII, where a byte above 127 has no meaning: as UTF-8, so that no two of them become one.
//!
//! What is UTF-8 stays as it is. Every other byte becomes a character at the end of the last private use plane, and again
//! that byte on its way back. (Those characters themselves are taken byte by byte.)

use std::borrow::Cow;

/// The character of byte 0; those of bytes above 127 are used.
const FIRST: u32 = 0x10_FF00;

fn is_escape(character: char) -> bool {
    u32::from(character) >= FIRST + 0x80
}

fn escape(byte: u8) -> char {
    // U+10FF80 to U+10FFFF: each of them is a character.
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Bytes as text; the same bytes come back from [`encode`].
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(is_escape)
    {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_escape(character) {
                decoded.extend(character.encode_utf8(&mut [0; 4]).bytes().map(escape));
            } else {
                decoded.push(character);
            }
        }
        decoded.extend(chunk.invalid().iter().copied().map(escape));
    }
    Cow::Owned(decoded)
}

/// The bytes that a text of [`decode`] was made from; those of any other text are its own.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(is_escape) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut encoded = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(u32::from(character).wrapping_sub(FIRST)) {
            Ok(byte) if is_escape(character) => encoded.push(byte),
            _ => encoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_stays_as_it_is() {
        for text in ["", "yes", "weiß", "\u{10FFFD}".trim_end_matches('\u{10FFFD}')] {
            assert!(matches!(decode(text.as_bytes()), Cow::Borrowed(same) if same == text));
            assert!(matches!(encode(text), Cow::Borrowed(same) if same == text.as_bytes()));
        }
    }

    #[test]
    fn every_text_of_bytes_comes_back_and_stays_apart() {
        let escapes: Vec<u8> = escape(0xe9).to_string().into_bytes();
        let mut texts: Vec<Vec<u8>> = (0x80..=0xffu8).map(|byte| vec![b'a', byte, b'b']).collect();
        texts.extend([b"wei\xdf".to_vec(), "weiß".into(), b"\xc3".to_vec(), escapes, vec![0xe9], b"\xff\xfe".to_vec()]);
        let decoded: Vec<String> = texts.iter().map(|text| decode(text).into_owned()).collect();
        for (text, decoded) in texts.iter().zip(&decoded) {
            assert_eq!(encode(decoded).as_ref(), &text[..]);
        }
        let apart: std::collections::BTreeSet<&String> = decoded.iter().collect();
        assert_eq!(apart.len(), texts.len());
    }
}
