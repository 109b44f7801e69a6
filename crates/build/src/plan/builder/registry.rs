//! The plan for the test of publishing (docs/publish.md): a system with a registry and the tools that read from it.

use base::exit::Failure;

use super::Builder;
use crate::plan::{Context, Plan};

/// The role with those packages.
pub const ROLE: &str = "registry";

/// The release that has them.
pub fn distribution<'a>(context: &'a Context<'_>) -> Result<&'a str, Failure> {
    let role = context.targets.role(ROLE);
    let first = role.and_then(|role| role.distributions.first());
    first
        .map(String::as_str)
        .ok_or_else(|| Failure::bug("targets.toml has no release for the role `registry`"))
}

/// All jobs for the test.
pub fn plan(context: &Context<'_>) -> Result<Plan, Failure> {
    let mut builder = Builder::new(context);
    let goals = vec![builder.rootfs(distribution(context)?, ROLE)?.id];
    Ok(Plan {
        jobs: builder.jobs,
        goals,
        ..Plan::default()
    })
}
