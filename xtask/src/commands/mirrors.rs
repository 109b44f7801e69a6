//! The arguments of every command that may contact an archive.

use base::exit::Failure;
use base::workspace::Workspace;
use inputs::fetch::FetchError;
use inputs::fetch::mirrors::{Mirrors, UserMirrors};
use release::pipeline::Pipeline;
use targets::Targets;

/// The archives that may be contacted.
#[derive(clap::Args)]
pub struct MirrorArgs {
    /// An archive that may be contacted besides those of this machine's apt: NAME, or NAME=URI. May be given more than
    /// once; in the environment separated by spaces
    #[arg(long = "mirror", value_name = "NAME[=URI]", env = "PGML_DIST_MIRRORS")]
    mirrors: Vec<String>,
    /// Don't ask the public services that keep packages which left an archive, such as Debian's snapshot service
    #[arg(long, env = "PGML_DIST_NO_SNAPSHOT", value_parser = clap::builder::BoolishValueParser::new())]
    no_snapshot: bool,
}

impl MirrorArgs {
    /// Reads the configuration of a run that makes no release.
    pub fn pipeline(&self, workspace: &Workspace) -> Result<Pipeline, Failure> {
        Pipeline::load(workspace, None, &self.user_mirrors())
    }

    /// The archives that the user allowed in addition to those that this machine's apt is configured for.
    pub fn user_mirrors(&self) -> UserMirrors {
        UserMirrors {
            enabled: self.mirrors.clone(),
            no_snapshot: self.no_snapshot,
        }
    }
}

impl MirrorArgs {
    /// The archives that this machine's apt is configured for, and those that the user named.
    pub fn discover(
        &self,
        targets: &Targets,
        workspace: &Workspace,
    ) -> Result<Mirrors, FetchError> {
        Mirrors::discover(targets, &self.user_mirrors(), &workspace.log("mirrors"))
    }
}
