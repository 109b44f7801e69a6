//! Adds the jobs of targets to a plan, each once.

pub mod bench;
mod compiling;
pub mod crash;
mod extras;
mod headers;
mod images;
mod libraries;
mod places;
mod python;
pub mod registry;
mod repository;
mod sbom;
mod toolchain;
mod verify;

use std::collections::{BTreeMap, HashMap};

use base::exit::Failure;
use jobs::inputs::{Inputs, Sources};
use jobs::job::{JobId, JobRef, Step as _};
use targets::lock::{Lock, LockedPackage, WheelLock, WheelSet};
use targets::{Architecture, Distribution, Target};

use super::recipe::recipe;
use super::{Context, Plan, Purpose, TargetPlan};
use crate::plan::{Job, Packaging, Step, ids};

/// A plan in the making.
pub(super) struct Builder<'a> {
    context: &'a Context<'a>,
    sources: Sources<'a>,
    locks: BTreeMap<String, Lock>,
    jobs: Vec<Job>,
    places: HashMap<JobId, usize>,
    targets: BTreeMap<String, TargetPlan>,
    packages: Vec<Job>,
    blocked: BTreeMap<JobId, String>,
}

impl<'a> Builder<'a> {
    /// Starts a plan that has no job yet.
    pub fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            sources: Sources::new(&context.workspace.root),
            locks: BTreeMap::new(),
            jobs: Vec::new(),
            places: HashMap::new(),
            targets: BTreeMap::new(),
            packages: Vec::new(),
            blocked: BTreeMap::new(),
        }
    }

    /// Adds the packages and images of a target.
    pub fn target(&mut self, target: &Target) -> Result<(), Failure> {
        let packages = [
            self.extension_packages(target)?,
            self.runtime_package(&target.distribution)?,
        ];
        let (_, headers) = self.headers(target.major, &target.distribution.architecture)?;
        let toolchain = self.toolchain(&target.distribution.architecture)?;
        let development = headers.development().then(|| {
            format!(
                "PostgreSQL {} was compiled with the headers of {headers}",
                target.major
            )
        });
        let stand_in = self.stand_in(&target.distribution)?;
        let no_release = stand_in.as_ref().map(|whose| {
            let title = &target.distribution.title;
            format!("the lock of {title} was made from a stand-in archive: {whose}")
        });
        let mut goals: Vec<JobId> = packages.iter().map(|job| job.id.clone()).collect();
        goals.push(ids::verify(&target));
        goals.push(self.extension_sbom(target)?.id);
        goals.push(self.runtime_sbom(&target.distribution)?.id);
        goals.extend(self.images(target)?.into_iter().map(|job| job.id));
        goals.extend(self.extras(target)?.into_iter().map(|job| job.id));
        for job in packages {
            if !self.packages.iter().any(|known| known.id == job.id) {
                self.packages.push(job);
            }
        }
        let planned = TargetPlan {
            goals,
            development: development.into_iter().chain(no_release).collect(),
            stand_in,
            ends: self.context.targets.ends(target),
            runtime: self.interpreter(&target.distribution),
            toolchain: toolchain.ok().map(|found| found.chosen),
            not_installable: self.not_installable(target),
            no_image: self.no_image(target),
            loadable_in: self.loadable_in(target),
            not_loadable: self.not_loadable(target),
            blocked: None, // told when the plan is whole
        };
        self.targets.insert(target.to_string(), planned);
        Ok(())
    }

    /// Adds what the targets need together, and leaves out what no goal needs.
    pub fn finish(mut self, targets: &[Target], purpose: Purpose) -> Result<Plan, Failure> {
        if targets.is_empty() {
            return Ok(Plan::default());
        }
        let mut goals: Vec<JobId> = self
            .targets
            .values()
            .flat_map(|target| target.goals.clone())
            .collect();
        // It has only the packages that can be built here: one that can't must not keep the others out.
        let blocked = jobs::plan::dependents(&self.jobs, &self.blocked);
        self.packages.retain(|job| !blocked.contains(&job.id));
        if !self.packages.is_empty() {
            goals.push(self.repository(targets)?.id);
        }
        goals.push(self.source()?.id);
        if purpose != Purpose::Dist {
            for target in targets {
                goals.extend(self.test_systems(target, purpose)?);
            }
        }
        goals.sort();
        goals.dedup();
        let mut plan = Plan {
            jobs: self.jobs,
            goals,
            targets: self.targets,
            blocked: self.blocked,
        };
        let needed: Vec<JobId> = plan
            .closure(&plan.goals)
            .into_iter()
            .map(str::to_owned)
            .collect();
        plan.jobs
            .retain(|job| needed.binary_search(&job.id).is_ok());
        super::tell_blocked_targets(&mut plan);
        Ok(plan)
    }

    /// The locked distribution with a target's server: the target's own, or the one with an archive of other majors.
    fn server_of(&self, target: &Target) -> Option<Distribution> {
        let found = self
            .context
            .targets
            .server_of(target, &|id| self.has_lock(id));
        found.cloned()
    }

    /// The systems that a target's packages are tried in; `None` if its distribution is not locked.
    fn test_systems(&mut self, target: &Target, purpose: Purpose) -> Result<Vec<JobId>, Failure> {
        let mut goals = Vec::new();
        let emulated = || {
            let server = self
                .server_of(target)
                .filter(|_| self.no_image(target).is_none());
            server.map(|server| server.id)
        };
        let found = match purpose {
            Purpose::Emulated => emulated(),
            _ => self.loadable_in(target),
        };
        let Some(id) = found else {
            return Ok(goals);
        };
        goals.push(self.rootfs(&id, "base")?.id);
        goals.push(self.fetch(&id, "test")?.id);
        goals.push(self.fetch(&id, "tools")?.id);
        // What is installed there beside the library: the packages of that distribution.
        let there = self.distribution(&id)?;
        let base = self.distribution(there.base())?;
        goals.push(self.runtime_package(&base)?.id);
        if purpose == Purpose::Test && base.id == target.distribution.id && self.has_lock(&base.id)
        {
            goals.push(self.rootfs(&base.id, "pytest")?.id);
            goals.push(self.runtime(&base)?.id);
        }
        if there.postgres != target.major {
            goals.push(self.server(target.major, &there.architecture)?.id);
        }
        Ok(goals)
    }

    fn has_lock(&self, distribution: &str) -> bool {
        self.locks.contains_key(distribution)
            || Lock::path(self.context.workspace, distribution).exists()
    }

    /// What a release is called on the machine's own architecture.
    fn here(&self, release: &str) -> String {
        self.context.machine.architecture.qualify(release)
    }

    /// Adds a job unless it is there already; two jobs of one name are the same job.
    fn add(
        &mut self,
        id: String,
        title: String,
        step: Step,
        inputs: impl FnOnce(Inputs<'_>) -> Result<Inputs<'_>, Failure>,
        needs: &[&Job],
    ) -> Result<Job, Failure> {
        if let Some(at) = self.places.get(&id) {
            return Ok(self.jobs[*at].clone());
        }
        let recipe = Inputs::new(&self.sources).files(&recipe(&step))?;
        let job = Job::new(id, title, step, inputs(recipe)?.into_map(), needs);
        let unknown = |read: &&JobRef| !job.needs.iter().any(|need| need == read.id());
        if let Some(read) = job.step.reads().into_iter().find(unknown) {
            let (id, read) = (&job.id, read.id());
            return Err(Failure::bug(format!(
                "`{id}` reads `{read}`, which it does not need"
            )));
        }
        self.places.insert(job.id.clone(), self.jobs.len());
        self.jobs.push(job.clone());
        Ok(job)
    }

    /// Whether there is such a job already.
    fn has(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    fn distribution(&self, id: &str) -> Result<Distribution, Failure> {
        Ok(self.context.targets.require_distribution(id)?.clone())
    }

    /// Whose packages stand in for a distribution's, where its lock says so.
    fn stand_in(&mut self, distribution: &Distribution) -> Result<Option<String>, Failure> {
        if !self.has_lock(&distribution.id) {
            return Ok(None);
        }
        let lock = self.lock(&distribution.id)?;
        Ok(lock.suites.iter().find_map(|suite| suite.stand_in.clone()))
    }

    fn locked(&mut self, distribution: &str, role: &str) -> Result<Vec<LockedPackage>, Failure> {
        let lock = self.lock(distribution)?;
        Ok(lock.packages(role).into_iter().cloned().collect())
    }

    fn lock(&mut self, distribution: &str) -> Result<&Lock, Failure> {
        if !self.locks.contains_key(distribution) {
            let facts = self.distribution(distribution)?;
            let lock = Lock::open(self.context.workspace, self.context.targets, &facts)?;
            self.locks.insert(distribution.to_owned(), lock);
        }
        Ok(&self.locks[distribution]) // INVARIANT: inserted above
    }

    fn fetch(&mut self, distribution: &str, role: &str) -> Result<Job, Failure> {
        let packages = self.locked(distribution, role)?;
        let pinned: Vec<_> = packages.iter().map(|p| (p.file_name(), p.sha256)).collect();
        self.add(
            ids::fetch(&distribution, &role),
            format!("fetch {} packages", packages.len()),
            Step::FetchDebs {
                distribution: distribution.into(),
                role: role.into(),
            },
            |inputs| {
                Ok(inputs.value(
                    format!("packaging/lock/{distribution}.toml ({role})"),
                    &pinned,
                ))
            },
            &[],
        )
    }

    /// A root file system of a role's packages and those of the roles that it builds on.
    fn rootfs(&mut self, distribution: &str, role: &str) -> Result<Job, Failure> {
        let mut fetches = Vec::new();
        let beyond = self
            .context
            .targets
            .role(role)
            .map(|role| role.beyond.clone())
            .unwrap_or_default();
        for role in beyond.iter().map(String::as_str).chain([role]) {
            fetches.push(self.fetch(distribution, role)?);
        }
        let architecture = self.distribution(distribution)?.architecture;
        let here = architecture.name == self.context.machine.architecture.name;
        let (distribution, role) = (distribution.to_owned(), role.to_owned());
        self.add(
            ids::rootfs(&distribution, &role),
            format!("make the root file system `{role}` of {distribution}"),
            match here {
                true => Step::Rootfs { distribution, role },
                false => Step::EmulatedRootfs { distribution, role },
            },
            nothing_more,
            &fetches.iter().collect::<Vec<_>>(),
        )
    }

    /// The root file system that compiles, of this machine's architecture.
    fn builder_rootfs(&mut self) -> Result<Job, Failure> {
        let release = self.here(&self.context.builder.distribution);
        self.rootfs(&release, targets::Builder::ROLE)
    }

    fn unpack(&mut self, distribution: &str, role: &str) -> Result<Job, Failure> {
        let fetch = self.fetch(distribution, role)?;
        self.add(
            ids::unpack(&distribution, &role),
            format!("unpack `{role}` of {distribution}"),
            Step::Unpack {
                distribution: distribution.into(),
                role: role.into(),
                packages: fetch.reference(),
            },
            nothing_more,
            &[&fetch],
        )
    }

    /// Checks that a lock of wheels fits its list of requirements: the digest of the lock does not change when the list
    /// does.
    pub(super) fn check_wheels(&self, lock: &str) -> Result<(), Failure> {
        let (workspace, targets) = (self.context.workspace, self.context.targets);
        let sets = WheelSet::all(targets);
        for set in sets.iter().filter(|set| set.name() == lock) {
            WheelLock::open(workspace, targets, set)?;
        }
        Ok(())
    }

    fn crates(&mut self) -> Result<Job, Failure> {
        self.add(
            ids::CRATES.into(),
            "fetch the crates of extension/Cargo.lock".into(),
            Step::FetchCrates,
            |inputs| Ok(inputs.file("extension/Cargo.lock")?),
            &[],
        )
    }

    fn extension_packages(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let verify = self.verify(target)?;
        let compress = self.compress(target)?;
        let crates = self.crates()?;
        let builder = self.builder_rootfs()?;
        let context = self.context;
        self.add(
            ids::package(&target),
            format!(
                "build postgresql-{}-pgml for {}{}",
                target.major,
                target.distribution.title,
                on(&target.distribution.architecture)
            ),
            Step::ExtensionPackages {
                target: target.to_string(),
                reads: Packaging {
                    compiled: compile.reference(),
                    stamped: stamp.reference(),
                    verified: verify.reference(),
                    compressed: compress.reference(),
                    crates: crates.reference(),
                    builder: builder.reference(),
                },
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                let inputs = inputs.value("package of libpython", &target.distribution.libpython);
                let inputs = inputs.tree("packaging/deb/licences")?;
                Ok(inputs.tree("extension/sql")?)
            },
            &[&compile, &compress, &stamp, &verify, &builder, &crates],
        )
    }
}

/// In a job's title: nothing for the first architecture, ` on arm64` for that one.
fn on(architecture: &Architecture) -> String {
    match architecture.suffix() {
        "" => String::new(),
        _ => format!(" on {}", architecture.name),
    }
}

/// The inputs of a job that is decided by the jobs it needs.
fn nothing_more(inputs: Inputs<'_>) -> Result<Inputs<'_>, Failure> {
    Ok(inputs)
}
