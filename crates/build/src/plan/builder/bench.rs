//! The plan for `bench trees`: the libraries that pgml is compared with, which are never shipped.

use base::exit::Failure;
use targets::lock::WheelSet;

use super::Builder;
use crate::plan::{Context, Plan};

/// The name of those wheels in `targets.toml`.
pub const WHEELS: &str = "bench";

/// Plans the jobs that install a Python's wheels, and returns the id of the last one; `None` if no lock pins these wheels.
pub fn plan(context: &Context<'_>, python: &str) -> Result<Option<(Plan, String)>, Failure> {
    let mut builder = Builder::new(context);
    let first = context.targets.first_architecture();
    let mut fixtures = context.targets.wheels.fixtures.iter();
    let wanted = fixtures.find(|fixture| {
        fixture.name == WHEELS
            && fixture.python.to_string() == python
            && context.machine.architecture == first
    });
    let Some(fixture) = wanted else {
        return Ok(None);
    };
    let set = WheelSet::Fixture(fixture.clone()).name();
    let job = builder.fixture(&set, &context.targets.wheels.installer, "python")?;
    let plan = Plan {
        jobs: builder.jobs,
        goals: vec![job.id.clone()],
        ..Plan::default()
    };
    Ok(Some((plan, job.id)))
}
