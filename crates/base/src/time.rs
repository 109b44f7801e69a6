//! Moments in UTC, as locks and archives write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment in UTC, written `2026-07-11T10:16:37Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(String);

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Time {
    /// From a Release file's form, `Sat, 11 Jul 2026 10:16:37 UTC`.
    pub fn from_release(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [_, day, month, year, time, "UTC" | "GMT" | "+0000"] = words[..] else {
            return None;
        };
        let month = MONTHS.iter().position(|m| *m == month)? + 1;
        let day: u8 = day.parse().ok()?;
        format!("{year}-{month:02}-{day:02}T{time:0>8}Z")
            .parse()
            .ok()
    }

    /// As snapshot services write it: `20260711T101637Z`.
    pub fn compact(&self) -> String {
        self.0.replace(['-', ':'], "")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = "0000-00-00T00:00:00Z";
        let same = |(a, b): (char, char)| if b == '0' { a.is_ascii_digit() } else { a == b };
        match text.len() == shape.len() && text.chars().zip(shape.chars()).all(same) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "`{text}` is not a time such as `2026-07-11T10:16:37Z`"
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_dates_that_archives_write() {
        let time = Time::from_release("Sat, 11 Jul 2026 10:16:37 UTC").unwrap();
        assert_eq!(time.to_string(), "2026-07-11T10:16:37Z");
        assert_eq!(time.compact(), "20260711T101637Z");
        let early = Time::from_release("Thu, 02 Apr 2020  7:02:03 UTC").unwrap();
        assert_eq!(early.to_string(), "2020-04-02T07:02:03Z");
        assert_eq!(Time::from_release("yesterday"), None);
        assert!("2026-07-11".parse::<Time>().is_err());
    }
}
