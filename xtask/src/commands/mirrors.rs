//! The arguments of every command that may contact an archive.

use pgml_dist::fetch::FetchError;
use pgml_dist::fetch::mirrors::Mirrors;
use pgml_dist::targets::Targets;
use pgml_dist::workspace::Workspace;

/// Which archives may be contacted.
#[derive(clap::Args)]
pub struct MirrorArgs {
    /// An archive that may be contacted besides those of this machine's apt: NAME, or NAME=URI. May be given more than
    /// once; in the environment separated by spaces
    #[arg(long = "mirror", value_name = "NAME[=URI]", env = "PGML_DIST_MIRRORS")]
    mirrors: Vec<String>,
}

impl MirrorArgs {
    /// What was given besides the machine's own, as it was given.
    pub fn given(&self) -> &[String] {
        &self.mirrors
    }
}

impl MirrorArgs {
    /// What this machine's apt is configured for, and what was given.
    pub fn discover(
        &self,
        targets: &Targets,
        workspace: &Workspace,
    ) -> Result<Mirrors, FetchError> {
        Mirrors::discover(targets, &self.mirrors, &workspace.log("mirrors"))
    }
}
