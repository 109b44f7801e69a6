//! What a call of `train` asks for, with what the call leaves out filled in from the project and its deployed model.

use pgml_core::Error;
use pgml_core::metric::Metric;
use pgml_core::preprocess::Plan;
use pgml_core::project::Task;
use pgml_core::split::Sampling;
use serde_json::Value;

use super::again::{self, DeployedTraining};
use super::{Call, tasks};
use crate::catalog::Edition;
use crate::catalog::projects::{self, Project};
use crate::catalog::snapshots::{self, Snapshot};
use crate::error::Result;
use crate::fit::{Names, Request};
use crate::json::JsonB;
use crate::relation;
use crate::runtime::Runtime;

/// A training that can begin: nothing about it is left open but the rows.
pub struct Order {
    pub edition: Edition,
    /// The name of the project.
    pub name: String,
    /// The project; `None` if this training makes it.
    pub project: Option<Project>,
    pub task: Task,
    pub algorithm: String,
    pub runtime: Runtime,
    /// The text of a JSON object, as the next two.
    pub hyperparams: String,
    pub search_params: String,
    pub search_args: String,
    pub search: Option<String>,
    /// The score that the call names.
    pub metric: Option<Metric>,
    pub deploy: bool,
    pub materialize: bool,
    pub redefine: bool,
    pub snapshot: Snapshot,
    /// Whether a model was trained on the snapshot before.
    pub reused: bool,
}

impl Order {
    /// Read a call; fails for everything that is wrong with it whatever the rows are.
    pub fn of(edition: Edition, mut call: Call) -> Result<Order> {
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
        let algorithm = pgml_core::algorithm::of_task(&algorithm, task).to_string();
        let hyperparams = match (call.hyperparams.take(), &again) {
            (None, Some(again)) => again.hyperparams.clone(),
            (given, _) => object("hyperparams", given)?,
        };
        let search_params = object("search_params", call.search_params.take())?;
        let search_args = object("search_args", call.search_args.take())?;
        let asked = call.runtime.as_deref().or(again.as_ref().and_then(|again| again.runtime.as_deref()));
        let runtime = Runtime::choose(asked, &algorithm, task)?;
        let metric = call.metric.as_deref().map(|name| Metric::parse(task, name)).transpose()?;
        let (snapshot, reused) = snapshot(edition, &name, task, project.as_ref(), &mut call, again)?;
        let Call { search, deploy, materialize, redefine, .. } = call;
        Ok(Order {
            edition,
            name,
            project,
            task,
            algorithm,
            runtime,
            hyperparams,
            search_params,
            search_args,
            search,
            metric,
            deploy,
            materialize,
            redefine,
            snapshot,
            reused,
        })
    }
}

impl Order {
    /// What the runtime is asked to fit.
    pub fn request<'a>(&'a self, names: &'a Names) -> Request<'a> {
        Request {
            algorithm: &self.algorithm,
            task: self.task.name(),
            hyperparams: &self.hyperparams,
            search: self.search.as_deref(),
            search_params: &self.search_params,
            search_args: &self.search_args,
            names,
        }
    }
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

/// The algorithm that was asked for, or the one of the deployed model; 'linear' for a new project.
fn algorithm(edition: Edition, asked: Option<String>, again: Option<&DeployedTraining>) -> Result<String> {
    match (asked, again, edition) {
        (Some(algorithm), ..) => Ok(algorithm),
        (None, Some(again), _) => Ok(again.algorithm.clone()),
        (None, None, Edition::Current) => Ok("linear".to_string()),
        (None, None, _) => Err(Error::NullArgument("algorithm").into()),
    }
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

/// The snapshot to train on: with what is done with its columns, and with what they have to be. Also tells whether it is one that
/// was trained on before.
fn snapshot(
    edition: Edition,
    name: &str,
    task: Task,
    project: Option<&Project>,
    call: &mut Call,
    again: Option<DeployedTraining>,
) -> Result<(Snapshot, bool)> {
    let plan = match (call.preprocess.take(), again) {
        (None, Some(again)) => Some(again.plan),
        (None, None) => None,
        (given, _) => Some(Plan::parse(&object("preprocess", given)?)?),
    };
    // The older editions give {} where a call says nothing, and then nothing changes.
    let plan = plan.filter(|plan| edition == Edition::Current || !plan.is_empty());
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

/// Whether a call asks for other test rows than the last training had. A call with the defaults of both arguments does not:
/// Postgres passes the same values for a call that names neither.
fn wants_another_split(wanted: &Snapshot, last: &Snapshot) -> bool {
    let says_nothing = wanted.test_size == 0.25 && wanted.sampling() == Sampling::Stratified;
    !says_nothing && (wanted.test_size, wanted.sampling()) != (last.test_size, last.sampling())
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
        // The same rows: what nobody mentions stays, but for columns that are gone.
        if let (None, Some(names)) = (&wanted.exclude, &last.exclude) {
            let columns = relation::columns(&relation::find(&last.relation)?)?;
            let is_there = |name: &&String| columns.iter().any(|column| column.name == **name);
            wanted.exclude = Some(names.iter().filter(is_there).cloned().collect());
        }
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
    let same = same && (wanted.labels.is_empty() || wanted.labels == last.labels);
    let split = edition == Edition::Current && wants_another_split(&wanted, &last);
    if same && !split {
        return Ok((last, true));
    }
    let plan = plan.or(Some(last.plan).filter(|_| same));
    if wanted.relation.is_empty() {
        wanted.relation = last.relation;
    }
    if wanted.labels.is_empty() {
        wanted.labels = last.labels;
    }
    wanted.plan = plan.unwrap_or_default();
    Ok((wanted, false))
}
