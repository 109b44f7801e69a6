//! One file per command. A command turns arguments into calls of the library and results into output; logic that two
//! commands need is the library's.

pub mod bench;
pub mod cache;
pub mod dev;
pub mod dist;
pub mod doctor;
pub mod image;
pub mod lock;
mod mirrors;
pub mod plan;
pub mod provenance;
pub mod reproduce;
pub mod test;
pub mod verify;
pub mod workflows;

use pgml_dist::exit::Failure;
use pgml_dist::pipeline::Pipeline;
use pgml_dist::targets::Target;
use pgml_dist::workspace::Workspace;

/// The targets that a command is for.
#[derive(clap::Args)]
pub struct TargetChoice {
    /// Targets such as `debian12-pg15` or `jammy-pg16`, or globs [default: this machine's own]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Every Postgres major on every distribution
    #[arg(long, conflicts_with = "targets")]
    all: bool,
}

impl TargetChoice {
    /// The targets that are meant.
    pub fn select(&self, pipeline: &Pipeline) -> Result<Vec<Target>, Failure> {
        Ok(pipeline
            .targets
            .select(&self.targets, self.all, &pipeline.host)?)
    }
}

/// From where, and for which moment.
#[derive(clap::Args)]
pub struct Sources {
    #[command(flatten)]
    mirrors: mirrors::MirrorArgs,
    /// The time of every file of the release, seconds since 1970 [default: the release's day]
    #[arg(long = "epoch", env = "SOURCE_DATE_EPOCH", value_name = "SECONDS")]
    epoch: Option<String>,
}

impl Sources {
    /// Reads the configuration of a run that uses them.
    pub fn pipeline(&self, workspace: &Workspace) -> Result<Pipeline, Failure> {
        Pipeline::load(workspace, self.epoch.as_deref(), self.mirrors.given())
    }

    /// The same for a moment that something else decides.
    pub fn pipeline_at(&self, workspace: &Workspace, epoch: u64) -> Result<Pipeline, Failure> {
        Pipeline::load(workspace, Some(&epoch.to_string()), self.mirrors.given())
    }
}
