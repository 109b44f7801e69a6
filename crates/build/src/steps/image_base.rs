//! The step that makes the lowest layer of a distribution's images.

use base::exit::Failure;
use debian::rootfs;
use targets::lock::Lock;

use super::context::Steps;
use crate::oci::base_layer;
use crate::oci::config::ImageConfig;
use crate::oci::filter::Filter;
use crate::plan::Work;

/// Makes the base layers of a distribution.
pub(super) fn image_base(
    steps: &Steps<'_>,
    work: &Work<'_>,
    distribution: &str,
) -> Result<String, Failure> {
    let debs = work.scratch.join("debs");
    rootfs::link_packages(work.outputs().values(), &debs)?;
    let facts = steps.targets.require_distribution(distribution)?;
    let lock = Lock::open(steps.workspace, steps.targets, facts)?;
    let names: Vec<String> = lock
        .packages_of(&["base", "image"])
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let archive = work.scratch.join("rootfs.tar");
    work.progress("installing the distribution and Postgres");
    rootfs::make_archive(
        &debs,
        &names,
        &facts.codename,
        &archive,
        &work.scratch,
        &work.log,
    )?;
    work.progress("compressing the layers");
    let config = ImageConfig::load(&steps.workspace.root)?;
    let slim = Filter::slim(&steps.workspace.root)?;
    let layers = base_layer::make(&archive, config.uid, &slim, &work.out)?;
    Ok(format!(
        "{} packages; {:.0} MB, slim {:.0} MB",
        names.len(),
        layers.full.size as f64 / 1e6,
        layers.slim.size as f64 / 1e6
    ))
}
