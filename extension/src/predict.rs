//! `pgml.predict` and its relatives, with the models that this session has used kept in memory.
//!
//! What is in memory is never trusted by itself: which model answers is asked of the catalog, with the snapshot of the
//! calling statement ([`crate::resolution`]). A deployment or a rollback in any session is thus seen as any other change
//! of a table is.
//!
//! A model that was exported predicts here, from the arrays where they lie. Python is started for the others, and for a row
//! that it might refuse.

pub mod batch;
pub mod explain;
mod functions;
mod model;
pub mod stream;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use pgml_core::Error;
use pgml_core::labels::Classes;
use pgml_core::preprocess::{Field, Preprocess};
use pgml_core::project::Task;

use crate::arguments::Numbers;
use crate::catalog::deployments::{self, Deployed};
use crate::catalog::projects;
use crate::error::Result;
use crate::native;
use crate::preparation;
use crate::resolution::{self, Resolution, Wanted};
use crate::rights;
use crate::row::Record;
use crate::settings;

use model::Model;

/// Models that one session keeps, even small ones; the one that was used longest ago goes first.
const KEPT: usize = 256;

/// What a function is given to predict from.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// The numbers of one row.
    Array(&'a Numbers<'a, f64>),
    /// The same, where NULL is a missing number for the models that can do without one.
    Gaps(&'a Numbers<'a, f64>),
    /// The columns of one row, by their order.
    Row(&'a Record),
    /// The columns of one row, by their names where it has some.
    Named(&'a Record),
}

thread_local! {
    static MODELS: RefCell<Vec<(Deployed, Rc<Model>)>> = const { RefCell::new(Vec::new()) };
    static RESOLUTION: Resolution<Model> = const { Resolution::new() };
}

/// The model that answers to the calling statement.
fn resolve(wanted: Wanted<'_>) -> Result<Rc<Model>> {
    RESOLUTION.with(|resolution| {
        resolution.get(wanted, |wanted| {
            rights::of_predictors(|| {
                load(match wanted {
                    Wanted::Project(name) => deployments::current(&name.utf8())?,
                    Wanted::Decomposition(name) => decomposition(&name.utf8())?,
                    Wanted::Model(id) => deployments::specific(id)?,
                })
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
    let native = native::load_shared(wanted.id)?;
    let (native, bytes) = native.map_or((None, 0), |(model, bytes)| (Some(model), bytes));
    let preprocess = preparation::load(wanted.id)?;
    let model = Rc::new(Model {
        id: wanted.id,
        decomposes: wanted.decomposes,
        bytes: Cell::new(bytes),
        native,
        python: OnceCell::new(),
        explainer: OnceCell::new(),
        plain: preprocess.as_ref().is_none_or(Preprocess::is_plain),
        preprocess,
        places: RefCell::default(),
        last_row: Cell::default(),
        room: Cell::default(),
    });
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

/// What the model says about one row: a value for each label.
pub fn joint<T>(wanted: Wanted<'_>, given: Given<'_>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    model.check_number()?;
    model.with_row(given, |values| model.predict(values, values.len(), take))
}

pub fn single(wanted: Wanted<'_>, given: Given<'_>) -> Result<f64> {
    let model = resolve(wanted)?;
    model.check_number()?;
    model.single(given)
}

/// The class of one row.
pub fn class(wanted: Wanted<'_>, given: Given<'_>) -> Result<String> {
    let model = resolve(wanted)?;
    model.known_classes()?;
    Ok(model.class_name(model.single(given)?))
}

/// Each class and its probability for one row, the most probable first.
pub fn ranked(wanted: Wanted<'_>, given: Given<'_>) -> Result<Vec<(String, f64)>> {
    let model = resolve(wanted)?;
    let classes = model.known_classes()?;
    let shares = model.with_row(given, |values| model.probabilities(values, <[f64]>::to_vec))?;
    let mut ranked: Vec<(f64, f64)> = classes.into_iter().zip(shares).collect();
    // Of equals the one that stands first among the classes.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(ranked.into_iter().map(|(class, share)| (model.class_name(class), share)).collect())
}

/// The classes in the order of the probabilities.
pub fn class_names(wanted: Wanted<'_>) -> Result<Vec<String>> {
    let model = resolve(wanted)?;
    Ok(model.known_classes()?.into_iter().map(|class| model.class_name(class)).collect())
}

/// The probability of each class for one row.
pub fn probabilities<T>(wanted: Wanted<'_>, given: Given<'_>, take: impl FnOnce(&[f64]) -> T) -> Result<T> {
    let model = resolve(wanted)?;
    model.with_row(given, |values| model.probabilities(values, take))
}

/// What a model says about rows.
pub struct PredictedRows {
    /// The values of all labels, row by row.
    pub values: Vec<f64>,
    /// The probabilities of all classes, row by row, where they were asked for and the model has them.
    pub shares: Option<Vec<f64>>,
    /// The classes of each label, where it is one.
    pub classes: Vec<Vec<f64>>,
    /// What they are called.
    pub label: Option<Classes>,
}

/// What a model says about rows that are given as their columns.
pub fn of_rows(model: i64, rows: impl Iterator<Item = Vec<Field>>, shares: bool) -> Result<PredictedRows> {
    let model = load(deployments::specific(model)?)?;
    let (values, width) = model.rows_of(rows, |fields, out| model.fields(fields, out))?;
    let said = model.predict(&values, width, <[f64]>::to_vec)?;
    let shares = if shares { model.all_probabilities(&values, width)? } else { None };
    let classes = model.classes()?.into_iter().collect();
    Ok(PredictedRows { values: said, shares, classes, label: model.label().cloned() })
}
