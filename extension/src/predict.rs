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
use crate::python;
use crate::resolution::{self, Resolution, Wanted};
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
                Wanted::Model(id) => deployments::specific(id)?,
            })
        })
    })
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
    let model = Rc::new(Model { id: wanted.id, bytes: Cell::new(bytes), native, python: OnceCell::new() });
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
        let file = models::bytes(self.id)?.ok_or(Error::NoFiles(self.id))?;
        let model = python::load_model(seal::opened(self.id, Reader::Python, &file.bytes)?)?;
        self.bytes.set(self.bytes.get() + file.bytes.len());
        Ok(self.python.get_or_init(|| model))
    }

    fn check_features(&self, found: usize) -> Result<()> {
        let expected = match &self.native {
            Some(native) => Some(native.features),
            None => self.python()?.features,
        };
        match expected {
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
            native.and_then(|native| each_row(values, width, |row, work, out| native.predict(row, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.python()?.predict(values.to_vec(), rows(values, width))?)),
        }
    }

    /// Hand the probabilities of one row's classes to `take`.
    fn probabilities<T>(&self, row: &[f64], take: impl FnOnce(&[f64]) -> T) -> Result<T> {
        let native = self.native.as_ref();
        let width = row.len();
        let answered =
            native.and_then(|native| each_row(row, width, |row, work, out| native.probabilities(row, work, out)));
        match answered {
            Some(()) => Ok(WORK.with_borrow(|(_, out)| take(out))),
            None => Ok(take(&self.python()?.predict_proba(row.to_vec(), 1)?)),
        }
    }
}

fn rows(values: &[f64], width: usize) -> usize {
    values.len().checked_div(width).unwrap_or(0)
}

/// Fill the second part of `WORK` with what `predict` adds for each row; none when Python has to see one of them.
fn each_row(
    values: &[f64],
    width: usize,
    predict: impl Fn(&[f64], &mut Work, &mut Vec<f64>) -> std::result::Result<(), model::AskPython>,
) -> Option<()> {
    WORK.with_borrow_mut(|(work, out)| {
        out.clear();
        for block in values.chunks(width.max(1) * UNINTERRUPTED) {
            pgrx::check_for_interrupts!();
            block.chunks_exact(width.max(1)).try_for_each(|row| predict(row, work, out)).ok()?;
        }
        Some(())
    })
}

/// The features of one row, or of several one after the other, where they lie.
fn values<'a>(features: &'a Numbers<'_, f64>) -> Result<&'a [f64]> {
    features.values().map_err(|place| Error::NullFeature(place).into())
}

/// What the model says about one row: a value for each label.
pub fn joint<T>(wanted: Wanted<'_>, features: &Numbers<'_, f64>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    let values = values(features)?;
    model.check_features(values.len())?;
    model.predict(values, values.len(), take)
}

pub fn single(wanted: Wanted<'_>, features: &Numbers<'_, f64>) -> Result<f64> {
    let model = resolve(wanted)?;
    let values = values(features)?;
    model.check_features(values.len())?;
    let found = model.predict(values, values.len(), |labels| match labels {
        [value] => Ok(*value),
        _ => Err(labels.len()),
    })?;
    found.map_err(|labels| Error::SeveralLabels { model: model.id, labels }.into())
}

/// The probability of each class for one row.
pub fn probabilities<T>(wanted: Wanted<'_>, features: &Numbers<'_, f64>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    let values = values(features)?;
    model.check_features(values.len())?;
    model.probabilities(values, take)
}

/// What the model says about each row of a two-dimensional array.
pub fn batch<T>(wanted: Wanted<'_>, features: &Numbers<'_, f64>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    let values = values(features)?;
    let width = match features.sizes() {
        [] => return Ok(take(&[])),
        [_, width] => *width as usize,
        sizes => return Err(Error::BatchShape(sizes.len()).into()),
    };
    model.check_features(width)?;
    model.check_single()?;
    model.predict(values, width, take)
}

#[pg_extern(sql = false)]
fn pgml_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Project(project_name), &features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_model(model_id: i64, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), &features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), &features, NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), &features, NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), &features, NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), &features, NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch(project_name: Text, features: Numbers<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(batch(Wanted::Project(project_name), &features, |labels| NumberSet(labels.to_vec()))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_model(model_id: i64, features: Numbers<f64>) -> SqlResult<NumberSet<f64>> {
    Ok(batch(Wanted::Model(model_id), &features, |labels| NumberSet(labels.to_vec()))?)
}

/// A row's coordinates along the components of a decomposition.
pub fn decomposed<T>(project_name: Text, features: &Numbers<'_, f64>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let name = String::from_utf8_lossy(project_name.0);
    let task = projects::task(&name)?;
    if task.as_deref().is_some_and(|task| task != Task::Decomposition.name()) {
        return Err(Error::NotDecomposition(name.into_owned(), task.unwrap_or_default()).into());
    }
    joint(Wanted::Project(project_name), features, take)
}

#[pg_extern(sql = false)]
fn pgml_decompose(project_name: Text, vector: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(decomposed(project_name, &vector, NewArray::copy_of)?)
}
