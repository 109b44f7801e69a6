//! `pgml.deploy`: choose the model that answers for a project.

use pgml_core::Error;
use pgml_core::metric::Metric;
use pgml_core::project::{Strategy, choose};
use pgrx::prelude::*;

use crate::catalog::models::Candidate;
use crate::catalog::{Edition, deployments, models, projects};
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::strings::{Str, enum_name, string};

/// A row of the result: project, strategy, algorithm.
pub type Chosen = (String, String, String);

#[pg_extern(sql = false)]
fn pgml_deploy(
    project_name: Option<Str>,
    strategy: Option<pg_sys::Oid>,
    algorithm: Option<pg_sys::Oid>,
) -> SqlResult<TableIterator<'static, (name!(project, Str), name!(strategy, Str), name!(algorithm, Str))>> {
    let chosen = by_strategy(Edition::Current, string(project_name), enum_name(strategy), enum_name(algorithm))?;
    Ok(TableIterator::once(row(chosen)))
}

#[pg_extern(sql = false)]
fn pgml_deploy_model(
    model_id: i64,
) -> SqlResult<TableIterator<'static, (name!(project, Str), name!(strategy, Str), name!(algorithm, Str))>> {
    Ok(TableIterator::once(row(rights::of_trainers(|| specific(model_id))?)))
}

/// As the function returns it.
pub fn row((project, strategy, algorithm): Chosen) -> (Str, Str, Str) {
    (Str(project), Str(strategy), Str(algorithm))
}

pub fn by_strategy(
    edition: Edition,
    project: Option<String>,
    strategy: Option<String>,
    algorithm: Option<String>,
) -> Result<Chosen> {
    rights::of_trainers(|| chosen(edition, project, strategy, algorithm))
}

fn chosen(
    edition: Edition,
    project: Option<String>,
    strategy: Option<String>,
    algorithm: Option<String>,
) -> Result<Chosen> {
    let project = project.ok_or(Error::NullArgument("project_name"))?;
    let strategy = strategy.ok_or(Error::NullArgument("strategy"))?;
    let choice = Strategy::parse(&strategy)?;
    let found = deployments::decide(&project)?;
    let metric = match edition {
        Edition::Current => projects::metric(&found)?,
        Edition::V1 | Edition::V2 => None,
    };
    let metric = metric.unwrap_or(Metric::usual(found.task()?));
    let candidates = models::candidates(edition, &found, metric.name, algorithm.as_deref())?;
    let score = |candidate: &Candidate| (candidate.id, candidate.score.map(|score| metric.ascending(score)));
    let scored: Vec<(i64, Option<f64>)> = candidates.iter().map(score).collect();
    let chosen = choose(choice, &scored, &deployments::history(&found)?);
    let chosen = chosen.and_then(|id| candidates.into_iter().find(|candidate| candidate.id == id));
    let Some(model) = chosen else {
        return Err(match choice {
            Strategy::Rollback => Error::NoRollback(project),
            Strategy::BestScore | Strategy::MostRecent => Error::NoCandidate { project, algorithm },
        }
        .into());
    };
    deployments::create(edition, &found, model.id, &strategy)?;
    Ok((project, strategy, model.algorithm))
}

fn specific(id: i64) -> Result<Chosen> {
    let (project, algorithm, status) = models::find(Edition::Current, id)?.ok_or(Error::NoModel(id))?;
    if status != "successful" {
        return Err(Error::ModelStatus { id, project, status }.into());
    }
    let found = deployments::decide(&project)?;
    deployments::create(Edition::Current, &found, id, "specific")?;
    Ok((project, "specific".to_string(), algorithm))
}
