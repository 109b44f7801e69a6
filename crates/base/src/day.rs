//! Days of the calendar, in UTC: `2026-08-31`.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A day. Its text orders as the days do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Day(Date);

impl Day {
    /// The day of a time in seconds since 1970. A time after the year 9999 has the last day that can be written.
    pub fn of(epoch: u64) -> Self {
        let seconds = i64::try_from(epoch).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        Self(Offset::UTC.to_datetime(time).date())
    }

    /// The start of the day in seconds since 1970; none before that year.
    pub fn epoch(&self) -> Option<u64> {
        let start = Offset::UTC.to_timestamp(self.0.at(0, 0, 0, 0)).ok()?;
        start.as_second().try_into().ok()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The parser also takes forms without hyphens and with a time behind.
        let day = text.parse().ok().map(Self);
        day.filter(|day| day.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a day such as `2026-08-31`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (epoch, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_305_599, "2026-11-21"),
            (1_795_305_600, "2026-11-22"),
            (4_102_444_800, "2100-01-01"),
            (4_107_542_399, "2100-02-28"),
        ] {
            let day = Day::of(epoch);
            assert_eq!(day.to_string(), expected);
            assert_eq!(day.epoch(), Some(epoch - epoch % (24 * 60 * 60)));
        }
        assert!(Day::of(u64::MAX).to_string().starts_with("9999-12-"));
    }

    /// Catches a date whose text would not order as the days do, or that no calendar has.
    #[test]
    fn other_texts_are_no_days() {
        let read = |text: &str| Day::try_from(text.to_owned());
        for text in ["2026-08-31", "2024-02-29"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for text in [
            "2026-8-31",
            "20260831",
            "2026-08-31T00:00:00",
            "2026-08-32",
            "2026-02-29",
            "2026-00-01",
            "31.08.2026",
            "2026-08-31-1",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
