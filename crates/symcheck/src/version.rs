//! Version numbers such as `2.31` or `3.4.28`, compared number by number.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A dotted version number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    /// Reads a version; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        });
        let mut numbers: Vec<u32> = parts.collect::<Option<_>>()?;
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop(); // 2.31.0 is 2.31
        }
        Some(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a version such as `2.31`"))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_not_letters() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("2.4") < version("2.31"));
        assert!(version("2.2.5") < version("2.3"));
        assert_eq!(version("7.0.0"), version("7"));
        for text in ["", ".", "2.", "PRIVATE", "2.3x", "+2", "99999999999"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
