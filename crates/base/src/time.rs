//! Moments in UTC, as locks and archives write them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// A moment in UTC, in whole seconds, written `2026-07-11T10:16:37Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(Timestamp);

impl Time {
    /// Reads the form of a Release file, `Sat, 11 Jul 2026 10:16:37 UTC`. (Some write an hour of one digit, which the reader of
    /// RFC 2822 refuses.)
    pub fn from_release(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [_, day, month, year, time, "UTC" | "GMT" | "+0000"] = words[..] else {
            return None;
        };
        let text = format!("{day} {month} {year} {time}");
        let parsed = strtime::parse("%d %b %Y %H:%M:%S", text).ok()?;
        let time = Offset::UTC.to_timestamp(parsed.to_datetime().ok()?);
        time.ok().map(Self)
    }

    /// Writes the form of snapshot services, `20260711T101637Z`.
    pub fn compact(&self) -> String {
        self.to_string().replace(['-', ':'], "")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
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
        // The parser also takes other offsets, fractions and separators.
        let whole = |time: &Timestamp| time.subsec_nanosecond() == 0 && time.to_string() == text;
        let time = text.parse().ok().filter(whole);
        time.map(Self)
            .ok_or_else(|| format!("`{text}` is not a time such as `2026-07-11T10:16:37Z`"))
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
        assert_eq!(Time::from_release("Sun, 30 Feb 2026 10:16:37 UTC"), None);
    }

    #[test]
    fn a_time_has_one_text() {
        let text = "2026-07-11T10:16:37Z";
        assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        for other in [
            "2026-07-11",
            "2026-07-11 10:16:37Z",
            "2026-07-11T10:16:37.5Z",
            "2026-07-11T12:16:37+02:00",
            "2026-13-11T10:16:37Z",
        ] {
            assert!(other.parse::<Time>().is_err(), "{other}");
        }
    }
}
