//! Rows as one contiguous block of numbers, and everything that can be wrong with them.
//!
//! A faulty row does not end the reading: the error at the end names every faulty column and the number of its rows.

use std::collections::HashMap;

use crate::columns::{Column, Layout};
use crate::labels::{Classes, Collector, Value};
use crate::preprocess::{Impute, Plan};
use crate::{Error, Result};

/// What one column has had so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Values in the first row; later rows must have as many.
    width: Option<usize>,
    nulls: usize,
    not_finite: usize,
    /// Whether a value may be missing: it is then NaN.
    gaps: bool,
    /// A number for each text, in the order of their first rows.
    texts: HashMap<String, usize>,
    /// What collects the classes of a label that has a list of them.
    classes: Option<Collector>,
    /// Whether the numbers of a label are true and false.
    boolean: bool,
}

/// Collects the rows of one relation.
#[derive(Debug, Clone)]
pub struct Builder {
    names: Vec<String>,
    seen: Vec<Seen>,
    rows: usize,
    /// The number of label columns, which come after the features.
    labels: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    weights: Vec<f64>,
    /// Whether the labels are classes, whose names are kept.
    listed: bool,
    /// Whether the last column weighs the rows.
    weighted: bool,
}

/// Features and labels, row by row; all finite, but where [`Plan`] has gaps filled or the algorithm takes them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    pub rows: usize,
    pub features: usize,
    pub labels: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// How many values each feature column gives.
    pub widths: Vec<usize>,
    /// The texts of each feature column that has some, sorted; in `x` a text is its place here, and NULL is NaN.
    pub texts: Vec<Vec<String>>,
    /// What the classes of each label are called; `None` if nobody asked.
    pub classes: Vec<Classes>,
    /// How much each row counts; `None` if all count alike.
    pub weights: Vec<f64>,
}

impl Builder {
    /// For the columns of a layout. Where the plan fills gaps, in columns of texts, and in all features where the algorithm
    /// takes `missing` values, values may be missing.
    pub fn new(layout: &Layout, plan: &Plan, missing: bool) -> Builder {
        let gaps = |column: &Column| missing || column.is_text() || plan.steps(&column.name).impute != Impute::Error;
        let features = layout.features.iter().map(|column| Seen { gaps: gaps(column), ..Seen::default() });
        let labels = layout.labels.iter().enumerate().map(|(place, column)| Seen {
            classes: layout.collector(place),
            boolean: column.element == "bool",
            ..Seen::default()
        });
        let weight = layout.weight.iter().map(|_| Seen::default());
        Builder {
            names: layout.columns().map(|column| column.name.clone()).collect(),
            seen: features.chain(labels).chain(weight).collect(),
            rows: 0,
            labels: layout.labels.len(),
            x: Vec::new(),
            y: Vec::new(),
            weights: Vec::new(),
            listed: layout.listed,
            weighted: layout.weight.is_some(),
        }
    }

    /// Whether a value of column `index` may be missing.
    pub fn gaps(&self, index: usize) -> bool {
        self.seen[index].gaps
    }

    /// Take a value of column `index` (labels follow the features), or `None` for NULL.
    pub fn scalar(&mut self, index: usize, value: Option<f64>) {
        match value {
            Some(value) => {
                // One NaN like any other, so that nothing depends on which it was.
                let value = if value.is_nan() { f64::NAN } else { value };
                // Zero is one class, whatever its sign.
                let value = if index < self.features() { value } else { value + 0.0 };
                if !self.seen[index].takes(value) {
                    self.seen[index].not_finite += 1;
                }
                self.push(index, &[value]);
            }
            None if self.seen[index].gaps => self.push(index, &[f64::NAN]),
            None => self.null(index),
        }
    }

    /// Take a text of column `index`, or `None` for NULL.
    pub fn text(&mut self, index: usize, value: Option<&str>) {
        let texts = &mut self.seen[index].texts;
        let code = value.map(|value| match texts.get(value) {
            Some(code) => *code,
            None => {
                let code = texts.len();
                texts.insert(value.to_string(), code);
                code
            }
        });
        self.push(index, &[code.map_or(f64::NAN, |code| code as f64)]);
    }

    /// Take a value of label `index` whose classes are collected, or `None` for NULL.
    pub fn class(&mut self, index: usize, value: Option<Value<'_>>) {
        let seen = &mut self.seen[index];
        match (value, &mut seen.classes) {
            (Some(Value::Text("NaN" | "Infinity" | "-Infinity")), Some(classes)) if classes.is_numeric() => {
                seen.not_finite += 1;
            }
            (Some(value), Some(classes)) => {
                let code = classes.code(value);
                self.push(index, &[code]);
            }
            _ => self.null(index),
        }
    }

    /// Take an array of column `index`, or `None` when it, or one of its elements, is NULL. (Where gaps are filled, an
    /// element that is NULL is NaN here.)
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
        if values.iter().any(|value| !self.seen[index].takes(*value)) {
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
        let features = self.features();
        match index {
            _ if index < features => self.x.extend_from_slice(values),
            _ if index < features + self.labels => self.y.extend_from_slice(values),
            _ => self.weights.extend_from_slice(values),
        }
    }

    /// The columns that are features.
    fn features(&self) -> usize {
        self.seen.len() - self.labels - usize::from(self.weighted)
    }

    pub fn finish(mut self, relation: &str) -> Result<Matrix> {
        let count = |of: &dyn Fn(&Seen) -> usize| -> Vec<(String, usize)> {
            let counts = self.names.iter().zip(&self.seen).map(|(name, seen)| (name.clone(), of(seen)));
            counts.filter(|(_, rows)| *rows > 0).collect()
        };
        if self.rows == 0 {
            return Err(Error::NoRows(relation.to_string()));
        }
        let nulls = count(&|seen| seen.nulls);
        let labels = &self.names[self.features()..self.features() + self.labels];
        if let Some((label, _)) = nulls.first()
            && nulls.iter().all(|(name, _)| labels.contains(name))
        {
            return Err(Error::NoLabel { label: label.clone(), columns: nulls });
        }
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
        let features = self.features();
        let widths: Vec<usize> = self.seen[..features].iter().map(|seen| seen.width.unwrap_or(1)).collect();
        let texts = self.sort_texts(&widths);
        let classes = self.sort_classes(features)?;
        self.check_weights()?;
        Ok(Matrix {
            rows: self.rows,
            features: widths.iter().sum(),
            labels: self.labels,
            x: self.x,
            y: self.y,
            widths,
            texts,
            classes,
            weights: self.weights,
        })
    }

    /// Put the classes of each label in their order, which follows the features.
    fn sort_classes(&mut self, features: usize) -> Result<Vec<Classes>> {
        if !self.listed {
            return Ok(Vec::new());
        }
        let mut all = Vec::with_capacity(self.labels);
        for (label, seen) in self.seen[features..features + self.labels].iter_mut().enumerate() {
            let values = self.y.iter_mut().skip(label).step_by(self.labels);
            all.push(match seen.classes.take() {
                None => Classes::of_numbers(seen.boolean, values.map(|value| *value)),
                Some(collector) => {
                    let (classes, places) = collector.finish()?;
                    values.for_each(|code| *code = places[*code as usize]);
                    classes
                }
            });
        }
        Ok(all)
    }

    fn check_weights(&self) -> Result<()> {
        let wrong = |what| Err(Error::Weights { column: self.names.last().cloned().unwrap_or_default(), what });
        if self.weights.iter().any(|weight| *weight < 0.0) {
            return wrong("negative in some rows");
        }
        if self.weighted && self.weights.iter().all(|weight| *weight == 0.0) {
            return wrong("zero in all rows");
        }
        Ok(())
    }

    /// Number the texts of each feature column in their order, so that nothing depends on the order of the rows.
    fn sort_texts(&mut self, widths: &[usize]) -> Vec<Vec<String>> {
        let features: usize = widths.iter().sum();
        let mut offset = 0;
        let mut all = Vec::with_capacity(widths.len());
        for (seen, width) in self.seen.iter_mut().zip(widths) {
            let mut sorted: Vec<(String, usize)> = std::mem::take(&mut seen.texts).into_iter().collect();
            sorted.sort_unstable();
            let mut places = vec![0.0; sorted.len()];
            sorted.iter().enumerate().for_each(|(place, (_, code))| places[*code] = place as f64);
            if !places.is_empty() {
                let codes = self.x.iter_mut().skip(offset).step_by(features).filter(|code| !code.is_nan());
                codes.for_each(|code| *code = places[*code as usize]);
            }
            all.push(sorted.into_iter().map(|(text, _)| text).collect());
            offset += width;
        }
        all
    }
}

impl Seen {
    fn takes(&self, value: f64) -> bool {
        value.is_finite() || (self.gaps && value.is_nan())
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
        if !self.weights.is_empty() {
            permute(&mut self.weights, 1, order);
        }
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
mod tests;
