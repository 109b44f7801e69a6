//! Training again what is deployed, where a call names no algorithm.

use pgml_core::preprocess::Plan;

use super::Call;
use crate::catalog::projects::Project;
use crate::catalog::{Edition, deployments, models, snapshots};
use crate::error::Result;

/// How the deployed model was trained.
pub struct DeployedTraining {
    pub algorithm: String,
    /// `rust` where it was trained so.
    pub runtime: Option<String>,
    /// The text of a JSON object.
    pub hyperparams: String,
    pub plan: Plan,
}

/// What a call that names no algorithm trains again; `None` if it names one, or nothing is deployed.
pub fn of_deployed(call: &Call, project: Option<&Project>) -> Result<Option<DeployedTraining>> {
    let Some(project) = project.filter(|_| call.algorithm.is_none()) else { return Ok(None) };
    let Some(deployed) = deployments::history(project)?.first().copied() else { return Ok(None) };
    let Some(recipe) = models::recipe(deployed)? else { return Ok(None) };
    let plan = snapshots::of_model(Edition::Current, deployed)?.map(|snapshot| snapshot.plan).unwrap_or_default();
    Ok(Some(DeployedTraining {
        algorithm: recipe.algorithm,
        runtime: recipe.runtime.filter(|runtime| runtime == "rust"),
        hyperparams: recipe.hyperparams,
        plan,
    }))
}
