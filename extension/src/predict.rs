//! `pgml.predict` and its relatives, with the models that this session has used kept in memory.
//!
//! What is in memory is never trusted by itself: each call asks the catalog, with the snapshot of its own statement,
//! which model answers. A deployment or a rollback in any session is thus seen as any other change of a table is.

use std::cell::RefCell;
use std::rc::Rc;

use pgml_core::Error;
use pgrx::prelude::*;

use crate::arrays;
use crate::catalog::deployments::{self, Deployed};
use crate::catalog::models;
use crate::error::{Result, SqlResult};
use crate::python::{self, Model};

/// Models that one session keeps; the one that was used longest ago goes first.
const KEPT: usize = 16;

thread_local! {
    static MODELS: RefCell<Vec<(Deployed, Rc<Model>)>> = const { RefCell::new(Vec::new()) };
}

/// The model in memory, loaded if it isn't there or has changed.
fn load(wanted: Deployed) -> Result<Rc<Model>> {
    let kept = MODELS.with(|models| {
        let mut models = models.borrow_mut();
        let place = models.iter().position(|(deployed, _)| *deployed == wanted)?;
        let entry = models.remove(place);
        let model = Rc::clone(&entry.1);
        models.push(entry);
        Some(model)
    });
    if let Some(model) = kept {
        return Ok(model);
    }
    let bytes = models::bytes(wanted.id)?;
    if bytes.is_empty() {
        return Err(Error::NoFiles(wanted.id).into());
    }
    let model = Rc::new(python::load_model(&bytes)?);
    MODELS.with(|models| {
        let mut models = models.borrow_mut();
        models.retain(|(deployed, _)| deployed.id != wanted.id);
        if models.len() >= KEPT {
            models.remove(0);
        }
        models.push((wanted, Rc::clone(&model)));
    });
    Ok(model)
}

/// The features of one row, or of several one after the other.
fn values(features: &Array<'_, f64>) -> Result<Vec<f64>> {
    Ok(arrays::known(features, Error::NullFeature)?)
}

fn check_features(model: &Model, id: i64, found: usize) -> Result<()> {
    match model.features {
        Some(expected) if expected != found => Err(Error::FeatureCount { model: id, expected, found }.into()),
        _ => Ok(()),
    }
}

/// What the model says about one row: a value for each label.
pub fn joint(deployed: Deployed, features: Array<'_, f64>) -> Result<Vec<f64>> {
    let id = deployed.id;
    let model = load(deployed)?;
    check_features(&model, id, features.len())?;
    model.predict(values(&features)?, 1)
}

pub fn single(deployed: Deployed, features: Array<'_, f64>) -> Result<f64> {
    let id = deployed.id;
    let labels = joint(deployed, features)?;
    match labels[..] {
        [value] => Ok(value),
        _ => Err(Error::SeveralLabels { model: id, labels: labels.len() }.into()),
    }
}

pub fn probabilities(deployed: Deployed, features: Array<'_, f64>) -> Result<Vec<f64>> {
    let id = deployed.id;
    let model = load(deployed)?;
    check_features(&model, id, features.len())?;
    model.predict_proba(values(&features)?, 1)
}

pub fn batch(deployed: Deployed, features: Array<'_, f64>) -> Result<Vec<f64>> {
    let id = deployed.id;
    let model = load(deployed)?;
    let values = values(&features)?;
    let (rows, width) = match arrays::dimensions(features)[..] {
        [] => return Ok(Vec::new()),
        [rows, width] => (rows, width),
        ref shape => return Err(Error::BatchShape(shape.len()).into()),
    };
    check_features(&model, id, width)?;
    if model.labels != 1 {
        return Err(Error::SeveralLabels { model: id, labels: model.labels }.into());
    }
    model.predict(values, rows)
}

#[pg_extern(sql = false)]
fn pgml_predict(project_name: &str, features: Array<f64>) -> SqlResult<f64> {
    Ok(single(deployments::current(project_name)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_model(model_id: i64, features: Array<f64>) -> SqlResult<f64> {
    Ok(single(deployments::specific(model_id)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint(project_name: &str, features: Array<f64>) -> SqlResult<Vec<f64>> {
    Ok(joint(deployments::current(project_name)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_joint_model(model_id: i64, features: Array<f64>) -> SqlResult<Vec<f64>> {
    Ok(joint(deployments::specific(model_id)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba(project_name: &str, features: Array<f64>) -> SqlResult<Vec<f64>> {
    Ok(probabilities(deployments::current(project_name)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_proba_model(model_id: i64, features: Array<f64>) -> SqlResult<Vec<f64>> {
    Ok(probabilities(deployments::specific(model_id)?, features)?)
}

#[pg_extern(sql = false)]
fn pgml_predict_batch(project_name: &str, features: Array<f64>) -> SqlResult<SetOfIterator<'static, f64>> {
    Ok(SetOfIterator::new(batch(deployments::current(project_name)?, features)?))
}

#[pg_extern(sql = false)]
fn pgml_predict_batch_model(model_id: i64, features: Array<f64>) -> SqlResult<SetOfIterator<'static, f64>> {
    Ok(SetOfIterator::new(batch(deployments::specific(model_id)?, features)?))
}
