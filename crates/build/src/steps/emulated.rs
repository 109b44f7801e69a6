//! The steps that run maintainer scripts of another architecture: root file systems and the lowest layer of images.
//!
//! They are in a file of their own, so that nothing about emulation is in the keys of what this machine's architecture needs.

use std::path::Path;

use base::exit::Failure;
use base::files::{self, FileError};
use debian::emulated::{self, Packages};
use debian::rootfs;
use targets::Distribution;
use targets::lock::Lock;

use super::context::Steps;
use crate::layout::{MOUNT_POINTS, ROOTFS, ROOTFS_ARCHIVE};
use crate::oci::base_layer;
use crate::oci::config::ImageConfig;
use crate::oci::filter::Filter;
use crate::plan::Work;

/// Installs the packages of some roles into an archive; returns their number.
fn install(
    steps: &Steps<'_>,
    work: &Work<'_>,
    facts: &Distribution,
    roles: &[&str],
    archive: &Path,
) -> Result<usize, Failure> {
    let debs = work.scratch.join("debs");
    rootfs::link_packages(work.outputs().values(), &debs)?;
    let lock = Lock::open(steps.workspace, steps.targets, facts)?;
    let packages = lock.packages_of(roles);
    let names: Vec<String> = packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let packages = Packages {
        debs: &debs,
        names: &names,
        codename: &facts.codename,
        architecture: &facts.architecture.name,
    };
    let emulation = steps.emulation(&facts.architecture)?;
    let emulation = emulation.ok_or_else(|| {
        Failure::bug(format!(
            "the plan emulates {} on itself",
            facts.architecture.name
        ))
    })?;
    let emulate = |program: &_| emulation.wrap_system(program);
    emulated::make_archive(&packages, &emulate, archive, &work.scratch, &work.log)?;
    Ok(names.len())
}

/// Makes a root file system of another architecture, as the step of this machine's does.
pub(super) fn rootfs(
    steps: &Steps<'_>,
    work: &Work<'_>,
    distribution: &str,
    role: &str,
) -> Result<String, Failure> {
    let mut roles: Vec<&str> = vec![role];
    if let Some(role) = steps.targets.role(role) {
        roles.extend(role.beyond.iter().map(String::as_str));
    }
    let archive = work.out.join(ROOTFS_ARCHIVE);
    let facts = steps.distribution(distribution)?;
    let count = install(steps, work, facts, &roles, &archive)?;
    // `base` is what install tests start from, with owners and devices; the others are entered by a sandbox.
    if role != "base" {
        rootfs::unpack_for_sandbox(&archive, &work.out.join(ROOTFS), &MOUNT_POINTS, &work.log)?;
        std::fs::remove_file(&archive).map_err(FileError::at("remove", &archive))?;
    }
    Ok(format!("root file system of {count} packages, emulated"))
}

/// Makes the base layers of a distribution of another architecture.
pub(super) fn image_base(
    steps: &Steps<'_>,
    work: &Work<'_>,
    distribution: &str,
) -> Result<String, Failure> {
    let facts = steps.distribution(distribution)?;
    let archive = work.scratch.join("rootfs.tar");
    work.progress("installing the distribution and Postgres, emulated");
    let count = install(steps, work, facts, &["base", "image"], &archive)?;
    work.progress("compressing the layers");
    let config = ImageConfig::load(&steps.workspace.root)?;
    let slim = Filter::slim(&steps.workspace.root)?;
    let layers = base_layer::make(&archive, config.uid, &slim, &work.out)?;
    files::remove_dir(&work.scratch.join("debs"))?;
    Ok(format!(
        "{count} packages; {:.0} MB, slim {:.0} MB",
        layers.full.size as f64 / 1e6,
        layers.slim.size as f64 / 1e6
    ))
}
