//! `pgml.deployments`: the history of which model answers for a project. The newest row is the one that does.

use std::ffi::CStr;

use pgml_core::Error;

use super::projects::{self, Project};
use super::{Edition, required};
use crate::error::Result;
use crate::spi;

/// A model as predictions use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    pub id: i64,
    /// Where the model's row and its files are and who wrote them. It differs when one of them is another one, even with
    /// the same id (after a DROP EXTENSION, or a sequence that was set back).
    pub version: String,
    /// Whether the project's task is decomposition, as the calling statement sees it.
    pub decomposes: bool,
}

fn deployed(row: &spi::Row<'_>) -> Result<Deployed> {
    Ok(Deployed { id: required(row.get(1))?, version: required(row.get(2))?, decomposes: row.get(3).unwrap_or(false) })
}

/// The version of model `m`, in a query.
macro_rules! version {
    () => {
        "pg_catalog.concat_ws(' ', m.tableoid, m.ctid, m.xmin, (SELECT pg_catalog.string_agg(\
         pg_catalog.concat_ws(' ', f.tableoid, f.ctid, f.xmin), ',' ORDER BY f.id) FROM pgml.files AS f \
         WHERE f.model_id OPERATOR(pg_catalog.=) m.id))"
    };
}

const CURRENT: &CStr = query!(
    "SELECT m.id, ",
    version!(),
    ", p.task::pg_catalog.text OPERATOR(pg_catalog.=) 'decomposition' FROM pgml.projects AS p JOIN pgml.deployments AS d ON d.project_id OPERATOR(pg_catalog.=) p.id \
     JOIN pgml.models AS m ON m.id OPERATOR(pg_catalog.=) d.model_id \
     WHERE p.name OPERATOR(pg_catalog.=) $1 ORDER BY d.created_at DESC, d.id DESC LIMIT 1"
);

const SPECIFIC: &CStr = query!(
    "SELECT m.id, ",
    version!(),
    ", (SELECT p.task::pg_catalog.text OPERATOR(pg_catalog.=) 'decomposition' FROM pgml.projects AS p \
     WHERE p.id OPERATOR(pg_catalog.=) m.project_id) FROM pgml.models AS m WHERE m.id OPERATOR(pg_catalog.=) $1"
);

/// Deploy a model. The newest deployment is the one that counts, as in every PostgresML, whatever the time zones of the sessions:
/// its time is always after the project's other ones.
pub fn create(edition: Edition, project: &Project, model: i64, strategy: &str) -> Result<()> {
    let strategy_value = edition.value(3, "strategy");
    spi::execute(
        &format!(
            "INSERT INTO pgml.deployments (project_id, model_id, strategy, created_at) SELECT $1, $2, {strategy_value}, \
             GREATEST(pg_catalog.clock_timestamp()::pg_catalog.timestamp, pg_catalog.max(created_at) \
             OPERATOR(pg_catalog.+) '1 microsecond'::pg_catalog.interval) \
             FROM pgml.deployments WHERE project_id OPERATOR(pg_catalog.=) $1"
        ),
        &[project.id.into(), model.into(), strategy.into()],
    )
}

/// The models that were deployed, the current one first.
pub fn history(project: &Project) -> Result<Vec<i64>> {
    spi::run(
        "SELECT model_id FROM pgml.deployments WHERE project_id OPERATOR(pg_catalog.=) $1 ORDER BY created_at DESC, id DESC",
        &[project.id.into()],
        |row| required(row.get(1)),
    )
}

/// The model that answers for a project, as the calling statement sees it.
pub fn current(project: &str) -> Result<Deployed> {
    let found = spi::read(CURRENT, &[project.into()], deployed)?;
    match found.into_iter().next() {
        Some(deployed) => Ok(deployed),
        None if exists(project)? => Err(Error::NothingDeployed(project.to_string()).into()),
        None => Err(Error::NoProject(project.to_string()).into()),
    }
}

fn exists(project: &str) -> Result<bool> {
    let found =
        spi::read(c"SELECT true FROM pgml.projects WHERE name OPERATOR(pg_catalog.=) $1", &[project.into()], |row| {
            required(row.get(1))
        })?;
    Ok(found.first().copied().unwrap_or(false))
}

/// A model by its id, as the calling statement sees it.
pub fn specific(model: i64) -> Result<Deployed> {
    let found = spi::read(SPECIFIC, &[model.into()], deployed)?;
    found.into_iter().next().ok_or_else(|| Error::NoModel(model).into())
}

/// The project of a name, locked for a decision about what is deployed.
pub fn decide(project: &str) -> Result<Project> {
    let project = projects::existing(project)?;
    projects::lock(&project)?;
    Ok(project)
}
