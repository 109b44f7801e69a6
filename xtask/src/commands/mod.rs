//! One file per command. A command turns arguments into calls of the crates below and results into output. Logic that two
//! commands need belongs into a crate.

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
pub mod publish;
pub mod reproduce;
pub mod test;
pub mod verify;
pub mod workflows;

use std::path::PathBuf;

use base::exit::Failure;
use base::workspace::Workspace;
use debian::apt::options::UserKey;
use inputs::host::Choice;
use release::pipeline::Pipeline;
use release::relock::Policy;
use targets::Target;

/// The targets that a command is for.
#[derive(clap::Args)]
pub struct TargetChoice {
    /// Targets such as `debian12-pg15`, `jammy-pg16` or `debian12-pg15-arm64`, or globs [default: this machine's own]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Every Postgres major on every distribution, for one architecture
    #[arg(long, conflicts_with = "targets")]
    all: bool,
    /// The architecture of the targets that don't name theirs, `amd64` or `arm64` [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
}

impl TargetChoice {
    /// The targets that the arguments choose.
    pub fn select(&self, pipeline: &Pipeline) -> Result<Vec<Target>, Failure> {
        let choice = Choice {
            patterns: &self.targets,
            all: self.all,
            architecture: self.arch.as_deref(),
        };
        Ok(pipeline.host.select(&pipeline.targets, &choice)?)
    }
}

/// What happens when no mirror has a locked package any more.
#[derive(clap::Args)]
pub struct LockPolicy {
    /// Never make a lock again: an input that no mirror has any more is an error
    #[arg(long)]
    locked: bool,
}

impl LockPolicy {
    /// The policy of `release` for this flag.
    pub fn policy(&self) -> Policy {
        match self.locked {
            true => Policy::Locked,
            false => Policy::Renew,
        }
    }
}

/// The sources of a build: the mirrors, the time of the release and the repository's options.
#[derive(clap::Args)]
pub struct Sources {
    #[command(flatten)]
    mirrors: mirrors::MirrorArgs,
    /// The time of every file of the release, seconds since 1970 [default: the release's day]
    #[arg(long = "epoch", env = "SOURCE_DATE_EPOCH", value_name = "SECONDS")]
    epoch: Option<String>,
    /// Sign the apt repository with this key of gpg's [default: a local key, made on first need]
    #[arg(long, env = "PGML_SIGN_KEY", value_name = "KEY")]
    sign_key: Option<String>,
    /// Go on from this earlier apt repository: its packages stay in the new one
    #[arg(long, env = "PGML_KEEP", value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Also build this package, which adds to `pgml-python`: `catboost`
    #[arg(long = "extra", value_name = "NAME", value_delimiter = ',')]
    extras: Vec<String>,
    /// gpg's directory [default: ~/.gnupg]
    #[arg(long, env = "GNUPGHOME", value_name = "DIR", hide = true)]
    gnupg_home: Option<PathBuf>,
}

impl Sources {
    /// Reads the configuration of a run that uses them.
    pub fn pipeline(&self, workspace: &Workspace) -> Result<Pipeline, Failure> {
        self.load(workspace, self.epoch.as_deref())
    }

    /// Reads the configuration of a run for a time that the caller decides.
    pub fn pipeline_at(&self, workspace: &Workspace, epoch: u64) -> Result<Pipeline, Failure> {
        self.load(workspace, Some(&epoch.to_string()))
    }

    fn load(&self, workspace: &Workspace, epoch: Option<&str>) -> Result<Pipeline, Failure> {
        let home = || self.gnupg_home.clone().or_else(default_gnupg_home);
        let user_key = |id: &String| UserKey {
            home: home().unwrap_or_default(),
            id: id.clone(),
        };
        let mut pipeline = Pipeline::load(workspace, epoch, &self.mirrors.user_mirrors())?;
        pipeline.repository.sign_key = self.sign_key.as_ref().map(user_key);
        pipeline.repository.keep = self.keep.as_ref().map(|dir| workspace.root.join(dir));
        pipeline.use_extras(&self.extras)?;
        Ok(pipeline)
    }
}

/// The directory in which gpg keeps a user's keys by default.
fn default_gnupg_home() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("HOME")?).join(".gnupg"))
}
