//! From the columns of one row to the numbers that the model takes.

use super::{Categories, Column, Preprocess};
use crate::time::Temporal;
use crate::{Error, Result};

/// A column of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Null,
    Number(f64),
    /// What a date or a time counts.
    Time(Temporal, f64),
    Text(String),
    /// The elements of an array, none for NULL.
    Numbers(Vec<Option<f64>>),
}

impl Preprocess {
    /// Whether an array has the columns' own numbers. PostgresML takes those that the model takes.
    pub fn prepares_arrays(&self) -> bool {
        !self.single
    }

    /// The columns of a row of `model`, as numbers that are added to `out`.
    pub fn row(&self, model: i64, fields: &[Field], out: &mut Vec<f64>) -> Result<()> {
        if fields.len() != self.columns.len() {
            let columns = self.columns.iter().map(|column| column.name.clone()).collect();
            return Err(Error::ColumnCount { model, columns, found: fields.len() });
        }
        self.columns.iter().zip(fields).try_for_each(|(column, field)| self.field(column, field, out))
    }

    /// Whether the model takes the numbers of the column at a place as they are. What is missing is another matter.
    pub fn takes_as_it_is(&self, place: usize) -> bool {
        let column = &self.columns[place];
        let no_number = column.size != 1 || column.categories.is_some() || column.time.is_some();
        !(no_number || column.fill.is_some() || column.scale.is_some() || self.single)
    }

    /// The column at a place, as numbers that are added to `out`.
    pub fn column(&self, place: usize, field: &Field, out: &mut Vec<f64>) -> Result<()> {
        self.field(&self.columns[place], field, out)
    }

    fn field(&self, column: &Column, field: &Field, out: &mut Vec<f64>) -> Result<()> {
        let name = || column.name.clone();
        let text = column.categories.as_ref();
        match (field, text) {
            (Field::Null, _) if column.size == 1 => self.number(column, text.and_then(|text| text.null), out),
            (Field::Null, _) => Err(Error::MissingValue { column: name(), text: false }),
            (Field::Text(value), Some(Categories { values, .. })) => {
                match column.add(values.get(value).copied(), self.single, out) {
                    true => Ok(()),
                    false => Err(Error::NewCategory { column: name(), value: value.clone() }),
                }
            }
            (Field::Time(kind, value), None) => match column.time.map(|time| (time, time.take(*kind, *value))) {
                Some((_, Some(value))) => self.number(column, Some(value), out),
                Some((time, None)) => Err(Error::FieldType { column: name(), expected: time.called() }),
                None => Err(Error::FieldType { column: name(), expected: "a number" }),
            },
            (Field::Number(value), None) if column.size == 1 => self.number(column, Some(*value), out),
            (Field::Numbers(values), None) if values.len() == column.size => {
                values.iter().try_for_each(|value| self.number(column, *value, out))
            }
            (Field::Numbers(values), None) => {
                Err(Error::FieldSize { column: name(), expected: column.size, found: values.len() })
            }
            (Field::Number(_), None) => Err(Error::FieldSize { column: name(), expected: column.size, found: 1 }),
            (Field::Text(_), None) => {
                Err(Error::FieldType { column: name(), expected: column.time.map_or("a number", Temporal::called) })
            }
            (Field::Number(_) | Field::Numbers(_) | Field::Time(..), Some(_)) => {
                Err(Error::FieldType { column: name(), expected: "text" })
            }
        }
    }

    /// The numbers of a row, those of arrays one after the other, none for NULL.
    pub fn numbers(&self, model: i64, numbers: &[Option<f64>], out: &mut Vec<f64>) -> Result<()> {
        if let Some(column) = self.columns.iter().find(|column| column.categories.is_some()) {
            let columns = self.columns.iter().map(|column| column.name.clone()).collect();
            return Err(Error::NeedsRow { model, column: column.name.clone(), columns });
        }
        if numbers.len() != self.inputs() {
            return Err(Error::FeatureCount { model, expected: self.inputs(), found: numbers.len() });
        }
        let mut numbers = numbers.iter();
        self.columns.iter().try_for_each(|column| {
            numbers.by_ref().take(column.size).try_for_each(|number| self.number(column, *number, out))
        })
    }

    fn number(&self, column: &Column, number: Option<f64>, out: &mut Vec<f64>) -> Result<()> {
        match column.add(number, self.single, out) {
            true => Ok(()),
            false => Err(Error::MissingValue { column: column.name.clone(), text: column.categories.is_some() }),
        }
    }
}

impl Column {
    /// Add what becomes of a number or a category's value; false when it is missing and nothing fills the gap.
    pub(super) fn add(&self, value: Option<f64>, single: bool, out: &mut Vec<f64>) -> bool {
        // NaN is a missing number, and a number like any other where nothing fills gaps.
        let value = value.filter(|value| self.fill.is_none() || !value.is_nan());
        let Some(value) = value.or(self.fill) else {
            if self.missing {
                // An element of an array is one number; a category or a time may become several.
                let count = if self.size == 1 { self.outputs() } else { 1 };
                out.extend((0..count).map(|_| f64::NAN));
            }
            return self.missing;
        };
        if let Some(time) = self.time.filter(|_| self.parts) {
            time.divide(value, out);
            return true;
        }
        if let Some(count) = self.categories.as_ref().and_then(|categories| categories.one_hot) {
            out.extend((0..count).map(|place| if place as f64 == value { 1.0 } else { 0.0 }));
            return true;
        }
        out.push(match (self.scale, single) {
            (None, false) => value,
            (None, true) => f64::from(value as f32),
            (Some((center, divisor)), false) => (value - center) / divisor,
            (Some((center, divisor)), true) => f64::from((value as f32 - center as f32) / divisor as f32),
        });
        true
    }
}
