//! The functions of edition 1.0 that take or give other types than those of this release. All others are shared.
//!
//! They only translate: 1.0 has text where later editions have enums, and words where they have booleans.

use crate::json::JsonB;
use pgml_core::Error;
use pgml_core::columns::Labels;
use pgml_core::project::Strategy;
use pgml_core::split::Sampling;
use pgrx::prelude::*;

use crate::arguments::{Numbers, Text};
use crate::arrays::NewArray;
use crate::catalog::Edition;
use crate::catalog::models;
use crate::catalog::snapshots::{self, Snapshot};
use crate::deploy;
use crate::error::{Result, SqlResult};
use crate::load_dataset;
use crate::predict::{self, Given};
use crate::python;
use crate::resolution::Wanted;
use crate::rows::{self, Reading};
use crate::strings::{Str, Strs, string};
use crate::train::{Call, LabelNames, Trained, known_labels, train};

/// The one row that a training returns, with the names of its columns.
type TrainingResult = TableIterator<
    'static,
    (name!(project_name, Str), name!(task, Str), name!(algorithm_name, Str), name!(status, Str)),
>;

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
            algorithm: Option<Str>,
            hyperparams: Option<JsonB>,
            search: Option<Str>,
            search_params: Option<JsonB>,
            search_args: Option<JsonB>,
            test_size: Option<f32>,
            test_sampling: Option<Str>,
        ) -> SqlResult<TrainingResult> {
            let call = Call {
                project: string(project_name),
                task: string(task),
                relation: string(relation_name),
                labels: y_column_name.map(LabelNames::names).transpose()?,
                algorithm: string(algorithm),
                hyperparams,
                search: string(search),
                search_params,
                search_args,
                test_size,
                sampling: string(test_sampling),
                deploy: true,
                materialize: true,
                ..Call::default()
            };
            call.sampling.as_deref().map_or(Ok(()), check_sampling)?;
            let Trained { project, task, algorithm, verdict, .. } = train(Edition::V1, call)?;
            let status = if verdict.deployed { "deployed" } else { "not deployed" };
            Ok(TableIterator::once((Str(project), Str(task.name().into()), Str(algorithm), Str(status.into()))))
        }
    };
}

train_function!(edition_1_0_train, Str);
train_function!(edition_1_0_train_joint, Strs);

fn check_sampling(name: &str) -> Result<()> {
    match Sampling::parse(name) {
        Some(Sampling::Random | Sampling::First | Sampling::Last) => Ok(()),
        Some(Sampling::Stratified) | None => Err(Error::UnknownSampling(name.to_string()).into()),
    }
}

#[pg_extern(sql = false)]
fn edition_1_0_snapshot(
    relation_name: Option<Str>,
    y_column_name: Option<Strs>,
    test_size: Option<f32>,
    test_sampling: Option<Str>,
) -> SqlResult<TableIterator<'static, (name!(id, Str),)>> {
    let labels = y_column_name.map(|Strs(names)| names);
    let id = snapshot(string(relation_name), labels, test_size, string(test_sampling))?;
    Ok(TableIterator::once((Str(id),)))
}

fn snapshot(
    relation: Option<String>,
    labels: Option<Vec<Option<String>>>,
    test_size: Option<f32>,
    sampling: Option<String>,
) -> Result<String> {
    let relation = relation.ok_or(Error::NullArgument("relation_name"))?;
    let labels = known_labels(labels.ok_or(Error::NullArgument("y_column_name"))?)?;
    let mut wanted = Snapshot::new(Some(relation), Some(labels), test_size, sampling)?;
    wanted.in_order = true;
    check_sampling(&wanted.sampling)?;
    rows::copied(Reading::new(Edition::V1, Labels::Numbers, false), &mut wanted)?;
    Ok(wanted.id.to_string())
}

#[pg_extern(sql = false)]
fn edition_1_0_deploy(
    project_name: Option<Str>,
    strategy: Option<Str>,
    algorithm_name: Option<Str>,
) -> SqlResult<TableIterator<'static, (name!(project_name, Str), name!(strategy, Str), name!(algorithm_name, Str))>> {
    let strategy = string(strategy);
    if let Some(strategy) = &strategy {
        known_strategy(strategy)?;
    }
    let chosen = deploy::by_strategy(Edition::V1, string(project_name), strategy, string(algorithm_name))?;
    let (project, strategy, algorithm) = chosen;
    Ok(TableIterator::once((Str(project), Str(strategy), Str(algorithm))))
}

/// 1.0 has nothing but strategies that choose a model by themselves.
fn known_strategy(name: &str) -> Result<Strategy> {
    Strategy::parse(name).map_err(|_| Error::UnknownStrategy(name.to_string()).into())
}

#[pg_extern(sql = false)]
fn edition_1_0_load_dataset(
    source: Option<Str>,
    subset: Option<Str>,
    limit: Option<i32>,
    kwargs: Option<JsonB>,
) -> SqlResult<Str> {
    load_dataset::load(Edition::V1, string(source), string(subset), limit, kwargs)?;
    Ok(Str("OK".to_string()))
}

#[pg_extern(sql = false)]
fn edition_1_0_predict(project_name: Text, features: Numbers<f64>) -> SqlResult<f64> {
    Ok(predict::single(Wanted::Project(project_name), Given::Gaps(&features))?)
}

#[pg_extern(sql = false)]
fn edition_1_0_predict_joint(project_name: Text, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(predict::joint(Wanted::Project(project_name), Given::Gaps(&features), NewArray::copy_of)?)
}

#[pg_extern(sql = false)]
fn edition_1_0_model_predict(model_id: i64, features: Numbers<f64>) -> SqlResult<NewArray<f64>> {
    Ok(predict::joint(Wanted::Model(model_id), Given::Gaps(&features), NewArray::copy_of)?)
}

/// What a model says about the rows that its snapshot keeps, for the script that adopts a 1.0 database.
///
/// Loading a model runs code. The script makes this function for itself, which takes a superuser.
#[pg_extern(sql = false)]
fn edition_1_0_check_model(model_id: i64) -> SqlResult<JsonB> {
    Ok(JsonB(check_model(model_id)?))
}

fn check_model(id: i64) -> Result<serde_json::Value> {
    let file = models::bytes(id)?.ok_or(Error::NoFiles(id))?;
    let bytes = pgml_core::seal::without(&file.bytes);
    let snapshot = snapshots::of_model(Edition::V1, id)?;
    let rows = match &snapshot {
        Some(snapshot) => rows::with_gaps(Edition::V1, snapshot),
        None => Err(Error::NoSnapshot(id).into()),
    };
    let (matrix, why) = match rows {
        Ok(matrix) => (Some(matrix), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let count = matrix.as_ref().map(|matrix| matrix.rows);
    let test_size = snapshot.map(|snapshot| snapshot.test_size).unwrap_or_default();
    let mut checked = python::check_model(bytes, matrix, test_size)?;
    if let Some(why) = why {
        checked["not_compared"] = why.into();
    }
    checked["rows"] = count.into();
    Ok(checked)
}
