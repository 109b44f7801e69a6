//! UBJSON, as XGBoost writes it: JSON with markers for types, lengths before texts, and arrays of one type.
//!
//! Every length is compared with the bytes that are left before anything is done with it.

use std::fmt::Display;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// Objects and arrays inside of each other.
const DEPTH: usize = 64;

/// What is wrong, and where.
#[derive(Debug)]
pub struct Fault {
    pub place: usize,
    pub cause: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "byte {}: {}", self.place, self.cause)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(cause: T) -> Fault {
        Fault { place: 0, cause: cause.to_string() }
    }
}

/// Read a value, behind which nothing may stand.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let mut reader = Reader { bytes, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader).map_err(|fault| reader.placed(fault))?;
    match reader.at == bytes.len() {
        true => Ok(value),
        false => Err(reader.wrong("something stands behind the model")),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, cause: impl Into<String>) -> Fault {
        Fault { place: self.at, cause: cause.into() }
    }

    /// A fault that serde found does not know where it is.
    fn placed(&self, fault: Fault) -> Fault {
        if fault.place == 0 { Fault { place: self.at, ..fault } } else { fault }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.wrong(format!("{count} bytes are announced, and the file ends before")))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.wrong("the file ends in a number"))
    }

    fn marker(&mut self) -> Result<u8, Fault> {
        loop {
            // N is no value, and may stand anywhere.
            match self.take(1)?[0] {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64, Fault> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.fixed()?)),
            b'U' => i64::from(u8::from_be_bytes(self.fixed()?)),
            b'I' => i64::from(i16::from_be_bytes(self.fixed()?)),
            b'l' => i64::from(i32::from_be_bytes(self.fixed()?)),
            b'L' => i64::from_be_bytes(self.fixed()?),
            _ => return Err(self.wrong(format!("0x{marker:02x} is no marker of a whole number"))),
        })
    }

    /// A length that the rest of the file can have, where each of what it counts takes so many bytes.
    fn length(&mut self, each: usize) -> Result<usize, Fault> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let left = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length.checked_mul(each).is_some_and(|bytes| bytes <= left) => Ok(length),
            _ => Err(self.wrong(format!("a length of {length}, and {left} bytes are left"))),
        }
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        let length = self.length(1)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a text is no UTF-8"))
    }

    fn value<V: Visitor<'a>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, Fault> {
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => {
                let number = self.integer(marker)?;
                match u64::try_from(number) {
                    Ok(number) => visitor.visit_u64(number),
                    Err(_) => visitor.visit_i64(number),
                }
            }
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.fixed()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.fixed()?)),
            b'C' => visitor.visit_char(char::from(self.take(1)?[0])),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            b'[' | b'{' => self.container(marker, visitor),
            _ => Err(self.wrong(format!("0x{marker:02x} is no marker of a value"))),
        }
    }

    fn container<V: Visitor<'a>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong(format!("more than {DEPTH} objects inside of each other")));
        }
        let mut kind = None;
        if self.bytes.get(self.at) == Some(&b'$') {
            self.at += 1;
            kind = Some(self.take(1)?[0]);
        }
        let mut left = None;
        if self.bytes.get(self.at) == Some(&b'#') {
            self.at += 1;
            // A value without bytes could be announced as often as a file likes; a name has a length.
            let each = kind.map_or(1, size) + usize::from(marker == b'{');
            if each == 0 {
                return Err(self.wrong("an array of values that have no bytes"));
            }
            left = Some(self.length(each)?);
        } else if kind.is_some() {
            return Err(self.wrong("an array of one type has no length"));
        }
        let elements = Elements { reader: self, kind, left, end: if marker == b'[' { b']' } else { b'}' } };
        let value = if marker == b'[' { visitor.visit_seq(elements) } else { visitor.visit_map(elements) }?;
        self.depth -= 1;
        Ok(value)
    }
}

/// The least number of bytes that a value takes behind its marker.
fn size(kind: u8) -> usize {
    match kind {
        b'Z' | b'T' | b'F' | b'N' => 0,
        b'I' => 2,
        b'l' | b'd' => 4,
        b'L' | b'D' => 8,
        _ => 1,
    }
}

/// What is left of an array or an object.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    kind: Option<u8>,
    left: Option<usize>,
    end: u8,
}

impl Elements<'_, '_> {
    /// Whether there is another one.
    fn advance(&mut self) -> Result<bool, Fault> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => {
                while self.reader.bytes.get(self.reader.at) == Some(&b'N') {
                    self.reader.at += 1;
                }
                match self.reader.bytes.get(self.reader.at) {
                    Some(byte) if *byte == self.end => {
                        self.reader.at += 1;
                        Ok(false)
                    }
                    Some(_) => Ok(true),
                    None => Err(self.reader.wrong("the file ends in an array or an object")),
                }
            }
        }
    }
}

impl<'a> SeqAccess<'a> for Elements<'_, 'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if !self.advance()? {
            return Ok(None);
        }
        let kind = self.kind;
        seed.deserialize(Value { reader: self.reader, kind }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

impl<'a> MapAccess<'a> for Elements<'_, 'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if !self.advance()? {
            return Ok(None);
        }
        let name = self.reader.text()?;
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let kind = self.kind;
        seed.deserialize(Value { reader: self.reader, kind })
    }
}

/// A value whose marker may be known already.
struct Value<'r, 'a> {
    reader: &'r mut Reader<'a>,
    kind: Option<u8>,
}

impl<'de> de::Deserializer<'de> for Value<'_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let marker = match self.kind {
            Some(kind) => kind,
            None => self.reader.marker()?,
        };
        let read = self.reader.value(marker, visitor);
        read.map_err(|fault| self.reader.placed(fault))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.kind.is_none() && self.reader.bytes.get(self.reader.at) == Some(&b'Z') {
            self.reader.at += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        Value { reader: self, kind: None }.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
