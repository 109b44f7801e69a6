//! `pgml.train` and `pgml.train_joint`.
//!
//! Everything that can be wrong with the request or the data is found before anything is written. (1.0 copies the rows
//! first. An error undoes that.)

pub(crate) mod again;
mod contest;
mod identifiers;
mod tasks;

use std::time::Instant;

use crate::json::JsonB;
use pgml_core::columns::Labels;
use pgml_core::metric::Metric;
use pgml_core::preprocess::{Fitted, Plan, unique};
use pgml_core::project::{Task, replaces};
use pgml_core::split::SplitRows;
use pgml_core::{Error, algorithm};
use pgrx::prelude::*;
use serde_json::Value;

use crate::catalog::projects::{self, Project};
use crate::catalog::snapshots::{self, Snapshot};
use crate::catalog::{Edition, deployments, importances, models};
use crate::error::{Result, SqlResult};
use crate::fit::{Names, Request};
use crate::memory;
use crate::native;
use crate::preparation;
use crate::progress;
use crate::relation;
use crate::rights;
use crate::rows::{self, Reading};
use crate::runtime::Runtime;
use crate::strings::{Str, Strs, string};

use again::Again;
use contest::{Contest, Verdict};

/// The arguments of `train`, as they were given.
pub struct Call {
    pub project: Option<String>,
    pub task: Option<String>,
    pub relation: Option<String>,
    pub labels: Option<Vec<String>>,
    /// None: what is deployed is trained again, or `linear`.
    pub algorithm: Option<String>,
    pub hyperparams: Option<JsonB>,
    pub search: Option<String>,
    pub search_params: Option<JsonB>,
    pub search_args: Option<JsonB>,
    pub test_size: Option<f32>,
    pub sampling: Option<String>,
    /// `python` or `rust`; none: whichever is there and trains the algorithm.
    pub runtime: Option<String>,
    pub deploy: bool,
    /// Keep a copy of the rows, for later trainings of the project.
    pub materialize: bool,
    pub preprocess: Option<JsonB>,
    /// Columns that are no features; none: those of the project's last training on the relation.
    pub exclude: Option<Vec<String>>,
    /// The column that weighs the rows; none: that of the last training.
    pub weight: Option<String>,
    /// The score by which models are compared; none: the project's.
    pub metric: Option<String>,
    /// Let the project predict another label, or from other columns.
    pub redefine: bool,
}

/// What came of a training.
pub struct Trained {
    pub project: String,
    pub task: Task,
    pub algorithm: String,
    pub model: i64,
    pub verdict: Verdict,
}

/// A row of the result.
type Row = (Str, Str, Str, bool, i64, Str, Option<f64>, Option<f64>, Str);

/// The one row that a training returns, with the names of its columns.
type TrainingResult = TableIterator<
    'static,
    (
        name!(project, Str),
        name!(task, Str),
        name!(algorithm, Str),
        name!(deployed, bool),
        name!(model_id, i64),
        name!(metric, Str),
        name!(score, Option<f64>),
        name!(deployed_score, Option<f64>),
        name!(reason, Str),
    ),
>;

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn pgml_train(
    project_name: Option<Str>,
    task: Option<Str>,
    relation_name: Option<Str>,
    y_column_name: Option<Str>,
    algorithm: Option<pg_sys::Oid>,
    hyperparams: Option<JsonB>,
    search: Option<pg_sys::Oid>,
    search_params: Option<JsonB>,
    search_args: Option<JsonB>,
    test_size: Option<f64>,
    test_sampling: Option<pg_sys::Oid>,
    runtime: Option<pg_sys::Oid>,
    automatic_deploy: Option<bool>,
    materialize_snapshot: Option<bool>,
    preprocess: Option<JsonB>,
    exclude: Option<Strs>,
    weight_column: Option<Str>,
    metric: Option<Str>,
    redefine: Option<bool>,
) -> SqlResult<TrainingResult> {
    let call = Call {
        project: string(project_name),
        task: string(task),
        relation: string(relation_name),
        labels: y_column_name.map(|Str(name)| vec![name]),
        algorithm: label(algorithm),
        hyperparams,
        search: label(search),
        search_params,
        search_args,
        test_size: test_size.map(|size| size as f32),
        sampling: label(test_sampling),
        runtime: label(runtime),
        deploy: automatic_deploy.unwrap_or(true),
        materialize: materialize_snapshot.unwrap_or(false),
        preprocess,
        exclude: exclude.map(|Strs(names)| excluded(names)).transpose()?,
        weight: string(weight_column),
        metric: string(metric),
        redefine: redefine.unwrap_or(false),
    };
    Ok(TableIterator::once(row(run(Edition::Current, call)?)))
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn pgml_train_joint(
    project_name: Option<Str>,
    task: Option<Str>,
    relation_name: Option<Str>,
    y_column_name: Option<Strs>,
    algorithm: Option<pg_sys::Oid>,
    hyperparams: Option<JsonB>,
    search: Option<pg_sys::Oid>,
    search_params: Option<JsonB>,
    search_args: Option<JsonB>,
    test_size: Option<f64>,
    test_sampling: Option<pg_sys::Oid>,
    runtime: Option<pg_sys::Oid>,
    automatic_deploy: Option<bool>,
    materialize_snapshot: Option<bool>,
    preprocess: Option<JsonB>,
    exclude: Option<Strs>,
    weight_column: Option<Str>,
    metric: Option<Str>,
    redefine: Option<bool>,
) -> SqlResult<TrainingResult> {
    let call = Call {
        project: string(project_name),
        task: string(task),
        relation: string(relation_name),
        labels: y_column_name.map(|Strs(names)| known_labels(names)).transpose()?,
        algorithm: label(algorithm),
        hyperparams,
        search: label(search),
        search_params,
        search_args,
        test_size: test_size.map(|size| size as f32),
        sampling: label(test_sampling),
        runtime: label(runtime),
        deploy: automatic_deploy.unwrap_or(true),
        materialize: materialize_snapshot.unwrap_or(false),
        preprocess,
        exclude: exclude.map(|Strs(names)| excluded(names)).transpose()?,
        weight: string(weight_column),
        metric: string(metric),
        redefine: redefine.unwrap_or(false),
    };
    Ok(TableIterator::once(row(run(Edition::Current, call)?)))
}

fn row(trained: Trained) -> Row {
    let Trained { project, task, algorithm, model, verdict } = trained;
    let Verdict { deployed, metric, score, deployed_score, reason } = verdict;
    let (task, metric) = (Str(task.name().into()), Str(metric.into()));
    (Str(project), task, Str(algorithm), deployed, model, metric, score, deployed_score, Str(reason))
}

/// The name of an enum's value.
pub fn label(value: Option<pg_sys::Oid>) -> Option<String> {
    value.map(|oid| pgrx::enum_helper::lookup_enum_by_oid(oid).0)
}

/// Labels as they are named: none of them NULL, and at least one.
pub fn known_labels(labels: Vec<Option<String>>) -> Result<Vec<String>> {
    let labels: Option<Vec<String>> = labels.into_iter().collect();
    let labels = labels.ok_or(Error::NullArgument("y_column_name"))?;
    if labels.is_empty() { Err(Error::EmptyArgument("y_column_name").into()) } else { Ok(labels) }
}

fn excluded(names: Vec<Option<String>>) -> Result<Vec<String>> {
    let names: Option<Vec<String>> = names.into_iter().collect();
    Ok(names.ok_or(Error::NullArgument("exclude"))?)
}

/// Train a model and record it in the tables of an edition.
pub fn run(edition: Edition, call: Call) -> Result<Trained> {
    rights::of_trainers(|| train(edition, call))
}

fn train(edition: Edition, mut call: Call) -> Result<Trained> {
    let name = call.project.take().ok_or(Error::NullArgument("project_name"))?;
    if name.is_empty() {
        return Err(Error::EmptyArgument("project_name").into());
    }
    let project = projects::find(&name)?;
    let task = task(edition, &name, &call, project.as_ref())?;
    if edition == Edition::V1 && !task.has_labels() {
        return Err(Error::UnsupportedTask(task.name().to_string()).into());
    }
    let again = match edition {
        Edition::Current => again::of_deployed(&call, project.as_ref())?,
        Edition::V1 | Edition::V2 => None,
    };
    let algorithm = algorithm(edition, call.algorithm.take(), again.as_ref())?;
    let hyperparams = match (call.hyperparams.take(), &again) {
        (None, Some(again)) => again.hyperparams.clone(),
        (given, _) => object("hyperparams", given)?,
    };
    let search_params = object("search_params", call.search_params.take())?;
    let search_args = object("search_args", call.search_args.take())?;
    let asked = call.runtime.as_deref().or(again.as_ref().and_then(|again| again.runtime.as_deref()));
    let runtime = Runtime::choose(asked, &algorithm, task)?;
    let metric = call.metric.as_deref().map(|name| Metric::parse(task, name)).transpose()?;

    let (mut snapshot, reused) = wanted(edition, &name, task, project.as_ref(), &mut call, again)?;
    let labels = if task == Task::Classification { Labels::Classes } else { Labels::Numbers };
    let reading = Reading::new(edition, labels, algorithm::takes_missing(&algorithm));
    let began = Instant::now();
    let mut rows = read(reading, &mut snapshot, reused, call.materialize)?;
    let train = rows.train();
    let redefined = redefined(call.redefine, project.as_ref(), &rows)?;
    let mut contest = match edition {
        Edition::Current => {
            identifiers::check(&rows, &snapshot.plan)?;
            Some(Contest::of(&rows, task, metric, call.deploy))
        }
        Edition::V1 | Edition::V2 => None,
    };
    let prepared = rows::prepare(&mut rows, reading, &snapshot)?;
    let read_seconds = began.elapsed().as_secs_f64();
    memory::check_fit(&algorithm, &rows.matrix, train, &snapshot.relation)?;
    if let Some(contest) = &mut contest {
        contest.prepared(&rows);
    }

    let names = names(&rows, prepared.as_ref());
    let request = Request {
        algorithm: &algorithm,
        task: task.name(),
        hyperparams: &hyperparams,
        search: call.search.as_deref(),
        search_params: &search_params,
        search_args: &search_args,
        names: &names,
    };
    let project = projects::find_or_create(edition, &name, task)?;
    let snapshot = noted(&snapshot, reused, &rows, prepared.as_ref())?;
    let SplitRows { matrix, .. } = rows;
    let model = models::start(edition, &project, snapshot, matrix.features, &request, runtime)?;
    let mut fitted = progress::fitting(|| runtime.fit(&request, task, matrix, train))?;
    fitted.metrics = importances::named(&fitted.metrics, &names.features);
    models::finish(model, &fitted, &native::accepted(&fitted), read_seconds)?;
    if let Some(prepared) = prepared {
        preparation::store(model, &prepared.preprocess)?;
    }
    let verdict = match contest {
        Some(contest) => contest.decide(&name, model, &fitted.metrics, redefined)?,
        None => {
            let deployed = call.deploy && deploy_if_better(edition, &name, model)?;
            Verdict::of_older_editions(deployed, task)
        }
    };
    Ok(Trained { project: name, task, algorithm, model, verdict })
}

/// The algorithm that was asked for, or the one of the deployed model; 'linear' for a new project.
fn algorithm(edition: Edition, asked: Option<String>, again: Option<&Again>) -> Result<String> {
    match (asked, again, edition) {
        (Some(algorithm), ..) => Ok(algorithm),
        (None, Some(again), _) => Ok(again.algorithm.clone()),
        (None, None, Edition::Current) => Ok("linear".to_string()),
        (None, None, _) => Err(Error::NullArgument("algorithm").into()),
    }
}

/// The rows to train and test on.
fn read(reading: Reading, snapshot: &mut Snapshot, reused: bool, materialize: bool) -> Result<SplitRows> {
    let rows = match reused && snapshot.materialized {
        true => rows::of_copy(reading, snapshot)?,
        false if materialize => rows::copied(reading, snapshot)?,
        false => rows::of_relation(reading, snapshot)?,
    };
    if reading.labels == Labels::Classes {
        rows.matrix.check_classes(&snapshot.labels, rows.train())?;
    }
    Ok(rows)
}

/// Whether the project is asked to mean something else, and does from these rows on.
fn redefined(asked: bool, project: Option<&Project>, rows: &SplitRows) -> Result<bool> {
    match project.filter(|_| asked) {
        Some(project) => Ok(snapshots::meaning(project)?.is_some_and(|meaning| meaning.check(&rows.layout).is_err())),
        None => Ok(false),
    }
}

/// What the numbers that the model takes are called, and its classes.
fn names(rows: &SplitRows, prepared: Option<&Fitted>) -> Names {
    let arrays = || rows.layout.features.iter().map(|column| column.array).collect::<Vec<_>>();
    let features = match prepared {
        Some(prepared) => prepared.preprocess.names(&arrays()),
        None => unique(rows.layout.feature_names(&rows.matrix.widths)),
    };
    Names { features, classes: rows.matrix.classes.clone() }
}

/// Record the snapshot unless it is; returns its id.
fn noted(snapshot: &Snapshot, reused: bool, rows: &SplitRows, prepared: Option<&Fitted>) -> Result<i64> {
    if snapshot.id == 0 {
        return snapshots::create(snapshot, rows, prepared);
    }
    if let Some(prepared) = prepared.filter(|_| !reused) {
        snapshots::note(snapshot.id, rows, prepared)?;
    }
    Ok(snapshot.id)
}

/// The snapshot to train on: with what is done with its columns, and with what they have to be. Also tells whether it is one that
/// was trained on before.
fn wanted(
    edition: Edition,
    name: &str,
    task: Task,
    project: Option<&Project>,
    call: &mut Call,
    again: Option<Again>,
) -> Result<(Snapshot, bool)> {
    let plan = match (call.preprocess.take(), again) {
        (None, Some(again)) => Some(again.plan),
        (given, _) => Some(Plan::parse(&object("preprocess", given)?)?).filter(|plan| !plan.is_empty()),
    };
    let mut wanted = Snapshot::new(call.relation.take(), call.labels.take(), call.test_size, call.sampling.take())?;
    wanted.in_order = edition == Edition::V1;
    (wanted.exclude, wanted.weight) = (call.exclude.take(), call.weight.take());
    let (mut snapshot, reused) = source(edition, name, task, project, wanted, plan)?;
    if let (Edition::Current, false, Some(project)) = (edition, call.redefine, project) {
        snapshot.meaning = snapshots::meaning(project)?;
    }
    // The columns that it notes may be others now.
    if call.redefine && reused && !snapshot.materialized {
        return Ok((Snapshot { id: 0, ..snapshot }, false));
    }
    Ok((snapshot, reused))
}

/// A JSON object as text; NULL counts as an empty one.
fn object(name: &'static str, value: Option<JsonB>) -> Result<String> {
    let found = match value.map(|JsonB(value)| value) {
        None => return Ok("{}".to_string()),
        Some(value @ Value::Object(_)) => return Ok(value.to_string()),
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "an array",
    };
    Err(Error::NotAnObject { name, found }.into())
}

/// The task that was asked for, the project's, or what the label tells.
fn task(edition: Edition, name: &str, call: &Call, project: Option<&Project>) -> Result<Task> {
    match (call.task.as_deref(), project) {
        (Some(asked), Some(project)) => {
            let task = Task::parse(asked)?;
            projects::check_task(project, task)?;
            Ok(task)
        }
        (Some(asked), None) => Ok(Task::parse(asked)?),
        (None, Some(project)) => project.task(),
        (None, None) => match (edition, &call.relation, &call.labels) {
            (Edition::Current, Some(relation), Some(labels)) => tasks::of_label(name, relation, labels),
            _ => Err(Error::Incomplete { project: name.to_string(), missing: "task" }.into()),
        },
    }
}

/// What to train on: what the call names, and for the rest what the project's last model was trained on. Also tells
/// whether it is the very same snapshot. Without a plan, the last one's goes with its rows.
fn source(
    edition: Edition,
    name: &str,
    task: Task,
    project: Option<&Project>,
    mut wanted: Snapshot,
    plan: Option<Plan>,
) -> Result<(Snapshot, bool)> {
    let named = !wanted.relation.is_empty() && (!wanted.labels.is_empty() || !task.has_labels());
    let last = project.map(|project| snapshots::last(edition, project)).transpose()?.flatten();
    if let (Edition::Current, Some(last)) = (edition, &last)
        && (wanted.relation.is_empty() || relation::find(&wanted.relation)?.name == last.relation)
    {
        // The same rows: what nobody mentions stays.
        wanted.exclude = wanted.exclude.or_else(|| last.exclude.clone());
        wanted.weight = wanted.weight.or_else(|| last.weight.clone());
    }
    let last = last.filter(|_| !named);
    let Some(last) = last else {
        if named {
            wanted.plan = plan.unwrap_or_default();
            return Ok((wanted, false));
        }
        let missing = if wanted.relation.is_empty() { "relation_name" } else { "y_column_name" };
        return Err(Error::Incomplete { project: name.to_string(), missing }.into());
    };
    let same = wanted.relation.is_empty() && plan.as_ref().is_none_or(|plan| *plan == last.plan);
    let same = same && (&wanted.exclude, &wanted.weight) == (&last.exclude, &last.weight);
    if same && (wanted.labels.is_empty() || wanted.labels == last.labels) {
        return Ok((last, true));
    }
    if wanted.relation.is_empty() {
        wanted.relation = last.relation;
    }
    if wanted.labels.is_empty() {
        wanted.labels = last.labels;
    }
    wanted.plan = plan.unwrap_or_default();
    Ok((wanted, false))
}

/// Deploy a new model when nothing is deployed, or its score is higher than the deployed one's.
fn deploy_if_better(edition: Edition, project: &str, model: i64) -> Result<bool> {
    let project = deployments::decide(project)?;
    let candidates = models::candidates(edition, &project, project.task()?.key_metric(), None)?;
    let score = |id: i64| candidates.iter().find(|candidate| candidate.id == id).and_then(|candidate| candidate.score);
    let current = deployments::history(&project)?.first().map(|id| score(*id));
    let better = replaces(score(model), current);
    if better {
        deployments::create(edition, &project, model, "new_score")?;
    }
    Ok(better)
}
