//! A model's life after training: dropping it, dropping or renaming its project.

use pgml_core::Error;
use pgrx::prelude::*;

use crate::catalog::{Edition, deployments, models, projects, snapshots};
use crate::error::{Result, SqlResult};
use crate::rights;
use crate::shared;
use crate::strings::Str;
use crate::text;

#[pg_extern(sql = false)]
fn pgml_drop_model(model_id: i64, force: bool) -> SqlResult<()> {
    Ok(rights::of_owners(|| drop_model(model_id, force))?)
}

#[pg_extern(sql = false)]
fn pgml_drop_project(project_name: Str, force: bool) -> SqlResult<()> {
    Ok(rights::of_owners(|| drop_project(&project_name.0, force))?)
}

#[pg_extern(sql = false)]
fn pgml_rename_project(old_name: Str, new_name: Str) -> SqlResult<()> {
    Ok(rights::of_owners(|| rename_project(&old_name.0, &new_name.0))?)
}

/// Delete a model, and its snapshot where no other model was trained on it.
fn drop_model(id: i64, force: bool) -> Result<()> {
    let (project, ..) = models::find(Edition::Current, id)?.ok_or(Error::NoModel(id))?;
    let found = deployments::decide(&project)?;
    let deployed = deployments::history(&found)?.first() == Some(&id);
    if deployed && !force {
        return Err(Error::DropDeployed { id, project }.into());
    }
    if let Some(snapshot) = models::delete(id)?
        && !snapshots::is_used(snapshot)?
    {
        snapshots::delete(snapshot)?;
    }
    // Only files that no session uses, so that it doesn't matter whether the transaction commits.
    shared::remove_unused();
    if deployed {
        match deployments::history(&found)?.first() {
            Some(now) => text::notice(&format!(
                "model {now}, which was deployed before, answers for project \"{project}\" again"
            )),
            None => text::notice(&format!("project \"{project}\" has no deployed model any more")),
        }
    }
    Ok(())
}

/// Delete a project with its models and the snapshots that no other project uses.
fn drop_project(name: &str, force: bool) -> Result<()> {
    let project = deployments::decide(name)?;
    if let Some(id) = deployments::history(&project)?.first().copied().filter(|_| !force) {
        return Err(Error::DropProject { id, project: name.to_string() }.into());
    }
    let snapshots = snapshots::only_of(&project)?;
    projects::delete(&project)?;
    shared::remove_unused();
    snapshots.into_iter().try_for_each(snapshots::delete)
}

fn rename_project(old: &str, new: &str) -> Result<()> {
    if new.is_empty() {
        return Err(Error::EmptyArgument("new_name").into());
    }
    let project = deployments::decide(old)?;
    match projects::find(new)? {
        Some(other) if other.id != project.id => Err(Error::ProjectExists(new.to_string()).into()),
        _ => projects::rename(&project, new),
    }
}
