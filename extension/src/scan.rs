//! Reads the rows of a large result one by one, as the executor makes them.
//!
//! A cursor of SPI collects rows and copies each of them twice before anybody sees it. A receiver of our own is handed the
//! executor's row itself, so that a million rows take a second. Views, row security and privileges work as in any query.

use pgml_core::time::{EPOCH_DAYS, Temporal};
use pgrx::FromDatum;
use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::error::{Error, Result};
use crate::spi;

/// How Postgres stores a number that is read without a cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
}

impl Stored {
    /// The number in a value of such a type.
    pub fn number(self, value: pg_sys::Datum) -> f64 {
        let bits = value.value();
        match self {
            Stored::Bool => f64::from(u8::from(bits as u8 != 0)),
            Stored::Int2 => f64::from(bits as i16),
            Stored::Int4 => f64::from(bits as i32),
            Stored::Int8 => bits as i64 as f64,
            Stored::Float4 => f64::from(f32::from_bits(bits as u32)),
            Stored::Float8 => f64::from_bits(bits as u64),
        }
    }
}

/// How Postgres stores a date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeType {
    Date,
    Timestamp,
    Time,
    Interval,
}

const SECOND: f64 = 1e6;
const DAY: i64 = 86_400;

impl TimeType {
    /// A type by the name of a column's elements.
    pub fn of(element: &str) -> Option<TimeType> {
        Temporal::of(element).map(|temporal| match temporal {
            Temporal::Date => TimeType::Date,
            Temporal::Timestamp => TimeType::Timestamp,
            Temporal::Time => TimeType::Time,
            Temporal::Interval => TimeType::Interval,
        })
    }

    pub fn temporal(self) -> Temporal {
        match self {
            TimeType::Date => Temporal::Date,
            TimeType::Timestamp => Temporal::Timestamp,
            TimeType::Time => Temporal::Time,
            TimeType::Interval => Temporal::Interval,
        }
    }

    /// The number in a value of such a type, as `extract(epoch FROM …)` gives it, but of a date in days. Infinities stay.
    ///
    /// # Safety
    ///
    /// The value has to be one of the type.
    pub unsafe fn number(self, value: pg_sys::Datum) -> f64 {
        let bits = value.value();
        match self {
            TimeType::Date => match bits as i32 {
                i32::MAX => f64::INFINITY,
                i32::MIN => f64::NEG_INFINITY,
                days => (i64::from(days) + EPOCH_DAYS) as f64,
            },
            TimeType::Timestamp => match bits as i64 {
                i64::MAX => f64::INFINITY,
                i64::MIN => f64::NEG_INFINITY,
                micros => micros.saturating_add(EPOCH_DAYS * DAY * 1_000_000) as f64 / SECOND,
            },
            TimeType::Time => bits as i64 as f64 / SECOND,
            TimeType::Interval => {
                // SAFETY: the caller's: an interval is passed by reference.
                let interval = unsafe { *value.cast_mut_ptr::<pg_sys::Interval>() };
                match (interval.month, interval.day, interval.time) {
                    // How Postgres 17 keeps its infinities.
                    (i32::MAX, i32::MAX, i64::MAX) => f64::INFINITY,
                    (i32::MIN, i32::MIN, i64::MIN) => f64::NEG_INFINITY,
                    (month, day, time) => {
                        // A year of 365.25 days, a month of 30.
                        let (years, months) = (f64::from(month / 12), f64::from(month % 12));
                        let days = years * 365.25 + months * 30.0 + f64::from(day);
                        days * DAY as f64 + time as f64 / SECOND
                    }
                }
            }
        }
    }
}

/// A numeric as the nearest double; an infinity for one that is beyond them all.
///
/// # Safety
///
/// The value has to be a numeric.
pub unsafe fn numeric(value: pg_sys::Datum) -> Option<f64> {
    // SAFETY: the caller's. The function is one of the server's own, which no SQL names.
    unsafe { pgrx::direct_function_call(pg_sys::numeric_float8_no_overflow, &[Some(value)]) }
}

/// The executor's row. Valid until the next one.
pub struct Row<'a> {
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
}

impl Row<'_> {
    /// The number in a column, counted from 0, whose type is `stored`; none for NULL.
    pub fn number(&self, column: usize, stored: Stored) -> Option<f64> {
        if self.nulls[column] {
            return None;
        }
        Some(stored.number(self.values[column]))
    }

    /// The number in a column of the type `numeric`; none for NULL.
    pub fn numeric(&self, column: usize) -> Option<f64> {
        if self.nulls[column] {
            return None;
        }
        // SAFETY: the query gives the column as it is.
        unsafe { numeric(self.values[column]) }
    }

    /// What a date or a time in a column counts; none for NULL.
    pub fn time(&self, column: usize, stored: TimeType) -> Option<f64> {
        if self.nulls[column] {
            return None;
        }
        // SAFETY: the query gives the column as it is, of this type.
        Some(unsafe { stored.number(self.values[column]) })
    }

    /// The whole number in a column; none for NULL.
    pub fn whole(&self, column: usize, stored: Stored) -> Option<i64> {
        if self.nulls[column] {
            return None;
        }
        let bits = self.values[column].value();
        Some(if stored == Stored::Int8 { bits as i64 } else { i64::from(bits as i32) })
    }

    /// Hand the text in a column of the type `text` to `take`; none for NULL.
    pub fn text<T>(&self, column: usize, take: impl FnOnce(Option<&str>) -> T) -> T {
        // SAFETY: the query casts the column to `text`.
        let text = unsafe { Text::from_datum(self.values[column], self.nulls[column]) };
        take(text.as_ref().map(Text::utf8).as_deref())
    }

    /// As `array`, with NaN for an element that is NULL.
    pub fn array_with_gaps<T>(&self, column: usize, take: impl FnOnce(Option<&[f64]>) -> T) -> T {
        let datum = self.values[column];
        // SAFETY: the query casts the column to `float8[]`.
        let array = unsafe { Numbers::<f64>::from_datum(datum, self.nulls[column]) };
        let values: Option<Vec<f64>> =
            array.as_ref().map(|array| array.options().into_iter().map(|value| value.unwrap_or(f64::NAN)).collect());
        if let Some(array) = array {
            array.free_copy(datum);
        }
        take(values.as_deref())
    }

    /// Hand the values of a column of the type `float8[]` to `take`; none for NULL, or where an element is NULL.
    pub fn array<T>(&self, column: usize, take: impl FnOnce(Option<&[f64]>) -> T) -> T {
        let datum = self.values[column];
        // SAFETY: the query casts the column to `float8[]`.
        let array = unsafe { Numbers::<f64>::from_datum(datum, self.nulls[column]) };
        let taken = take(array.as_ref().and_then(|array| array.values().ok()));
        if let Some(array) = array {
            array.free_copy(datum);
        }
        taken
    }
}

/// What Postgres calls with each row, and what is ours behind it.
#[repr(C)]
struct Receiver<'a> {
    methods: pg_sys::DestReceiver,
    each: &'a mut dyn FnMut(&Row<'_>) -> Result<()>,
    failed: Option<Error>,
}

/// Read all rows of a query.
pub fn rows(query: &str, mut each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    spi::with_cursor(query, |portal| {
        let methods = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(startup),
            rShutdown: Some(shutdown),
            rDestroy: Some(shutdown),
            mydest: pg_sys::CommandDest::DestNone,
        };
        let mut receiver = Receiver { methods, each: &mut each, failed: None };
        // SAFETY: the portal is open, and the receiver lives until the call returns.
        unsafe {
            let all = std::ffi::c_long::MAX;
            let forward = pg_sys::FetchDirection::FETCH_FORWARD;
            pg_sys::PortalRunFetch(portal, forward, all, (&raw mut receiver).cast());
        }
        receiver.failed.map_or(Ok(()), Err)
    })
}

// SAFETY: the methods of a DestReceiver, called by the executor alone.
#[pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, this: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: `this` is the beginning of a `Receiver`; the slot has as many columns as its description says, and their
    // values once they were taken out of the row.
    unsafe {
        let receiver = &mut *this.cast::<Receiver<'_>>();
        let count = (*(*slot).tts_tupleDescriptor).natts;
        if i32::from((*slot).tts_nvalid) < count {
            pg_sys::slot_getsomeattrs_int(slot, count);
        }
        let row = Row {
            values: std::slice::from_raw_parts((*slot).tts_values, count as usize),
            nulls: std::slice::from_raw_parts((*slot).tts_isnull, count as usize),
        };
        match (receiver.each)(&row) {
            Ok(()) => true,
            // The executor stops; the error is raised when it has returned.
            Err(error) => {
                receiver.failed = Some(error);
                false
            }
        }
    }
}

// SAFETY: as above.
unsafe extern "C-unwind" fn startup(_: *mut pg_sys::DestReceiver, _: std::ffi::c_int, _: pg_sys::TupleDesc) {}

// SAFETY: as above.
unsafe extern "C-unwind" fn shutdown(_: *mut pg_sys::DestReceiver) {}
