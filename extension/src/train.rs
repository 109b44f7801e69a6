//! `pgml.train` and `pgml.train_joint`.
//!
//! Everything that can be wrong with the request or the data is found before anything is written. (1.0 copies the rows
//! first. An error undoes that.)

mod again;
mod contest;
mod identifiers;
mod order;
mod tasks;

use std::time::Instant;

use crate::json::JsonB;
use pgml_core::columns::Labels;
use pgml_core::preprocess::{Encode, Fitted, Plan, Preprocess, unique};
use pgml_core::project::{Task, replaces};
use pgml_core::split::SplitRows;
use pgml_core::{Error, algorithm};
use pgrx::prelude::*;

use crate::catalog::projects::{self, Project};
use crate::catalog::snapshots::{self, Snapshot};
use crate::catalog::{Edition, deployments, importances, models};
use crate::error::{Result, SqlResult};
use crate::fit::Names;
use crate::memory;
use crate::native;
use crate::preparation;
use crate::progress;
use crate::rights;
use crate::rows::{self, Reading};
use crate::strings::{Str, Strs, enum_name, string};

use contest::{Contest, Verdict};
use order::Order;

/// The arguments of `train`, as they were given.
#[derive(Default)]
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
                labels: y_column_name.map(LabelNames::names).transpose()?,
                algorithm: enum_name(algorithm),
                hyperparams,
                search: enum_name(search),
                search_params,
                search_args,
                test_size: test_size.map(|size| size as f32),
                sampling: enum_name(test_sampling),
                runtime: enum_name(runtime),
                deploy: automatic_deploy.unwrap_or(true),
                materialize: materialize_snapshot.unwrap_or(false),
                preprocess,
                exclude: exclude.map(|Strs(names)| excluded(names)).transpose()?,
                weight: string(weight_column),
                metric: string(metric),
                redefine: redefine.unwrap_or(false),
            };
            Ok(TableIterator::once(row(train(Edition::Current, call)?)))
        }
    };
}

train_function!(pgml_train, Str);
train_function!(pgml_train_joint, Strs);

fn row(trained: Trained) -> Row {
    let Trained { project, task, algorithm, model, verdict } = trained;
    let Verdict { deployed, metric, score, deployed_score, reason } = verdict;
    let (task, metric) = (Str(task.name().into()), Str(metric.into()));
    (Str(project), task, Str(algorithm), deployed, model, metric, score, deployed_score, Str(reason))
}

/// The argument `y_column_name`: the name of a label, or the names of several.
pub trait LabelNames {
    fn names(self) -> Result<Vec<String>>;
}

impl LabelNames for Str {
    fn names(self) -> Result<Vec<String>> {
        Ok(vec![self.0])
    }
}

impl LabelNames for Strs {
    fn names(self) -> Result<Vec<String>> {
        known_labels(self.0)
    }
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
pub fn train(edition: Edition, call: Call) -> Result<Trained> {
    rights::of_trainers(|| {
        let mut order = Order::of(edition, call)?;
        let data = TrainingData::read(&mut order)?;
        fit(order, data)
    })
}

/// The rows of a training, as the model takes them.
struct TrainingData {
    rows: SplitRows,
    /// What is done with the columns; `None` if the model takes them as they are.
    steps: Option<Fitted>,
    /// Editions before this release's compare models without one.
    contest: Option<Contest>,
    /// Whether the project means something else from this training on.
    redefined: bool,
    read_seconds: f64,
}

impl TrainingData {
    fn read(order: &mut Order) -> Result<TrainingData> {
        let labels = if order.task == Task::Classification { Labels::Classes } else { Labels::Numbers };
        let reading = Reading::new(order.edition, labels, algorithm::takes_missing(&order.algorithm));
        if !(order.reused && order.snapshot.materialized) {
            rows::check(reading, &order.snapshot)?;
        }
        let weighs = order.snapshot.weight.is_some();
        order.runtime.check(&order.request(&Names::default()), order.task, weighs)?;
        let began = Instant::now();
        let mut rows = read(reading, &mut order.snapshot, order.reused, order.materialize)?;
        let redefined = redefined(order.redefine, order.project.as_ref(), &rows)?;
        let mut contest = match order.edition {
            Edition::Current => {
                identifiers::check(&rows, &order.snapshot.plan)?;
                Some(Contest::of(&rows, &order.snapshot, order.task, order.metric, order.deploy))
            }
            Edition::V1 | Edition::V2 => None,
        };
        let steps = rows::prepare(&mut rows, reading, &order.snapshot)?;
        let read_seconds = began.elapsed().as_secs_f64();
        memory::check_fit(&order.algorithm, &rows.matrix, rows.train(), &order.snapshot.relation)?;
        if let Some(contest) = &mut contest {
            contest.prepared(&rows);
        }
        Ok(TrainingData { rows, steps, contest, redefined, read_seconds })
    }
}

/// Fit a model, store it, and deploy it when it is the better one.
fn fit(order: Order, data: TrainingData) -> Result<Trained> {
    let TrainingData { rows, steps, contest, redefined, read_seconds } = data;
    let mut names = names(&rows, steps.as_ref());
    if let Some(steps) = steps.as_ref().filter(|_| algorithm::takes_categories(&order.algorithm)) {
        names.categories = categories(&order.snapshot.plan, &steps.preprocess);
    }
    let request = order.request(&names);
    let Order { edition, ref name, task, runtime, .. } = order;
    let project = projects::find_or_create(edition, name, task)?;
    let snapshot = noted(&order.snapshot, order.reused, &rows, steps.as_ref())?;
    let train = rows.train();
    let SplitRows { matrix, .. } = rows;
    let model = models::start(edition, &project, snapshot, matrix.features, &request, runtime)?;
    let mut pickle = None;
    let mut store = |bytes: &[u8]| match &mut pickle {
        Some(pickle) => models::FileWriter::add(pickle, bytes),
        none => none.insert(models::pickle(model)?).add(bytes),
    };
    let mut fitted = progress::fitting(|| runtime.fit(&request, task, matrix, train, &mut store))?;
    // A model that Rust trained has no form for Python.
    pickle.map_or(Ok(()), models::FileWriter::finish)?;
    fitted.metrics = importances::named(&fitted.metrics, &names.features);
    models::finish(model, &fitted, &native::accepted(&fitted), read_seconds)?;
    if let Some(steps) = steps {
        preparation::store(model, &steps.preprocess)?;
    }
    let verdict = match contest {
        Some(contest) => contest.decide(name, model, &fitted.metrics, redefined)?,
        None => {
            let deployed = order.deploy && deploy_if_better(edition, name, model)?;
            Verdict::of_older_editions(deployed, task)
        }
    };
    Ok(Trained { project: order.name, task, algorithm: order.algorithm, model, verdict })
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
    Names { features, categories: Vec::new(), classes: rows.matrix.classes.clone() }
}

/// The places, among the numbers that a model takes, of texts that are numbered as they are, and in no order that was asked for.
fn categories(plan: &Plan, prepared: &Preprocess) -> Vec<usize> {
    let numbered = prepared.steps().iter().flat_map(|column| {
        let native = plan.steps(&column.name).encode == Encode::Native && column.scale.is_none();
        std::iter::repeat_n(column.categories.is_some() && native, column.outputs())
    });
    numbered.enumerate().filter_map(|(place, numbered)| numbered.then_some(place)).collect()
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
