//! Dates and times as numbers: days, or seconds, since the first of January 1970 in UTC.

use serde::{Deserialize, Serialize};

/// What a number of a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temporal {
    /// Days since the first of January 1970.
    Date,
    /// Seconds since 1970, in UTC.
    Timestamp,
    /// Seconds since midnight, of a time without a date.
    Time,
    /// The seconds that an interval lasts.
    Interval,
}

/// Days from the first of January 1970 to that of 2000, from where Postgres counts.
pub const EPOCH_DAYS: i64 = 10_957;
const DAY: f64 = 86_400.0;

impl Temporal {
    /// The type of a column's elements, by its name; none for what is no time.
    pub fn of(element: &str) -> Option<Temporal> {
        match element {
            "date" => Some(Temporal::Date),
            "timestamp" | "timestamptz" => Some(Temporal::Timestamp),
            "time" => Some(Temporal::Time),
            "interval" => Some(Temporal::Interval),
            _ => None,
        }
    }

    /// How an error calls a value.
    pub fn called(self) -> &'static str {
        match self {
            Temporal::Date => "a date",
            Temporal::Timestamp => "a timestamp",
            Temporal::Time => "a time",
            Temporal::Interval => "an interval",
        }
    }

    /// What `{"encode": "parts"}` makes of it; nothing where it has no parts.
    pub fn parts(self) -> &'static [&'static str] {
        match self {
            Temporal::Date => &["year", "month", "day", "weekday"],
            Temporal::Timestamp => &["year", "month", "day", "weekday", "hour"],
            Temporal::Time => &["hour"],
            Temporal::Interval => &[],
        }
    }

    /// The parts of a number of this kind, added to `out`: a weekday is 1 (Monday) to 7. A missing one has missing parts.
    pub fn divide(self, number: f64, out: &mut Vec<f64>) {
        if !number.is_finite() {
            out.extend(self.parts().iter().map(|_| number));
            return;
        }
        let (days, seconds) = match self {
            Temporal::Date => (number.floor(), 0.0),
            Temporal::Timestamp => ((number / DAY).floor(), number.rem_euclid(DAY)),
            Temporal::Time | Temporal::Interval => (0.0, number),
        };
        if matches!(self, Temporal::Date | Temporal::Timestamp) {
            let (year, month, day) = civil(days as i64);
            // The first of January 1970 was a Thursday.
            let weekday = (days as i64 + 3).rem_euclid(7) + 1;
            out.extend([year as f64, month as f64, day as f64, weekday as f64]);
        }
        if matches!(self, Temporal::Timestamp | Temporal::Time) {
            out.push((seconds / 3_600.0).floor());
        }
    }

    /// A value of another kind as one of this; `None` if that would be another meaning.
    pub fn take(self, kind: Temporal, value: f64) -> Option<f64> {
        match (self, kind) {
            (Temporal::Timestamp, Temporal::Date) => Some(value * DAY),
            _ => (self == kind).then_some(value),
        }
    }
}

/// Year, month and day of the number of days since 1970, by the Gregorian calendar; year 0 is the one before year 1.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the day that leap years have is their last. 400 years have 146,097 days.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// A date as every setting of Postgres reads it: `2026-11-29`.
pub fn iso_date(days: i64) -> String {
    let (year, month, day) = civil(days);
    match year {
        1.. => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{:04}-{month:02}-{day:02} BC", 1 - year),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(kind: Temporal, number: f64) -> Vec<f64> {
        let mut out = Vec::new();
        kind.divide(number, &mut out);
        assert_eq!(out.len(), kind.parts().len());
        out
    }

    // SELECT extract(year FROM d), …, extract(isodow FROM d), d - '1970-01-01' FROM (VALUES ('2024-02-29'::date), …) AS t(d)
    #[test]
    fn parts_are_those_of_postgres() {
        assert_eq!(parts(Temporal::Date, 19_782.0), [2024.0, 2.0, 29.0, 4.0]);
        assert_eq!(parts(Temporal::Date, -1.0), [1969.0, 12.0, 31.0, 3.0]);
        assert_eq!(parts(Temporal::Date, -719_162.0), [1.0, 1.0, 1.0, 1.0]);
        // 2026-11-29 13:59:59.5
        assert_eq!(parts(Temporal::Timestamp, 1_795_960_799.5), [2026.0, 11.0, 29.0, 7.0, 13.0]);
        assert_eq!(parts(Temporal::Timestamp, -0.5), [1969.0, 12.0, 31.0, 3.0, 23.0]);
        assert_eq!(parts(Temporal::Time, 86_399.0), [23.0]);
        assert!(parts(Temporal::Date, f64::NAN).iter().all(|part| part.is_nan()));
    }

    #[test]
    fn dates_are_written_so_that_every_setting_reads_them() {
        assert_eq!(iso_date(20_786), "2026-11-29");
        assert_eq!(iso_date(-719_163), "0001-12-31 BC");
    }

    #[test]
    fn a_date_is_the_beginning_of_its_day_and_nothing_else_is_mixed() {
        assert_eq!(Temporal::Timestamp.take(Temporal::Date, 2.0), Some(172_800.0));
        assert_eq!(Temporal::Date.take(Temporal::Timestamp, 2.0), None);
        assert_eq!(Temporal::Interval.take(Temporal::Time, 2.0), None);
    }
}
