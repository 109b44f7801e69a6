//! What a statement is compared with: the source tree, the locks, the compiler and the plan of this checkout.

use std::path::Path;

use base::digest::Digest;
use base::exit::Failure;
use base::workspace::Workspace;
use build::plan::Purpose;
use inputs::fetch::mirrors::UserMirrors;
use jobs::source_tree::SourceTree;

use super::Statement;
use super::check::LocalState;
use crate::pipeline::Pipeline;
use crate::publish::products_digest;

/// This checkout, for the targets and the time of a statement.
pub struct Here {
    tree: SourceTree,
    toolchain: String,
    plan: Result<Digest, String>,
}

impl Here {
    /// Reads it. A plan that can't be computed is reported as a difference, not as an error.
    pub fn of(workspace: &Workspace, statement: &Statement) -> Result<Self, Failure> {
        let stated = &statement.predicate.build_definition.external_parameters;
        let epoch = stated.epoch.to_string();
        let pipeline = Pipeline::load(workspace, Some(&epoch), &UserMirrors::default())?;
        let named = stated.targets.iter();
        let named: Result<Vec<_>, _> = named.map(|name| pipeline.targets.target(name)).collect();
        let plan = named
            .map_err(Failure::from)
            .and_then(|chosen| pipeline.plan(&chosen, Purpose::Dist))
            .map(|plan| products_digest(&plan))
            .map_err(|failure| match failure.report {
                Some(report) => report.to_string(),
                None => "it can't be computed".to_owned(),
            });
        Ok(Self {
            tree: SourceTree::read(workspace)?,
            toolchain: pipeline.toolchain.version.clone(),
            plan,
        })
    }

    /// The form that checks take.
    pub fn state<'a>(&'a self, keyring: Option<&'a Path>, log: &'a Path) -> LocalState<'a> {
        LocalState {
            tree: &self.tree,
            toolchain: &self.toolchain,
            plan: self.plan.clone(),
            keyring,
            log,
        }
    }
}
