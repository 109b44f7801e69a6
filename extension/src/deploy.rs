//! `pgml.deploy`: choose the model that answers for a project.

use pgml_core::Error;
use pgml_core::project::{Strategy, choose};
use pgrx::prelude::*;

use crate::catalog::{deployments, models};
use crate::error::{Result, SqlResult};
use crate::train::label;

/// A row of the result: project, strategy, algorithm.
type Chosen = (String, String, String);

#[pg_extern(sql = false)]
fn pgml_deploy(
    project_name: String,
    strategy: pg_sys::Oid,
    algorithm: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(project, String), name!(strategy, String), name!(algorithm, String))>> {
    let strategy = label(Some(strategy)).unwrap_or_default();
    Ok(TableIterator::once(by_strategy(project_name, strategy, label(algorithm))?))
}

#[pg_extern(sql = false)]
fn pgml_deploy_model(
    model_id: i64,
) -> SqlResult<TableIterator<'static, (name!(project, String), name!(strategy, String), name!(algorithm, String))>> {
    Ok(TableIterator::once(specific(model_id)?))
}

fn by_strategy(project: String, strategy: String, algorithm: Option<String>) -> Result<Chosen> {
    let choice = Strategy::parse(&strategy)?;
    let found = deployments::decide(&project)?;
    let candidates = models::candidates(&found, algorithm.as_deref())?;
    let scored: Vec<(i64, Option<f64>)> = candidates.iter().map(|candidate| (candidate.id, candidate.score)).collect();
    let chosen = choose(choice, &scored, &deployments::history(&found)?);
    let chosen = chosen.and_then(|id| candidates.into_iter().find(|candidate| candidate.id == id));
    let Some(model) = chosen else {
        return Err(match choice {
            Strategy::Rollback => Error::NoRollback(project),
            Strategy::BestScore | Strategy::MostRecent => Error::NoCandidate { project, algorithm },
        }
        .into());
    };
    deployments::create(&found, model.id, &strategy)?;
    Ok((project, strategy, model.algorithm))
}

fn specific(id: i64) -> Result<Chosen> {
    let (project, algorithm, status) = models::find(id)?.ok_or(Error::NoModel(id))?;
    if status != "successful" {
        return Err(Error::ModelStatus { id, project, status }.into());
    }
    let found = deployments::decide(&project)?;
    deployments::create(&found, id, "specific")?;
    Ok((project, "specific".to_string(), algorithm))
}
