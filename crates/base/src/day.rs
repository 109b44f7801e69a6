//! Days of the calendar, in UTC: `2026-08-31`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A day. Its text orders as the days do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Day(String);

impl Day {
    /// The day of a time in seconds since 1970 (the civil calendar from days, by eras of 400 years).
    pub fn of(epoch: u64) -> Self {
        let days = epoch / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153; // months from March
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year + era * 400 + u64::from(month <= 2);
        Self(format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match is_day(&text) {
            true => Ok(Self(text)),
            false => Err(format!("`{text}` is not a day such as `2026-08-31`")),
        }
    }
}

fn is_day(text: &str) -> bool {
    let number = |part: Option<&str>, length: usize| {
        let part = part.filter(|part| part.len() == length)?;
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let (year, month, day) = (
        number(parts.next(), 4),
        number(parts.next(), 2),
        number(parts.next(), 2),
    );
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=length).contains(&day)
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
        ] {
            assert_eq!(Day::of(epoch).to_string(), expected);
        }
    }

    /// Catches a date whose text would not order as the days do, or that no calendar has.
    #[test]
    fn other_texts_are_no_days() {
        for text in ["2026-08-31", "2024-02-29"] {
            assert!(is_day(text), "{text}");
        }
        for text in [
            "2026-8-31",
            "2026-08-32",
            "2026-02-29",
            "2026-00-01",
            "31.08.2026",
            "2026-08-31-1",
            "",
        ] {
            assert!(!is_day(text), "{text}");
        }
    }
}
