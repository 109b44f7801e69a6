//! `pgml.predict` and its relatives, with the models that this session has used kept in memory.
//!
//! What is in memory is never trusted by itself: which model answers is asked of the catalog, with the snapshot of the
//! calling statement ([`crate::resolution`]). A deployment or a rollback in any session is thus seen as any other change
//! of a table is.
//!
//! A model that was exported predicts here, from the arrays where they lie. Python is started for the others, and for a row
//! that it might refuse.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgml_core::Error;
use pgml_core::labels::{self, Classes};
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
use crate::rights;
use crate::row::{Record, Shape};
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
    /// Whether that is nothing.
    plain: bool,
    /// Where the columns are in the rows that were predicted last, with what those rows have.
    places: RefCell<Option<(u64, Rc<[usize]>)>>,
}

/// What a function is given to predict from.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// The numbers of one row.
    Array(&'a Numbers<'a, f64>),
    /// The columns of one row, by their order.
    Row(&'a Record),
    /// The columns of one row, by their names where it has some.
    Named(&'a Record),
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
    let native = native::load(wanted.id)?;
    let (native, bytes) = native.map_or((None, 0), |(model, bytes)| (Some(model), bytes));
    let preprocess = preparation::load(wanted.id)?;
    let model = Rc::new(Model {
        id: wanted.id,
        bytes: Cell::new(bytes),
        native,
        python: OnceCell::new(),
        plain: preprocess.as_ref().is_none_or(Preprocess::is_plain),
        preprocess,
        places: RefCell::default(),
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

    /// The steps that arrays of numbers take, too; none where these are what the model takes.
    fn prepares_arrays(&self) -> Option<&Preprocess> {
        self.preprocess.as_ref().filter(|preprocess| !self.plain && preprocess.prepares_arrays())
    }

    fn takes_missing(&self) -> bool {
        self.preprocess.as_ref().is_some_and(Preprocess::takes_missing)
    }

    /// The numbers of an array as the model takes them, where nothing is done with them; what is missing is put into `made`.
    fn plain<'a>(&self, array: &'a Numbers<'_, f64>, made: &'a mut Vec<f64>) -> Result<&'a [f64]> {
        match values(array) {
            Err(_) if self.takes_missing() => {
                made.extend(array.options().into_iter().map(|value| value.unwrap_or(f64::NAN)));
                Ok(made)
            }
            values => values,
        }
    }

    /// What the classes of the label are called.
    fn label(&self) -> Option<&Classes> {
        self.preprocess.as_ref().and_then(Preprocess::label)
    }

    /// Fail where a number would say nothing about the class.
    fn check_number(&self) -> Result<()> {
        match self.label().and_then(Classes::not_a_number) {
            Some(is) => Err(Error::LabelNotNumber { model: self.id, is: is.to_string() }.into()),
            None => Ok(()),
        }
    }

    /// What a class is called.
    fn class_name(&self, value: f64) -> String {
        self.label().map_or_else(|| labels::number(value), |label| label.name(value).into_owned())
    }

    /// The numbers that the model takes for a row, added to `out`.
    fn row(&self, record: &Record, by_name: bool, out: &mut Vec<f64>) -> Result<()> {
        let (shape, values) = record.open()?;
        let Some(preprocess) = &self.preprocess else {
            return flat(record.fields()?, false, out);
        };
        if !by_name || !shape.is_named() {
            // Numbers in whatever columns they are; but a date is no timestamp.
            return match self.plain && !preprocess.has_times() {
                true => flat(record.fields()?, preprocess.takes_missing(), out),
                false => Ok(preprocess.row(self.id, &record.fields()?, out)?),
            };
        }
        let places = self.places(&shape, preprocess)?;
        places
            .iter()
            .enumerate()
            .try_for_each(|(column, place)| Ok(preprocess.column(column, &shape.field(*place, &values)?, out)?))
    }

    /// Where the model's columns are in rows with names.
    fn places(&self, shape: &Shape, preprocess: &Preprocess) -> Result<Rc<[usize]>> {
        if let Some((identifier, places)) = &*self.places.borrow()
            && *identifier == shape.identifier()
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
        let places: Rc<[usize]> = preprocess.columns().map(place).collect::<std::result::Result<_, Error>>()?;
        *self.places.borrow_mut() = Some((shape.identifier(), Rc::clone(&places)));
        Ok(places)
    }

    /// Hand the numbers that the model takes for one row to `take`.
    fn with_row<T>(&self, given: Given<'_>, take: impl FnOnce(&[f64]) -> Result<T>) -> Result<T> {
        let mut made = Vec::new();
        let values = match (given, &self.preprocess) {
            (Given::Array(array), _) => match self.prepares_arrays() {
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
        take(values)
    }

    /// The numbers that the model takes for rows, one row after the other, and how many a row has; `add` adds those of one.
    fn rows_of<T>(
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
    fn fields(&self, fields: Vec<Field>, out: &mut Vec<f64>) -> Result<()> {
        match &self.preprocess {
            Some(preprocess) => Ok(preprocess.row(self.id, &fields, out)?),
            None => flat(fields, false, out),
        }
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

    /// The classes of the one label, sorted; none for several labels, and where it has none.
    fn classes(&self) -> Result<Option<Vec<f64>>> {
        match &self.native {
            Some(native) => Ok(native.class_values().map(<[f64]>::to_vec)),
            None => Ok(self.python()?.classes.clone()),
        }
    }

    /// The probabilities of all rows' classes; none where the model has none.
    fn all_probabilities(&self, rows: &[f64], width: usize) -> Result<Option<Vec<f64>>> {
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

impl Model {
    /// What it says about one row, which has to be one value.
    fn single(&self, given: Given<'_>) -> Result<f64> {
        let model = self;
        let found = model.with_row(given, |values| {
            model.predict(values, values.len(), |labels| match labels {
                [value] => Ok(*value),
                _ => Err(labels.len()),
            })
        })?;
        found.map_err(|labels| Error::SeveralLabels { model: model.id, labels }.into())
    }
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

impl Model {
    /// The classes that the model knows; an error where it is no classification of one label.
    fn known_classes(&self) -> Result<Vec<f64>> {
        self.check_single()?;
        self.classes()?.ok_or_else(|| Error::NoClasses(self.id).into())
    }
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
    model.check_number()?;
    let width = model.width(features)?;
    let Some(preprocess) = model.prepares_arrays() else {
        let mut made = Vec::new();
        let values = model.plain(features, &mut made)?;
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

/// What a model says about rows.
pub struct Said {
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
pub fn of_rows(model: i64, rows: impl Iterator<Item = Vec<Field>>, shares: bool) -> Result<Said> {
    let model = load(deployments::specific(model)?)?;
    let (values, width) = model.rows_of(rows, |fields, out| model.fields(fields, out))?;
    let said = model.predict(&values, width, <[f64]>::to_vec)?;
    let shares = if shares { model.all_probabilities(&values, width)? } else { None };
    let classes = model.classes()?.into_iter().collect();
    Ok(Said { values: said, shares, classes, label: model.label().cloned() })
}

/// What the model says about each of some records.
pub fn batch_of_records(wanted: Wanted<'_>, records: &[Record]) -> Result<Vec<f64>> {
    let model = resolve(wanted)?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    model.check_number()?;
    let (values, width) = model.rows_of(records.iter(), |record, out| model.row(record, true, out))?;
    model.check_single()?;
    model.predict(&values, width, <[f64]>::to_vec)
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
    Ok(single(Wanted::Project(project_name), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_row_model(model_id: i64, row: Record) -> SqlResult<f64> {
    Ok(single(Wanted::Model(model_id), Given::Named(&row))?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Project(project_name), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Model(model_id), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Project(project_name), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_row_model(model_id: i64, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(probabilities(Wanted::Model(model_id), Given::Named(&row), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn pgml_decompose_row(project_name: Text, row: Record) -> SqlResult<NewArray<f64>> {
    Ok(joint(Wanted::Decomposition(project_name), Given::Named(&row), NewArray::copy_of)?)
}
