//! The attributes of an operator, by their names and types.

use super::proto::{AttributeProto, NodeProto, attribute, data};
use super::{broken, unknown};
use crate::error::Result;
use crate::imported::words;

/// An operator with its attributes.
pub struct Operator<'a> {
    pub node: &'a NodeProto,
    pub place: String,
}

impl<'a> Operator<'a> {
    pub fn new(number: usize, node: &'a NodeProto) -> Operator<'a> {
        Operator { node, place: format!("operator {} ({})", number + 1, words(&node.op_type)) }
    }

    fn find(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>> {
        match self.node.attribute.iter().find(|attribute| attribute.name == name) {
            // Files of old leave the type out.
            Some(found) if found.r#type != kind && found.r#type != 0 => {
                Err(broken(&self.place, format!("attribute \"{name}\" has the type {}", found.r#type)))
            }
            found => Ok(found),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.node.attribute.iter().any(|attribute| attribute.name == name)
    }

    pub fn floats(&self, name: &str) -> Result<Vec<f64>> {
        let found = self.find(name, attribute::FLOATS)?;
        Ok(found.map(|found| found.floats.iter().map(|one| f64::from(*one)).collect()).unwrap_or_default())
    }

    pub fn ints(&self, name: &str) -> Result<&'a [i64]> {
        Ok(self.find(name, attribute::INTS)?.map(|found| &found.ints[..]).unwrap_or_default())
    }

    pub fn strings(&self, name: &str) -> Result<Vec<String>> {
        let Some(found) = self.find(name, attribute::STRINGS)? else { return Ok(Vec::new()) };
        let text = |bytes: &Vec<u8>| {
            String::from_utf8(bytes.clone())
                .map_err(|_| broken(&self.place, format!("a text of \"{name}\" is no UTF-8")))
        };
        found.strings.iter().map(text).collect()
    }

    /// A text that is one of a few words.
    pub fn word(&self, name: &str, default: &str) -> Result<String> {
        match self.find(name, attribute::STRING)? {
            Some(found) => Ok(words(&String::from_utf8_lossy(&found.s))),
            None => Ok(default.to_string()),
        }
    }

    pub fn int(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.find(name, attribute::INT)?.map_or(default, |found| found.i))
    }

    pub fn float(&self, name: &str) -> Result<Option<f64>> {
        Ok(self.find(name, attribute::FLOAT)?.map(|found| f64::from(found.f)))
    }

    /// Numbers of four bytes, or of eight in the attribute of the same name with `_as_tensor`; whether they are the latter.
    pub fn numbers(&self, name: &str) -> Result<(Vec<f64>, bool)> {
        match self.find(&format!("{name}_as_tensor"), attribute::TENSOR)?.and_then(|found| found.t.as_ref()) {
            Some(tensor) => Ok((tensor.numbers()?, true)),
            None => Ok((self.floats(name)?, false)),
        }
    }

    /// Numbers of a tensor; whether they have eight bytes.
    pub fn tensor(&self, name: &str) -> Result<(Vec<f64>, bool)> {
        match self.find(name, attribute::TENSOR)?.and_then(|found| found.t.as_ref()) {
            Some(tensor) => Ok((tensor.numbers()?, tensor.data_type == data::DOUBLE)),
            None => Ok((Vec::new(), false)),
        }
    }

    pub fn count(&self, name: &str, list: usize, wanted: usize) -> Result<()> {
        match list == wanted {
            true => Ok(()),
            false => Err(broken(&self.place, format!("\"{name}\" has {list} values instead of {wanted}"))),
        }
    }

    pub fn broken<T>(&self, cause: impl Into<String>) -> Result<T> {
        Err(broken(&self.place, cause))
    }

    pub fn unknown<T>(&self, what: impl Into<String>) -> Result<T> {
        Err(unknown(&self.place, what))
    }
}
