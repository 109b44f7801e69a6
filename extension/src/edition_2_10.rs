//! The functions of edition 2.10.0 that differ from this release's: whose results are in single precision, as PostgresML 2.x
//! has them, and training and deployment by 2.x's rules. All others are shared.

use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::arrays::RealArray;
use crate::catalog::Edition;
use crate::deploy;
use crate::error::SqlResult;
use crate::json::JsonB;
use crate::predict::batch::{Array, of_numbers};
use crate::predict::{self, Given};
use crate::resolution::Wanted;
use crate::row::Record;
use crate::sets::NumberSet;
use crate::strings::{Str, Strs, enum_name, string};
use crate::train::{Call, LabelNames, Trained, train};

fn narrowed(values: &[f64]) -> RealArray {
    let mut array = RealArray::zeros(values.len());
    array.values().iter_mut().zip(values).for_each(|(target, value)| *target = *value as f32);
    array
}

#[pg_extern(sql = false)]
fn edition_2_10_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Project(project_name), Given::Array(&features))? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_model(model_id: i64, features: Numbers<f64>) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Model(model_id), Given::Array(&features))? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Project(project_name), Given::Array(&features), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint_model(model_id: i64, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Model(model_id), Given::Array(&features), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba(project_name: Text, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Project(project_name), Given::Array(&features), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba_model(model_id: i64, features: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Model(model_id), Given::Array(&features), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_decompose(project_name: Text, vector: Numbers<f64>) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Decomposition(project_name), Given::Array(&vector), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch(project_name: Text, features: Array<f64>) -> SqlResult<NumberSet<f32>> {
    Ok(of_numbers(Wanted::Project(project_name), features)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_batch_model(model_id: i64, features: Array<f64>) -> SqlResult<NumberSet<f32>> {
    Ok(of_numbers(Wanted::Model(model_id), features)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_row(project_name: Text, row: Record) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Project(project_name), Given::Row(&row))? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_row_model(model_id: i64, row: Record) -> SqlResult<f32> {
    Ok(predict::single(Wanted::Model(model_id), Given::Row(&row))? as f32)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint_row(project_name: Text, row: Record) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Project(project_name), Given::Row(&row), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_joint_row_model(model_id: i64, row: Record) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Model(model_id), Given::Row(&row), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba_row(project_name: Text, row: Record) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Project(project_name), Given::Row(&row), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_predict_proba_row_model(model_id: i64, row: Record) -> SqlResult<RealArray> {
    Ok(predict::probabilities(Wanted::Model(model_id), Given::Row(&row), narrowed)?)
}

#[pg_extern(sql = false)]
fn edition_2_10_decompose_row(project_name: Text, row: Record) -> SqlResult<RealArray> {
    Ok(predict::joint(Wanted::Decomposition(project_name), Given::Row(&row), narrowed)?)
}

/// The one row that a training returns, with the names of its columns.
type TrainingResult =
    TableIterator<'static, (name!(project, Str), name!(task, Str), name!(algorithm, Str), name!(deployed, bool))>;

/// Declares `train` or `train_joint`, which differ in the type of `y_column_name` alone.
macro_rules! train_function {
    ($name:ident, $labels:ident) => {
        #[pg_extern(sql = false)]
        #[allow(clippy::too_many_arguments)]
        fn $name(
            project_name: Option<Str>,
            task: Option<Str>,
            relation_name: Option<Str>,
            y_column_name: Option<$labels>,
            algorithm: Option<pg_sys::Oid>,
            hyperparams: Option<JsonB>,
            search: Option<pg_sys::Oid>,
            search_params: Option<JsonB>,
            search_args: Option<JsonB>,
            test_size: Option<f32>,
            test_sampling: Option<pg_sys::Oid>,
            runtime: Option<pg_sys::Oid>,
            automatic_deploy: Option<bool>,
            materialize_snapshot: Option<bool>,
            preprocess: Option<JsonB>,
        ) -> SqlResult<TrainingResult> {
            let call = Call {
                project: string(project_name),
                task: string(task),
                relation: string(relation_name),
                labels: y_column_name.map(LabelNames::names).transpose()?,
                algorithm: enum_name(algorithm),
                hyperparams,
                search: enum_name(search),
                search_params,
                search_args,
                test_size,
                sampling: enum_name(test_sampling),
                runtime: enum_name(runtime),
                deploy: automatic_deploy.unwrap_or(true),
                materialize: materialize_snapshot.unwrap_or(false),
                preprocess,
                ..Call::default()
            };
            let Trained { project, task, algorithm, verdict, .. } = train(Edition::V2, call)?;
            Ok(TableIterator::once((Str(project), Str(task.name().into()), Str(algorithm), verdict.deployed)))
        }
    };
}

train_function!(edition_2_10_train, Str);
train_function!(edition_2_10_train_joint, Strs);

#[pg_extern(sql = false)]
fn edition_2_10_deploy(
    project_name: Option<Str>,
    strategy: Option<pg_sys::Oid>,
    algorithm: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(project, Str), name!(strategy, Str), name!(algorithm, Str))>> {
    let chosen = deploy::by_strategy(Edition::V2, string(project_name), enum_name(strategy), enum_name(algorithm))?;
    Ok(TableIterator::once(deploy::row(chosen)))
}
