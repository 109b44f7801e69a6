//! A model as a session has it: from a row or an array to what the model says.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgml_core::Error;
use pgml_core::labels::{self, Classes};
use pgml_core::model::explain::Explainer;
use pgml_core::model::{self, Work};
use pgml_core::preprocess::{Field, Preprocess};
use pgml_core::seal::Reader;

use super::Given;
use crate::arguments::Numbers;
use crate::catalog::models;
use crate::error::Result;
use crate::python;
use crate::row::{Kept, NumberRun, Record, Row, Shape};
use crate::seal;

/// Rows that are predicted before a cancel is looked for.
const UNINTERRUPTED: usize = 1024;

thread_local! {
    static WORK: RefCell<(Work, Vec<f64>)> = RefCell::default();
}

/// A model as this session has it.
pub struct Model {
    pub(super) id: i64,
    /// Whether its values are the components of a row, of which the first answers where one value is asked for.
    pub(super) decomposes: bool,
    /// The size of the files that it was made from, without what sessions share.
    pub(super) bytes: Cell<usize>,
    pub(super) native: Option<model::Model>,
    pub(super) python: OnceCell<python::Model>,
    /// What explains its rows.
    pub(super) explainer: OnceCell<Explainer>,
    /// What becomes of a row's columns first.
    pub(super) preprocess: Option<Preprocess>,
    /// Whether that is nothing.
    pub(super) plain: bool,
    /// Where the columns are in the rows that were predicted last, with what those rows have.
    pub(super) places: RefCell<Option<Rc<Places>>>,
    /// The row that was predicted last, with its shape and its room.
    pub(super) last_row: Kept,
    /// Room for the numbers of one row.
    pub(super) room: Cell<Vec<f64>>,
}

/// Where the model's columns are in rows of one shape, which have names.
pub(super) struct Places {
    identifier: u64,
    /// Which of the row's columns each is.
    pub(super) columns: Vec<usize>,
    /// Where they are, if all are numbers and the model takes them as they are.
    numbers: Option<Vec<NumberRun>>,
}

impl Model {
    /// The model in Python, started and loaded when it is first asked for.
    fn python(&self) -> Result<&python::Model> {
        self.python_or(|| match self.native {
            Some(_) => Error::RowRefused(self.id),
            None => Error::NoFiles(self.id),
        })
    }

    /// As [`Model::python`], for probabilities: a model of the Rust runtime that has none has no Python to ask either.
    fn probabilistic_python(&self) -> Result<&python::Model> {
        match &self.native {
            Some(native) if native.classes().is_none() => self.python_or(|| Error::NoProbabilities(self.id)),
            _ => self.python(),
        }
    }

    /// The model in Python, or an error where it has no file for that.
    fn python_or(&self, missing: impl FnOnce() -> Error) -> Result<&python::Model> {
        if let Some(model) = self.python.get() {
            return Ok(model);
        }
        let file = models::bytes(self.id)?.ok_or_else(missing)?;
        let model = python::load_model(seal::opened(self.id, Reader::Python, &file.bytes)?)?;
        self.bytes.set(self.bytes.get() + file.bytes.len());
        Ok(self.python.get_or_init(|| model))
    }

    /// The numbers that the model itself takes, where it can tell.
    fn features(&self) -> Result<Option<usize>> {
        match &self.native {
            Some(native) => Ok(Some(native.features)),
            None => Ok(self.python()?.features),
        }
    }

    /// The steps that arrays of numbers take, too; `None` if these are what the model takes.
    pub(super) fn prepares_arrays(&self) -> Option<&Preprocess> {
        self.preprocess.as_ref().filter(|preprocess| !self.plain && preprocess.prepares_arrays())
    }

    fn takes_missing(&self) -> bool {
        self.preprocess.as_ref().is_some_and(Preprocess::takes_missing)
    }

    /// The numbers of an array as the model takes them, where nothing is done with them; what is missing is put into `made`.
    pub(super) fn plain<'a>(&self, array: &'a Numbers<'_, f64>, made: &'a mut Vec<f64>) -> Result<&'a [f64]> {
        match values(array) {
            Err(_) if self.takes_missing() => {
                made.extend(array.options().into_iter().map(|value| value.unwrap_or(f64::NAN)));
                Ok(made)
            }
            values => values,
        }
    }

    /// Fail where a number is missing that the model can't do without.
    pub(super) fn check_gaps(&self, array: &Numbers<'_, f64>) -> Result<()> {
        if self.takes_missing() { Ok(()) } else { values(array).map(|_| ()) }
    }

    /// What the classes of the label are called.
    pub(super) fn label(&self) -> Option<&Classes> {
        self.preprocess.as_ref().and_then(Preprocess::label)
    }

    /// Fail where a number would say nothing about the class.
    pub(super) fn check_number(&self) -> Result<()> {
        match self.label().and_then(Classes::not_a_number) {
            Some(is) => Err(Error::LabelNotNumber { model: self.id, is: is.to_string() }.into()),
            None => Ok(()),
        }
    }

    /// What a class is called.
    pub(super) fn class_name(&self, value: f64) -> String {
        self.label().map_or_else(|| labels::number(value), |label| label.name(value).into_owned())
    }

    /// The numbers that the model takes for a row, added to `out`.
    pub(super) fn row(&self, record: &Record, by_name: bool, out: &mut Vec<f64>) -> Result<()> {
        record.open(&self.last_row, |row| {
            let Some(preprocess) = &self.preprocess else {
                return flat(row.fields()?, false, out);
            };
            if by_name && row.shape().is_named() {
                return self.named(row, preprocess, out);
            }
            // Numbers in whatever columns they are; but a date is no timestamp.
            match self.plain && !preprocess.has_times() {
                true => flat(row.fields()?, preprocess.takes_missing(), out),
                false => Ok(preprocess.row(self.id, &row.fields()?, out)?),
            }
        })
    }

    fn named(&self, row: &Row, preprocess: &Preprocess, out: &mut Vec<f64>) -> Result<()> {
        let places = self.places(row.shape(), preprocess)?;
        if places.numbers.as_ref().is_some_and(|numbers| row.numbers(numbers, out)) {
            return Ok(());
        }
        let mut columns = places.columns.iter().enumerate();
        columns.try_for_each(|(own, column)| Ok(preprocess.column(own, &row.field(*column)?, out)?))
    }

    /// Where the model's columns are in rows with names.
    pub(super) fn places(&self, shape: &Shape, preprocess: &Preprocess) -> Result<Rc<Places>> {
        if let Some(places) = &*self.places.borrow()
            && places.identifier == shape.identifier()
        {
            return Ok(Rc::clone(places));
        }
        let by_name: HashMap<&str, usize> =
            shape.names().iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let place = |column: &str| {
            by_name.get(column).copied().ok_or_else(|| Error::MissingColumn {
                model: self.id,
                column: column.to_string(),
                given: shape.names().to_vec(),
            })
        };
        let columns: Vec<usize> = preprocess.columns().map(place).collect::<std::result::Result<_, Error>>()?;
        let as_they_are = (0..columns.len()).all(|own| preprocess.takes_as_it_is(own));
        let numbers = as_they_are.then(|| shape.number_runs(&columns)).flatten();
        let places = Rc::new(Places { identifier: shape.identifier(), columns, numbers });
        *self.places.borrow_mut() = Some(Rc::clone(&places));
        Ok(places)
    }

    /// Hand the numbers that the model takes for one row to `take`.
    pub(super) fn with_row<T>(&self, given: Given<'_>, take: impl FnOnce(&[f64]) -> Result<T>) -> Result<T> {
        let mut made = self.room.take();
        made.clear();
        let values: &[f64] = match (given, &self.preprocess) {
            (Given::Gaps(array), None) if array.values().is_err() && models::takes_gaps(self.id)? => {
                made.extend(array.options().into_iter().map(|value| value.unwrap_or(f64::NAN)));
                &made
            }
            (Given::Array(array) | Given::Gaps(array), _) => match self.prepares_arrays() {
                Some(preprocess) => {
                    preprocess.numbers(self.id, &array.options(), &mut made)?;
                    &made
                }
                None => self.plain(array, &mut made)?,
            },
            (Given::Row(row), _) => {
                self.row(row, false, &mut made)?;
                &made
            }
            (Given::Named(row), _) => {
                self.row(row, true, &mut made)?;
                &made
            }
        };
        self.check_features(values.len())?;
        let taken = take(values);
        self.room.set(made);
        taken
    }

    /// The numbers that the model takes for rows, one row after the other, and how many a row has; `add` adds those of one.
    pub(super) fn rows_of<T>(
        &self,
        rows: impl Iterator<Item = T>,
        add: impl Fn(T, &mut Vec<f64>) -> Result<()>,
    ) -> Result<(Vec<f64>, usize)> {
        let mut values = Vec::new();
        let mut width = 0;
        for row in rows {
            let before = values.len();
            add(row, &mut values)?;
            width = values.len() - before;
            self.check_features(width)?;
        }
        Ok((values, width))
    }

    /// The numbers of a row that is given as the model's columns.
    pub(super) fn fields(&self, fields: Vec<Field>, out: &mut Vec<f64>) -> Result<()> {
        match &self.preprocess {
            Some(preprocess) => Ok(preprocess.row(self.id, &fields, out)?),
            None => flat(fields, false, out),
        }
    }

    /// The numbers of a row in an array of rows.
    pub(super) fn width(&self, features: &Numbers<'_, f64>) -> Result<usize> {
        match features.sizes() {
            [_, width] => Ok(*width as usize),
            // One row after the other, as PostgresML takes them.
            [found] => {
                let found = *found as usize;
                let expected = match self.prepares_arrays() {
                    Some(preprocess) => Some(preprocess.inputs()),
                    None => self.features()?,
                };
                let expected = expected.ok_or(Error::BatchShape(1))?;
                match expected > 0 && found.is_multiple_of(expected) {
                    true => Ok(expected),
                    false => Err(Error::FlatBatch { model: self.id, expected, found }.into()),
                }
            }
            sizes => Err(Error::BatchShape(sizes.len()).into()),
        }
    }

    pub(super) fn check_features(&self, found: usize) -> Result<()> {
        match self.features()? {
            Some(expected) if expected != found => Err(Error::FeatureCount { model: self.id, expected, found }.into()),
            _ => Ok(()),
        }
    }

    /// How many values it gives for a row.
    fn labels(&self) -> Result<usize> {
        match &self.native {
            Some(native) => Ok(native.labels()),
            None => Ok(self.python()?.labels),
        }
    }

    pub(super) fn check_single(&self) -> Result<()> {
        let labels = self.labels()?;
        if labels == 1 { Ok(()) } else { Err(Error::SeveralLabels { model: self.id, labels }.into()) }
    }

    /// As [`Model::predict`], with one value for each row.
    pub(super) fn singles<T>(&self, values: &[f64], width: usize, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        if !self.decomposes {
            self.check_single()?;
            return self.predict(values, width, take);
        }
        let components = self.labels()?.max(1);
        self.predict(values, width, |all| take(&all.iter().copied().step_by(components).collect::<Vec<f64>>()))
    }

    /// Predict for rows of `width` values, one after the other, and hand what comes out to `take`.
    pub(super) fn predict<T>(&self, values: &[f64], width: usize, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        let native = self.native.as_ref();
        let answered =
            native.and_then(|native| each_block(values, width, |rows, work, out| native.predict_rows(rows, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.python()?.predict(values.to_vec(), rows(values.len(), width))?)),
        }
    }

    /// The classes of the one label, sorted; none for several labels, and where it has none.
    pub(super) fn classes(&self) -> Result<Option<Vec<f64>>> {
        match &self.native {
            Some(native) => Ok(native.class_values().map(<[f64]>::to_vec)),
            None => Ok(self.python()?.classes.clone()),
        }
    }

    /// The probabilities of all rows' classes; `None` if the model has none.
    pub(super) fn all_probabilities(&self, rows: &[f64], width: usize) -> Result<Option<Vec<f64>>> {
        if let Some(native) = &self.native {
            if native.class_values().is_some() && native.classes().is_none() {
                return Ok(None);
            }
            let (mut work, mut out) = (Work::default(), Vec::new());
            let each = |row: &[f64]| native.probabilities(row, &mut work, &mut out);
            if rows.chunks_exact(width.max(1)).try_for_each(each).is_ok() {
                return Ok(Some(out));
            }
        }
        let python = self.python()?;
        if !python.has_probabilities {
            return Ok(None);
        }
        Ok(Some(python.predict_proba(rows.to_vec(), self::rows(rows.len(), width))?))
    }

    /// Hand the probabilities of one row's classes to `take`.
    pub(super) fn probabilities<T>(&self, row: &[f64], take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        let native = self.native.as_ref();
        let width = row.len();
        let answered =
            native.and_then(|native| each_block(row, width, |row, work, out| native.probabilities(row, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.probabilistic_python()?.predict_proba(row.to_vec(), 1)?)),
        }
    }

    /// What it says about one row, which has to be one value; of a decomposition, the first component.
    pub(super) fn single(&self, given: Given<'_>) -> Result<f64> {
        let found = self.with_row(given, |values| {
            self.predict(values, values.len(), |labels| match labels {
                [value] => Ok(*value),
                [first, ..] if self.decomposes => Ok(*first),
                _ => Err(labels.len()),
            })
        })?;
        found.map_err(|labels| Error::SeveralLabels { model: self.id, labels }.into())
    }

    /// The classes that the model knows; an error where it is no classification of one label.
    pub(super) fn known_classes(&self) -> Result<Vec<f64>> {
        self.check_single()?;
        self.classes()?.ok_or_else(|| Error::NoClasses(self.id).into())
    }
}

pub(super) fn rows(values: usize, width: usize) -> usize {
    values.checked_div(width).unwrap_or(0)
}

/// Fill the second part of `WORK` with what `predict` adds for each block of rows; none when Python has to see one of them.
fn each_block(
    values: &[f64],
    width: usize,
    predict: impl Fn(&[f64], &mut Work, &mut Vec<f64>) -> std::result::Result<(), model::AskPython>,
) -> Option<()> {
    WORK.with_borrow_mut(|(work, out)| {
        out.clear();
        for block in values.chunks(width.max(1) * UNINTERRUPTED) {
            pgrx::check_for_interrupts!();
            predict(block, work, out).ok()?;
        }
        Some(())
    })
}

/// The features of one row, or of several one after the other, where they lie.
fn values<'a>(features: &'a Numbers<'_, f64>) -> Result<&'a [f64]> {
    features.values().map_err(|place| Error::NullFeature(place).into())
}

/// The numbers of a row for a model that takes the columns as they are.
fn flat(fields: Vec<Field>, missing: bool, numbers: &mut Vec<f64>) -> Result<()> {
    let before = numbers.len();
    let gap = missing.then_some(f64::NAN);
    for (place, field) in fields.into_iter().enumerate() {
        match field {
            Field::Number(number) | Field::Time(_, number) => numbers.push(number),
            Field::Numbers(elements) => {
                for element in elements {
                    numbers.push(element.or(gap).ok_or(Error::NullFeature(numbers.len() - before + 1))?);
                }
            }
            Field::Null => numbers.push(gap.ok_or(Error::NullFeature(numbers.len() - before + 1))?),
            Field::Text(_) => return Err(Error::TextFeature(place + 1).into()),
        }
    }
    Ok(())
}
