//! The steps that fetch inputs.

use base::exit::Failure;
use base::files;
use inputs::fetch::{fetch_crates, fetch_debs, fetch_wheels};
use targets::lock::{Lock, WheelLock, WheelSet};

use super::context::Steps;
use crate::compile::cpp_library;
use crate::plan::{Step, Work};

impl Steps<'_> {
    /// Brings what a step names.
    pub(super) fn fetch(&self, work: &Work<'_>) -> Result<String, Failure> {
        match &work.job.step {
            Step::FetchDebs { distribution, role } => self.fetch_debs(work, distribution, role),
            Step::FetchWheels { python } => self.fetch_wheels(work, &format!("python{python}")),
            Step::FetchServer {
                major,
                architecture,
            } => {
                let architecture = self.architecture(architecture.as_deref())?;
                self.fetch_wheels(work, &WheelSet::server_name(*major, architecture))
            }
            Step::FetchFixture { set } => self.fetch_wheels(work, set),
            Step::FetchCrates => self.fetch_crates(work),
            Step::FetchLibrary { library } => self.fetch_library(work, library),
            _ => Err(Failure::bug(format!("`{}` fetches nothing", work.job.id))),
        }
    }

    fn fetch_debs(
        &self,
        work: &Work<'_>,
        distribution: &str,
        role: &str,
    ) -> Result<String, Failure> {
        let lock = Lock::open(
            self.workspace,
            self.targets,
            self.distribution(distribution)?,
        )?;
        let packages = lock.packages(role);
        let mirrors = self.mirrors.get(self.targets, self.workspace)?;
        let stored = fetch_debs(&lock, &packages, mirrors, &self.store(), work.listener)?;
        for (package, file) in packages.iter().zip(&stored) {
            files::link_or_copy(file, &work.out.join(package.file_name()))?;
        }
        let bytes: u64 = packages.iter().map(|package| package.size).sum();
        Ok(format!(
            "{} packages, {:.1} MB",
            packages.len(),
            bytes as f64 / 1e6
        ))
    }

    fn fetch_wheels(&self, work: &Work<'_>, lock: &str) -> Result<String, Failure> {
        let set = self.wheel_set(lock)?;
        let lock = WheelLock::open(self.workspace, self.targets, &set)?;
        let stored = fetch_wheels(&lock, &self.store(), work.listener)?;
        let mut bytes = 0;
        for (wheel, file) in lock.wheels.iter().zip(&stored) {
            bytes += wheel.size;
            files::link_or_copy(file, &work.out.join(&wheel.filename))?;
        }
        Ok(format!(
            "{} wheels, {:.1} MB",
            stored.len(),
            bytes as f64 / 1e6
        ))
    }

    /// The crates are linked into the job's own directory: a build must not depend on what happens to the cargo home
    /// that they were fetched into.
    fn fetch_crates(&self, work: &Work<'_>) -> Result<String, Failure> {
        let home = fetch_crates(self.workspace, work.listener)?;
        base::process::Program::new("cp")
            .args(["--archive", "--link"])
            .args([home.join("registry"), work.out.join("registry")])
            .run(&work.log)?;
        Ok("the crates of extension/Cargo.lock".into())
    }

    fn fetch_library(&self, work: &Work<'_>, library: &str) -> Result<String, Failure> {
        let lock = self.workspace.root.join("extension/Cargo.lock");
        let cache = fetch_crates(self.workspace, work.listener)?.join("registry/cache");
        cpp_library::library(library)?.fetch(&lock, &cache, &work.out)
    }
}
