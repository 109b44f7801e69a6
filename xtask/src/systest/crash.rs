//! The suite `crash`
use crate::exit::Failure;
use crate::pipeline::Pipeline;
use crate::progress::Listener;
use crate::systest::cases::Case;

/// Runs the suite.
pub fn run(pipeline: &Pipeline, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
    let plan = pipeline.crash_plan()?;
    pipeline.execute(&plan, &[], listener)?;
    Ok(Vec::new())
}
