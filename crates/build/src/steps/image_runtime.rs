//! The step that makes the layer with the Python runtime.

use std::path::PathBuf;

use base::exit::Failure;
use base::files::{self, FileError};
use base::json;
use base::process::Program;
use targets::Distribution;

use super::context::Steps;
use crate::layout::ROOTFS;
use crate::oci::base_layer::{ACCOUNTS, DATABASE, SYSTEM};
use crate::oci::dpkg::Install;
use crate::oci::filter::Filter;
use crate::plan::{Work, ids};

/// The layer with the Python runtime in a job's output.
pub(super) const RUNTIME_LAYER: &str = "runtime.tar.gz";
/// The file with the digests of that layer in a job's output.
pub(super) const RUNTIME: &str = "runtime.json";

/// Makes the layer with the Python runtime of a distribution.
pub(super) fn image_runtime(
    steps: &Steps<'_>,
    work: &Work<'_>,
    distribution: &str,
) -> Result<String, Failure> {
    let facts = steps.distribution(distribution)?;
    let base = facts.base();
    let install = Install {
        rootfs: &python_rootfs(steps, work, steps.distribution(base)?)?,
        foreign: steps.is_foreign(&facts.architecture),
        system: &work
            .output_of(&ids::image_base(&distribution))?
            .join(SYSTEM),
        name: "pgml-python",
        deb: &deb_of(work, &ids::package(&base), "pgml-python")?,
        filter: &Filter::default(),
        epoch: steps.epoch,
        scratch: &work.scratch.join("dpkg"),
        log: &work.log,
    };
    let (layer, root) = install.run(&work.out.join(RUNTIME_LAYER))?;
    // The next package is installed on top of this one.
    let system = work.out.join(SYSTEM);
    files::create_dir(&system)?;
    Program::new("cp")
        .args(["--recursive", "--parents"])
        .args(ACCOUNTS)
        .arg(DATABASE)
        .arg(system)
        .dir(root)
        .run(&work.log)?;
    files::write(&work.out.join(RUNTIME), json::pretty(&layer))?;
    Ok(format!("{:.0} MB", layer.size as f64 / 1e6))
}

/// The `.deb` of this name in a package job's output.
pub(super) fn deb_of(work: &Work<'_>, job: &str, name: &str) -> Result<PathBuf, Failure> {
    let dir = work.output_of(job)?;
    let prefix = format!("{name}_");
    let all = files::files_below(dir)?;
    let found = all
        .iter()
        .find(|file| file.to_string_lossy().starts_with(&prefix));
    let missing = || FileError::at("find a package in", dir)(std::io::ErrorKind::NotFound.into());
    Ok(dir.join(found.ok_or_else(missing)?))
}

/// The root file system of a distribution's release on this machine's architecture.
pub(super) fn python_rootfs(
    steps: &Steps<'_>,
    work: &Work<'_>,
    distribution: &Distribution,
) -> Result<PathBuf, Failure> {
    let own = steps.host.architecture(steps.targets);
    let own = own.qualify(&distribution.release);
    Ok(work.output_of(&ids::rootfs(&own, "python"))?.join(ROOTFS))
}
