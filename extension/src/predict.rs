//! `pgml.predict` and its relatives, with the models that this session has used kept in memory.
//!
//! What is in memory is never trusted by itself: which model answers is asked of the catalog, with the snapshot of the
//! calling statement ([`crate::resolution`]). A deployment or a rollback in any session is thus seen as any other change
//! of a table is.
//!
//! A model that was exported predicts here, from the arrays where they lie. Python is started for the others, and for a row
//! that it might refuse.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use pgml_core::Error;
use pgml_core::model::{self, Work};
use pgml_core::preprocess::{Field, Preprocess};
use pgml_core::project::Task;
use pgml_core::seal::Reader;
use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::arrays::NewArray;
use crate::catalog::deployments::{self, Deployed};
use crate::catalog::models;
use crate::catalog::projects;
use crate::error::{Result, SqlResult};
use crate::native;
use crate::preparation;
use crate::python;
use crate::resolution::{self, Resolution, Wanted};
use crate::row::Record;
use crate::seal;
use crate::sets::NumberSet;
use crate::settings;

/// Models that one session keeps, even small ones; the one that was used longest ago goes first.
const KEPT: usize = 256;

/// Rows that are predicted before a cancel is looked for.
const UNINTERRUPTED: usize = 1024;

/// A model as this session has it.
struct Model {
    id: i64,
    /// The size of the files that it was made from.
    bytes: Cell<usize>,
    native: Option<model::Model>,
    python: OnceCell<python::Model>,
    /// What becomes of a row's columns first.
    preprocess: Option<Preprocess>,
}

/// What a function is given to predict from.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// The numbers of one row.
    Array(&'a Numbers<'a, f64>),
    /// The same, where NULL is a missing number for the models that can do without one.
    Gaps(&'a Numbers<'a, f64>),
    /// The columns of one row.
    Row(&'a Record),
}

thread_local! {
    static MODELS: RefCell<Vec<(Deployed, Rc<Model>)>> = const { RefCell::new(Vec::new()) };
    static RESOLUTION: Resolution<Model> = const { Resolution::new() };
    static WORK: RefCell<(Work, Vec<f64>)> = RefCell::default();
}

/// The model that answers to the calling statement.
fn resolve(wanted: Wanted<'_>) -> Result<Rc<Model>> {
    RESOLUTION.with(|resolution| {
        resolution.get(wanted, |wanted| {
            load(match wanted {
                Wanted::Project(name) => deployments::current(&String::from_utf8_lossy(name.0))?,
                Wanted::Decomposition(name) => decomposition(&String::from_utf8_lossy(name.0))?,
                Wanted::Model(id) => deployments::specific(id)?,
            })
        })
    })
}

/// The model that answers for a project, whose task has to be decomposition.
fn decomposition(project: &str) -> Result<Deployed> {
    match projects::task(project)? {
        Some(task) if task != Task::Decomposition.name() => {
            Err(Error::NotDecomposition(project.to_string(), task).into())
        }
        _ => deployments::current(project),
    }
}

/// The model in memory, loaded if it isn't there or has changed.
fn load(wanted: Deployed) -> Result<Rc<Model>> {
    let kept = MODELS.with_borrow_mut(|models| {
        let place = models.iter().position(|(deployed, _)| *deployed == wanted)?;
        let entry = models.remove(place);
        let model = Rc::clone(&entry.1);
        models.push(entry);
        Some(model)
    });
    if let Some(model) = kept {
        return Ok(model);
    }
    let native = native::load(wanted.id)?;
    let (native, bytes) = native.map_or((None, 0), |(model, bytes)| (Some(model), bytes));
    let preprocess = preparation::load(wanted.id)?;
    let model = Rc::new(Model { id: wanted.id, bytes: Cell::new(bytes), native, python: OnceCell::new(), preprocess });
    MODELS.with_borrow_mut(|models| {
        models.retain(|(deployed, _)| deployed.id != wanted.id);
        models.push((wanted, Rc::clone(&model)));
        make_room(models);
    });
    Ok(model)
}

/// Drop the models that were used longest ago until the others have room.
fn make_room(models: &mut Vec<(Deployed, Rc<Model>)>) {
    let room = settings::model_cache();
    let mut taken: usize = models.iter().map(|(_, model)| model.bytes.get()).sum();
    while models.len() > 1 && (taken > room || models.len() > KEPT) {
        let (_, model) = models.remove(0);
        taken -= model.bytes.get();
        // Names that were found keep their models, too.
        resolution::forget();
    }
}

impl Model {
    /// The model in Python, started and loaded when it is first asked for.
    fn python(&self) -> Result<&python::Model> {
        if let Some(model) = self.python.get() {
            return Ok(model);
        }
        let file = models::bytes(self.id)?.ok_or(match self.native {
            Some(_) => Error::RowRefused(self.id),
            None => Error::NoFiles(self.id),
        })?;
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

    /// The steps that arrays of numbers take, too.
    fn prepares_arrays(&self) -> Option<&Preprocess> {
        self.preprocess.as_ref().filter(|preprocess| preprocess.prepares_arrays())
    }

    /// Hand the numbers that the model takes for one row to `take`.
    fn with_row<T>(&self, given: Given<'_>, take: impl FnOnce(&[f64]) -> Result<T>) -> Result<T> {
        let mut made = Vec::new();
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
                None => values(array)?,
            },
            (Given::Row(row), Some(preprocess)) => {
                preprocess.row(self.id, &row.fields()?, &mut made)?;
                &made
            }
            (Given::Row(row), None) => {
                made = flat(row.fields()?)?;
                &made
            }
        };
        self.check_features(values.len())?;
        take(values)
    }

    /// The numbers of a row in an array of rows.
    fn width(&self, features: &Numbers<'_, f64>) -> Result<usize> {
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

    fn check_features(&self, found: usize) -> Result<()> {
        match self.features()? {
            Some(expected) if expected != found => Err(Error::FeatureCount { model: self.id, expected, found }.into()),
            _ => Ok(()),
        }
    }

    fn check_single(&self) -> Result<()> {
        let labels = match &self.native {
            Some(native) => native.labels(),
            None => self.python()?.labels,
        };
        if labels == 1 { Ok(()) } else { Err(Error::SeveralLabels { model: self.id, labels }.into()) }
    }

    /// Predict for rows of `width` values, one after the other, and hand what comes out to `take`.
    fn predict<T>(&self, values: &[f64], width: usize, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        let native = self.native.as_ref();
        let answered =
            native.and_then(|native| each_block(values, width, |rows, work, out| native.predict_rows(rows, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.python()?.predict(values.to_vec(), rows(values.len(), width))?)),
        }
    }

    /// Hand the probabilities of one row's classes to `take`.
    fn probabilities<T>(&self, row: &[f64], take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        let native = self.native.as_ref();
        let width = row.len();
        let answered =
            native.and_then(|native| each_block(row, width, |row, work, out| native.probabilities(row, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.python()?.predict_proba(row.to_vec(), 1)?)),
        }
    }
}

fn rows(values: usize, width: usize) -> usize {
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
fn flat(fields: Vec<Field>) -> Result<Vec<f64>> {
    let mut numbers = Vec::with_capacity(fields.len());
    for (place, field) in fields.into_iter().enumerate() {
        match field {
            Field::Number(number) => numbers.push(number),
            Field::Numbers(elements) => {
                for element in elements {
                    numbers.push(element.ok_or(Error::NullFeature(numbers.len() + 1))?);
                }
            }
            Field::Null => return Err(Error::NullFeature(numbers.len() + 1).into()),
            Field::Text(_) => return Err(Error::TextFeature(place + 1).into()),
        }
    }
    Ok(numbers)
}

/// What the model says about one row: a value for each label.
pub fn joint<T>(wanted: Wanted<'_>, given: Given<'_>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    model.with_row(given, |values| model.predict(values, values.len(), take))
}

pub fn single(wanted: Wanted<'_>, given: Given<'_>) -> Result<f64> {
    let model = resolve(wanted)?;
    let found = model.with_row(given, |values| {
        model.predict(values, values.len(), |labels| match labels {
            [value] => Ok(*value),
            _ => Err(labels.len()),
        })
    })?;
    found.map_err(|labels| Error::SeveralLabels { model: model.id, labels }.into())
}

/// The probability of each class for one row.
pub fn probabilities<T>(wanted: Wanted<'_>, given: Given<'_>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    model.with_row(given, |values| model.probabilities(values, take))
}

/// What the model says about each row of an array of them.
pub fn batch<T>(wanted: Wanted<'_>, features: &Numbers<'_, f64>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    if features.sizes().is_empty() {
        return Ok(take(&[]));
    }
    let width = model.width(features)?;
    let Some(preprocess) = model.prepares_arrays() else {
        let values = values(features)?;
        model.check_features(width)?;
        model.check_single()?;
        return model.predict(values, width, take);
    };
    let numbers = features.options();
    let mut values = Vec::with_capacity(rows(numbers.len(), width) * preprocess.outputs());
    for row in numbers.chunks_exact(width.max(1)) {
        preprocess.numbers(model.id, row, &mut values)?;
    }
    model.check_features(preprocess.outputs())?;
    model.check_single()?;
    model.predict(&values, preprocess.outputs(), take)
}

#[pg_extern(sql = false)]
fn pgml_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Project(project_name), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_model(model_id: i64, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), Given::Array(&features))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), Given::Array(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch(project_name: Text, features: Numbers<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(batch(Wanted::Project(project_name), &features, |labels| NumberSet(labels.to_vec()))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(batch(Wanted::Model(model_id), &features, |labels| NumberSet(labels.to_vec()))?)
}

#[pg_extern(sql = false)]
fn pgml_decompose(project_name: Text, vector: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Decomposition(project_name), Given::Array(&vector), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_row(project_name: Text, row: Record) -> SqlResult<f64> {
    Ok(single(Wanted::Project(project_name), Given::Row(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_row_model(model_id: i64, row: Record) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), Given::Row(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), Given::Row(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), Given::Row(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), Given::Row(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), Given::Row(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_decompose_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Decomposition(project_name), Given::Row(&row), NewArray::copy_of)?)
}
