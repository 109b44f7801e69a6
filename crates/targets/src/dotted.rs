//! Version numbers of libraries and interpreters: `2.31`, `3.4.28`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Numbers between dots, ordered number by number: 2.4 < 2.31.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dotted(Vec<u32>);

impl Dotted {
    /// The numbers, from the first to the last.
    pub fn parts(&self) -> &[u32] {
        &self.0
    }

    /// Without the dots, as in `cp311`.
    pub fn joined(&self) -> String {
        self.0.iter().map(u32::to_string).collect()
    }
}

impl fmt::Display for Dotted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl From<Dotted> for String {
    fn from(version: Dotted) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Dotted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Dotted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match parts {
            Ok(parts) if parts.len() > 1 => Ok(Self(parts)),
            _ => Err(format!(
                "`{text}` is not a version (numbers between dots, such as `2.31`)"
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_number_not_by_text() {
        let version = |text: &str| text.parse::<Dotted>().unwrap();
        assert!(version("2.4") < version("2.31"));
        assert!(version("3.4") < version("3.4.1"));
        assert_eq!(version("3.11").joined(), "311");
        assert!("2".parse::<Dotted>().is_err());
        assert!("2.x".parse::<Dotted>().is_err());
    }
}
