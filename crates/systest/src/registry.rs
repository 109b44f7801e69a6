//! The suite `registry`: a release is published to a registry on the loopback interface, and read from it by the
//! programs of others: skopeo, oras and cosign of the distribution that has all three.
//!
//! The registry, Debian's docker-registry, runs in a system of its own with a network of its own. The program that
//! publishes enters that network and nothing else of it.

mod place;
mod readers;
mod writing;

use std::path::Path;

use base::exit::Failure;
use base::process::Program;
use base::{files, process};
use build::layout::ROOTFS;
use build::plan::ids;
use inputs::host::tools::RSYNC;

use self::place::RegistryTest;
use crate::cases::{Case, Cases, failure_line};
use crate::run::TestRun;
use crate::system::System;

impl TestRun<'_> {
    /// Publishes the release under test, and reads it back.
    pub fn registry(&self) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("registry:", self.listener);
        let workspace = self.workspace();
        let log = workspace.log("test-registry");
        files::write(&log, "")?;
        let install = workspace.log("install");
        self.pipeline
            .host
            .require(&[RSYNC], &install, self.listener)?;
        let plan = match self.pipeline.registry_plan() {
            Ok(plan) => plan,
            Err(failure) => {
                cases.not_run("all of it", failure_line(&failure));
                return Ok(cases.done);
            }
        };
        self.pipeline.execute(&plan, &[], self.listener)?;
        let rootfs = plan
            .goals
            .first()
            .and_then(|goal| plan.job(goal))
            .map(|job| self.pipeline.cache().output(job).join(ROOTFS));
        let rootfs = rootfs.ok_or_else(|| Failure::bug("the plan has no system"))?;
        let scratch = workspace.cache.join("systest/registry");
        files::remove_dir(&scratch)?;
        files::create_dir(&scratch)?;
        // A role's root file system is unpacked, for sandboxes; a system with processes of its own starts from an archive.
        let archive = scratch.join("rootfs.tar");
        Program::new("tar")
            .args(["--create".as_ref(), "--file".as_ref(), archive.as_os_str()])
            .args(["--directory".as_ref(), rootfs.as_os_str(), ".".as_ref()])
            .run(&log)?;
        let executable = scratch.join("xtask");
        process::copy_this_program(&executable)?;
        let shown: [(&Path, &str); 1] = [(self.out, "/release")];
        let system = System::start(&archive, &scratch.join("system"), &shown, &log)?;
        let first = &self.chosen[0];
        let of_first = self.chosen.iter().filter(|target| {
            let same = target.distribution.release == first.distribution.release;
            same && target.major == first.major && self.output(&ids::images(target)).is_ok()
        });
        let mut architectures: Vec<String> = of_first
            .map(|target| target.distribution.architecture.name.clone())
            .collect();
        architectures.sort();
        let test = RegistryTest {
            architectures: &architectures,
            system: &system,
            target: first,
            release: self.out,
            source: &workspace.root,
            cache: &workspace.cache,
            executable: &executable,
            scratch: &scratch,
            log: &log,
        };
        test.run(&mut cases)?;
        drop(system);
        files::remove_dir(&scratch)?;
        Ok(cases.done)
    }
}
