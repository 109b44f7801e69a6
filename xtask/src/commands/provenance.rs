//! `cargo xtask verify --provenance`

use std::path::Path;

use base::exit::{Exit, Failure};
use base::workspace::Workspace;
use build::plan::Purpose;
use inputs::fetch::mirrors::UserMirrors;
use jobs::source_tree::SourceTree;
use release::pipeline::Pipeline;
use release::provenance::check::{LocalState, check, read};
use release::publish::plan_digest;

use crate::output::{print, print_json};

/// Checks the statement of a release.
pub fn verify(
    release: &Path,
    keyring: Option<&Path>,
    json: bool,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let statement = read(release)?;
    let stated = &statement.predicate.build_definition.external_parameters;
    let epoch = stated.epoch.to_string();
    let pipeline = Pipeline::load(workspace, Some(&epoch), &UserMirrors::default())?;
    let named = stated.targets.iter();
    let named: Result<Vec<_>, _> = named.map(|name| pipeline.targets.target(name)).collect();
    let plan = named
        .map_err(Failure::from)
        .and_then(|chosen| pipeline.plan(&chosen, Purpose::Dist))
        .map(|plan| plan_digest(&plan))
        // A plan that can't be computed says why.
        .map_err(|failure| match failure.report {
            Some(report) => report.to_string(),
            None => "it can't be computed".to_owned(),
        });
    let here = LocalState {
        tree: &SourceTree::read(workspace)?,
        toolchain: &pipeline.toolchain.version,
        plan,
        keyring,
        log: &workspace.log("provenance"),
    };
    let document = check(release, &statement, &here)?;
    match json {
        true => print_json(&document)?,
        false => print(&document.to_string())?,
    }
    match document.holds {
        true => Ok(()),
        false => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}
