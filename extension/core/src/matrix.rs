//! Rows as one contiguous block of numbers, and everything that can be wrong with them.
//!
//! A faulty row does not end the reading: the error at the end names every faulty column and the number of its rows.

use crate::columns::Layout;
use crate::{Error, Result};

/// What one column has had so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Values in the first row; later rows must have as many.
    width: Option<usize>,
    nulls: usize,
    not_finite: usize,
}

/// Collects the rows of one relation.
#[derive(Debug)]
pub struct Builder {
    names: Vec<String>,
    seen: Vec<Seen>,
    rows: usize,
    /// The number of label columns, which come after the features.
    labels: usize,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Features and labels, row by row; all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub features: usize,
    pub labels: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// How many values each feature column gives.
    pub widths: Vec<usize>,
}

impl Builder {
    pub fn new(layout: &Layout) -> Builder {
        let columns = || layout.features.iter().chain(&layout.labels);
        Builder {
            names: columns().map(|column| column.name.clone()).collect(),
            seen: vec![Seen::default(); columns().count()],
            rows: 0,
            labels: layout.labels.len(),
            x: Vec::new(),
            y: Vec::new(),
        }
    }

    /// Take a value of column `index` (labels follow the features), or `None` for NULL.
    pub fn scalar(&mut self, index: usize, value: Option<f64>) {
        match value {
            Some(value) => {
                if !value.is_finite() {
                    self.seen[index].not_finite += 1;
                }
                self.push(index, &[value]);
            }
            None => self.null(index),
        }
    }

    /// Take an array of column `index`, or `None` when it, or one of its elements, is NULL.
    pub fn array(&mut self, index: usize, values: Option<&[f64]>) -> Result<()> {
        let Some(values) = values else {
            self.null(index);
            return Ok(());
        };
        match self.seen[index].width {
            None if values.is_empty() => return Err(Error::EmptyArrays(self.names[index].clone())),
            None => self.seen[index].width = Some(values.len()),
            Some(expected) if expected != values.len() => {
                return Err(Error::Ragged {
                    column: self.names[index].clone(),
                    expected,
                    found: values.len(),
                    row: self.rows + 1,
                });
            }
            Some(_) => {}
        }
        if values.iter().any(|value| !value.is_finite()) {
            self.seen[index].not_finite += 1;
        }
        self.push(index, values);
        Ok(())
    }

    /// How many numbers it holds so far.
    pub fn numbers(&self) -> usize {
        self.x.len() + self.y.len()
    }

    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    fn null(&mut self, index: usize) {
        self.seen[index].nulls += 1;
    }

    fn push(&mut self, index: usize, values: &[f64]) {
        let features = self.names.len() - self.labels;
        if index < features { self.x.extend_from_slice(values) } else { self.y.extend_from_slice(values) }
    }

    pub fn finish(self, relation: &str) -> Result<Matrix> {
        let count = |of: &dyn Fn(&Seen) -> usize| -> Vec<(String, usize)> {
            let counts = self.names.iter().zip(&self.seen).map(|(name, seen)| (name.clone(), of(seen)));
            counts.filter(|(_, rows)| *rows > 0).collect()
        };
        if self.rows == 0 {
            return Err(Error::NoRows(relation.to_string()));
        }
        let nulls = count(&|seen| seen.nulls);
        if !nulls.is_empty() {
            return Err(Error::BadValues { what: "NULL", columns: nulls, null: true });
        }
        let not_finite = count(&|seen| seen.not_finite);
        if !not_finite.is_empty() {
            return Err(Error::BadValues { what: "NaN or infinite values", columns: not_finite, null: false });
        }
        if self.rows == 1 {
            return Err(Error::OneRow(relation.to_string()));
        }
        let features = self.names.len() - self.labels;
        let widths: Vec<usize> = self.seen[..features].iter().map(|seen| seen.width.unwrap_or(1)).collect();
        Ok(Matrix { rows: self.rows, features: widths.iter().sum(), labels: self.labels, x: self.x, y: self.y, widths })
    }
}

impl Matrix {
    pub fn row(&self, index: usize) -> &[f64] {
        &self.x[index * self.features..(index + 1) * self.features]
    }

    pub fn label(&self, index: usize) -> &[f64] {
        &self.y[index * self.labels..(index + 1) * self.labels]
    }

    /// Put the rows in the given order, which names each row once.
    pub fn reorder(&mut self, order: &[usize]) {
        permute(&mut self.x, self.features, order);
        permute(&mut self.y, self.labels, order);
    }

    /// Refuse labels that cannot be classes, or that have only one class among the first `train` rows.
    pub fn check_classes(&self, names: &[String], train: usize) -> Result<()> {
        for (column, name) in names.iter().enumerate() {
            let value = |row: usize| self.y[row * self.labels + column];
            if (0..self.rows).any(|row| value(row).fract() != 0.0) {
                return Err(Error::ContinuousClasses { column: name.clone() });
            }
            if (1..train).all(|row| value(row) == value(0)) {
                return Err(Error::OneClass { column: name.clone(), rows: train });
            }
        }
        Ok(())
    }
}

/// Reorder rows of `width` values in place: row `order[i]` goes to place `i`. Follows each cycle once, so the data is
/// never held twice.
fn permute(values: &mut [f64], width: usize, order: &[usize]) {
    let mut done = vec![false; order.len()];
    let mut held = vec![0.0; width];
    for start in 0..order.len() {
        if done[start] || order[start] == start {
            continue;
        }
        held.copy_from_slice(&values[start * width..(start + 1) * width]);
        let mut place = start;
        loop {
            done[place] = true;
            let from = order[place];
            if from == start {
                values[place * width..(place + 1) * width].copy_from_slice(&held);
                break;
            }
            values.copy_within(from * width..(from + 1) * width, place * width);
            place = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Column;

    fn layout(features: &[(&str, bool)]) -> Layout {
        let column = |name: &str, array| Column {
            name: name.into(),
            type_name: "float8".into(),
            element: "float8".into(),
            array,
            nullable: true,
        };
        Layout {
            features: features.iter().map(|(name, array)| column(name, *array)).collect(),
            labels: vec![column("y", false)],
        }
    }

    #[test]
    fn columns_are_flattened_in_order() {
        let mut builder = Builder::new(&layout(&[("a", false), ("b", true)]));
        for row in 0..2 {
            builder.scalar(0, Some(row as f64));
            builder.array(1, Some(&[10.0, 20.0])).unwrap();
            builder.scalar(2, Some(7.0));
            builder.end_row();
        }
        let matrix = builder.finish("t").unwrap();
        assert_eq!((matrix.rows, matrix.features, matrix.labels), (2, 3, 1));
        assert_eq!(matrix.x, [0.0, 10.0, 20.0, 1.0, 10.0, 20.0]);
        assert_eq!(matrix.y, [7.0, 7.0]);
        assert_eq!(matrix.widths, [1, 2]);
    }

    #[test]
    fn every_column_with_missing_values_is_counted() {
        let mut builder = Builder::new(&layout(&[("a", false), ("b", true)]));
        for row in 0..3 {
            builder.scalar(0, (row != 1).then_some(1.0));
            builder.array(1, None).unwrap();
            builder.scalar(2, Some(f64::NAN));
            builder.end_row();
        }
        let error = builder.finish("t").unwrap_err();
        assert_eq!(error.to_string(), "NULL in column \"a\" (1 row), column \"b\" (3 rows)");
    }

    #[test]
    fn infinite_labels_are_refused() {
        let mut builder = Builder::new(&layout(&[("a", false)]));
        for _ in 0..2 {
            builder.scalar(0, Some(1.0));
            builder.scalar(1, Some(f64::INFINITY));
            builder.end_row();
        }
        let error = builder.finish("t").unwrap_err();
        assert_eq!(error.to_string(), "NaN or infinite values in column \"y\" (2 rows)");
    }

    #[test]
    fn arrays_of_another_size_are_refused() {
        let mut builder = Builder::new(&layout(&[("a", true)]));
        builder.array(0, Some(&[1.0, 2.0])).unwrap();
        builder.scalar(1, Some(0.0));
        builder.end_row();
        let error = builder.array(0, Some(&[1.0])).unwrap_err();
        assert_eq!(error, Error::Ragged { column: "a".into(), expected: 2, found: 1, row: 2 });
    }

    #[test]
    fn none_and_one_are_too_few() {
        assert!(matches!(Builder::new(&layout(&[("a", false)])).finish("t"), Err(Error::NoRows(_))));
        let mut builder = Builder::new(&layout(&[("a", false)]));
        builder.scalar(0, Some(1.0));
        builder.scalar(1, Some(1.0));
        builder.end_row();
        assert!(matches!(builder.finish("t"), Err(Error::OneRow(_))));
    }

    #[test]
    fn reordering_in_place_equals_a_copy() {
        let order = [3, 0, 2, 4, 1];
        let mut values: Vec<f64> = (0..10).map(f64::from).collect();
        let expected: Vec<f64> = order.iter().flat_map(|row| [values[row * 2], values[row * 2 + 1]]).collect();
        permute(&mut values, 2, &order);
        assert_eq!(values, expected);
    }

    #[test]
    fn classes_are_whole_numbers_and_more_than_one() {
        let matrix = |y: &[f64]| Matrix {
            rows: y.len(),
            features: 1,
            labels: 1,
            x: vec![0.0; y.len()],
            y: y.to_vec(),
            widths: vec![1],
        };
        let names = ["y".to_string()];
        assert!(matrix(&[0.0, 1.0, 2.0]).check_classes(&names, 2).is_ok());
        assert!(matches!(matrix(&[0.0, 0.0, 1.0]).check_classes(&names, 2), Err(Error::OneClass { rows: 2, .. })));
        assert!(matches!(matrix(&[0.5, 1.0]).check_classes(&names, 2), Err(Error::ContinuousClasses { .. })));
    }
}
