//! The plan: all work that a set of targets needs, computed before anything is done. `plan` prints it, `dist` runs it.

pub mod document;
pub mod images;
pub mod inputs;
pub mod job;

use std::collections::BTreeMap;

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use self::inputs::Inputs;
use self::job::{Job, JobId, Step};
use crate::compile;
use crate::exit::{Exit, ExitKind, Failure};
use crate::lock::{Lock, LockedPackage};
use crate::release::Release;
use crate::targets::{Distribution, Headers, Target, Targets};
use crate::workspace::Workspace;

/// The distribution whose root file system compiles: the oldest glibc of all targets.
pub const BUILDER: (&str, &str) = ("debian11", "builder");
/// Where the static OpenBLAS comes from.
pub const OPENBLAS: (&str, &str) = ("debian12", "openblas");

/// Jobs in an order in which each comes after all that it needs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// All jobs.
    pub jobs: Vec<Job>,
    /// The jobs whose results are wanted; the others are there for them.
    pub goals: Vec<JobId>,
}

/// What a plan is computed from.
pub struct Context<'a> {
    /// Where things are.
    pub workspace: &'a Workspace,
    /// The matrix.
    pub targets: &'a Targets,
    /// What all packages share.
    pub release: &'a Release,
    /// The time of the release, seconds since 1970.
    pub epoch: u64,
    /// What `rustc -vV` says.
    pub toolchain: &'a str,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Packages and the repository.
    Dist,
    /// Those, and the systems to test them in.
    Test,
}

/// Whether a target can be built on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state", content = "missing")]
pub enum Availability {
    /// All its inputs are locked.
    Buildable,
    /// Something is missing; what, and how to get it.
    Missing(String),
}

/// Why there is no plan.
#[derive(Debug, Error, Diagnostic)]
pub enum PlanError {
    /// No archive that can be used here has the headers.
    #[error("no headers of PostgreSQL {major} can be had here: {why}")]
    #[diagnostic(help(
        "enable an archive that has them (`--mirror NAME`), then `cargo xtask lock --update`"
    ))]
    NoHeaders {
        /// The major.
        major: u16,
        /// What was looked at.
        why: String,
    },
}

impl ExitKind for PlanError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

impl Plan {
    /// All jobs for some targets.
    pub fn compute(
        context: &Context<'_>,
        targets: &[Target],
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let mut builder = Builder {
            context,
            locks: BTreeMap::new(),
            jobs: Vec::new(),
        };
        let mut packages = Vec::new();
        for target in targets {
            packages.push(builder.extension_packages(target)?);
            packages.push(builder.runtime_package(&target.distribution)?);
        }
        packages.dedup_by(|a, b| a.id == b.id);
        let repository = builder.repository(targets, &packages)?;
        let mut goals: Vec<JobId> = vec![repository.id];
        for target in targets {
            goals.extend(builder.images(target)?.into_iter().map(|job| job.id));
        }
        goals.extend(packages.iter().map(|job| job.id.clone()));
        goals.extend(targets.iter().map(|target| format!("verify:{target}")));
        if purpose == Purpose::Test {
            for target in targets {
                let id = target.distribution.id.as_str();
                goals.push(builder.rootfs(id, "base")?.id);
                goals.push(builder.rootfs(id, "pytest")?.id);
                goals.push(format!("runtime:{id}"));
                goals.push(builder.fetch(id, "test")?.id);
            }
        }
        goals.sort();
        goals.dedup();
        Ok(Self {
            jobs: builder.jobs,
            goals,
        })
    }

    /// The job of this name.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

/// Files of this program whose change can change a step's result. Only what decides bytes is listed: a better progress
/// message must not compile everything again.
fn recipe(step: &Step) -> &'static [&'static str] {
    match step {
        Step::FetchDebs { .. } | Step::FetchWheels { .. } | Step::FetchCrates => &[],
        Step::Rootfs { .. } | Step::Unpack { .. } => &["xtask/src/rootfs.rs"],
        Step::Compile { .. } => &[
            "xtask/src/compile.rs",
            "xtask/src/sandbox.rs",
            "packaging/abi3-symbols.txt",
        ],
        Step::Stamp { .. } => &["xtask/src/stamp.rs"],
        Step::Verify { .. } => &[
            "xtask/src/verification.rs",
            "packaging/policy.toml",
            "packaging/abi3-symbols.txt",
        ],
        Step::Runtime { .. } => &["xtask/src/runtime.rs", "xtask/src/sandbox.rs"],
        Step::ExtensionPackages { .. } => &[
            "xtask/src/deb/build.rs",
            "xtask/src/deb/depends.rs",
            "xtask/src/deb/packages.rs",
            "packaging/deb/extension.control.j2",
            "packaging/deb/dbgsym.control.j2",
            "packaging/deb/changelog.j2",
            "packaging/deb/copyright.j2",
            "packaging/deb/lintian-overrides-extension",
            "extension/pgml.control",
            "CHANGELOG.md",
        ],
        Step::RuntimePackage { .. } => &[
            "xtask/src/deb/build.rs",
            "xtask/src/deb/packages.rs",
            "packaging/deb/runtime.control.j2",
            "packaging/deb/changelog.j2",
            "packaging/deb/copyright.j2",
            "packaging/deb/lintian-overrides-runtime",
            "CHANGELOG.md",
        ],
        Step::AptRepository => &["xtask/src/apt/repository.rs", "xtask/src/apt/signing.rs"],
        Step::ImageBase { .. } => &[
            "xtask/src/oci/base.rs",
            "xtask/src/oci/layer.rs",
            "xtask/src/rootfs.rs",
            "docker/slim.dpkg.cfg",
        ],
        Step::ImageRuntime { .. } => &["xtask/src/oci/dpkg.rs", "xtask/src/oci/layer.rs"],
        Step::ServerImages { .. } => &[
            "xtask/src/oci/dpkg.rs",
            "xtask/src/oci/mod.rs",
            "xtask/src/oci/settings.rs",
            "xtask/src/oci/steps.rs",
        ],
        Step::ExtensionImage { .. } => &[
            "xtask/src/oci/mod.rs",
            "xtask/src/oci/steps.rs",
            "xtask/src/oci/volume.rs",
        ],
    }
}

struct Builder<'a> {
    context: &'a Context<'a>,
    locks: BTreeMap<String, Lock>,
    jobs: Vec<Job>,
}

impl Builder<'_> {
    /// Adds a job unless it is there already; two jobs of one name are the same job.
    fn add(
        &mut self,
        id: String,
        title: String,
        step: Step,
        inputs: impl FnOnce(Inputs) -> Result<Inputs, Failure>,
        needs: &[&Job],
    ) -> Result<Job, Failure> {
        if let Some(job) = self.jobs.iter().find(|job| job.id == id) {
            return Ok(job.clone());
        }
        let recipe = Inputs::new().files(&self.context.workspace.root, recipe(&step))?;
        let job = Job::new(id, title, step, inputs(recipe)?.into_map(), needs);
        self.jobs.push(job.clone());
        Ok(job)
    }

    fn distribution(&self, id: &str) -> Result<Distribution, Failure> {
        Ok(self.context.targets.require_distribution(id)?.clone())
    }

    fn locked(&mut self, distribution: &str, role: &str) -> Result<Vec<LockedPackage>, Failure> {
        if !self.locks.contains_key(distribution) {
            let facts = self.distribution(distribution)?;
            let lock = Lock::open(self.context.workspace, self.context.targets, &facts)?;
            self.locks.insert(distribution.to_owned(), lock);
        }
        let lock = self.locks.get(distribution);
        Ok(lock
            .map(|lock| lock.packages(role).into_iter().cloned().collect())
            .unwrap_or_default())
    }

    fn fetch(&mut self, distribution: &str, role: &str) -> Result<Job, Failure> {
        let packages = self.locked(distribution, role)?;
        let pinned: Vec<_> = packages.iter().map(|p| (p.file_name(), p.sha256)).collect();
        self.add(
            format!("fetch:{distribution}:{role}"),
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
        self.add(
            format!("rootfs:{distribution}:{role}"),
            format!("make the root file system `{role}` of {distribution}"),
            Step::Rootfs {
                distribution: distribution.into(),
                role: role.into(),
            },
            Ok,
            &fetches.iter().collect::<Vec<_>>(),
        )
    }

    fn unpack(&mut self, distribution: &str, role: &str) -> Result<Job, Failure> {
        let fetch = self.fetch(distribution, role)?;
        self.add(
            format!("unpack:{distribution}:{role}"),
            format!("unpack `{role}` of {distribution}"),
            Step::Unpack {
                distribution: distribution.into(),
                role: role.into(),
            },
            Ok,
            &[&fetch],
        )
    }

    /// The unpacked headers of a major, from the best source that a lock has.
    fn headers(&mut self, major: u16) -> Result<Job, Failure> {
        let sources = self
            .context
            .targets
            .major(major)
            .map(|major| major.headers.clone())
            .unwrap_or_default();
        let mut tried = Vec::new();
        for source in &sources {
            let Headers::Package {
                distribution,
                package,
            } = source
            else {
                tried.push("the headers of a wheel are not supported yet".to_owned());
                continue;
            };
            if !Lock::path(self.context.workspace, distribution).exists() {
                tried.push(format!("`{package}` of {distribution} is not locked"));
                continue;
            }
            return self.unpack(distribution, "headers");
        }
        Err(PlanError::NoHeaders {
            major,
            why: tried.join("; "),
        }
        .into())
    }

    fn compile(&mut self, major: u16) -> Result<Job, Failure> {
        let builder = self.rootfs(BUILDER.0, BUILDER.1)?;
        let openblas = self.unpack(OPENBLAS.0, OPENBLAS.1)?;
        let headers = self.headers(major)?;
        let root = &self.context.workspace.root;
        let crates = self.add(
            "fetch:crates".into(),
            "fetch the crates of extension/Cargo.lock".into(),
            Step::FetchCrates,
            |inputs| Ok(inputs.file(root, "extension/Cargo.lock")?),
            &[],
        )?;
        let toolchain = self.context.toolchain;
        self.add(
            format!("compile:pg{major}"),
            format!("compile the extension for PostgreSQL {major}"),
            Step::Compile { major },
            |inputs| {
                let inputs = inputs.value("toolchain", &toolchain);
                let add =
                    |inputs: Inputs, dir: &&str| inputs.tree(root, dir, compile::is_not_source);
                Ok(compile::SOURCES.iter().try_fold(inputs, add)?)
            },
            &[&builder, &headers, &openblas, &crates],
        )
    }

    fn stamp(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile(target.major)?;
        let soname = target.distribution.libpython_soname();
        self.add(
            format!("stamp:{target}"),
            format!("stamp the library for {soname}"),
            Step::Stamp {
                target: target.to_string(),
            },
            |inputs| Ok(inputs.value("soname of libpython", &soname)),
            &[&compile],
        )
    }

    fn verify(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile(target.major)?;
        let stamp = self.stamp(target)?;
        let root = self.context.workspace.root.clone();
        let facts = &target.distribution;
        let floors =
            [&facts.glibc, &facts.glibcxx, &facts.cxxabi, &facts.gcc].map(ToString::to_string);
        self.add(
            format!("verify:{target}"),
            format!("verify the library against {target}"),
            Step::Verify {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("floors", &floors)
                    .value("soname of libpython", &facts.libpython_soname());
                let inputs = inputs.tree(&root, "xtask/src/symbols", |_| false)?;
                Ok(inputs.tree(&root, "extension/sql", |_| false)?)
            },
            &[&compile, &stamp],
        )
    }

    fn extension_packages(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile(target.major)?;
        let stamp = self.stamp(target)?;
        let verify = self.verify(target)?;
        let builder = self.rootfs(BUILDER.0, BUILDER.1)?;
        let context = self.context;
        self.add(
            format!("package:{target}"),
            format!(
                "build postgresql-{}-pgml for {}",
                target.major, target.distribution.title
            ),
            Step::ExtensionPackages {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                let inputs = inputs.value("package of libpython", &target.distribution.libpython);
                Ok(inputs.tree(&context.workspace.root, "extension/sql", |_| false)?)
            },
            &[&compile, &stamp, &verify, &builder],
        )
    }

    fn runtime_package(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let id = distribution.id.as_str();
        let python = distribution.python.to_string();
        let rootfs = self.rootfs(id, "python")?;
        let builder = self.rootfs(BUILDER.0, BUILDER.1)?;
        let context = self.context;
        let wheels = self.add(
            format!("fetch:python{python}"),
            format!("fetch the wheels for Python {python}"),
            Step::FetchWheels {
                python: python.clone(),
            },
            |inputs| {
                Ok(inputs.file(
                    &context.workspace.root,
                    &format!("packaging/lock/python{python}.toml"),
                )?)
            },
            &[],
        )?;
        let runtime = self.add(
            format!("runtime:{id}"),
            format!(
                "install and byte-compile the wheels for {}",
                distribution.title
            ),
            Step::Runtime {
                distribution: id.into(),
            },
            |inputs| Ok(inputs.value("python", &python)),
            &[&rootfs, &wheels],
        )?;
        self.add(
            format!("package:{id}"),
            format!("build pgml-python for {}", distribution.title),
            Step::RuntimePackage {
                distribution: id.into(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                Ok(inputs.value("package of libpython", &distribution.libpython))
            },
            &[&runtime, &builder],
        )
    }

    fn repository(&mut self, targets: &[Target], packages: &[Job]) -> Result<Job, Failure> {
        let mut codenames: Vec<_> = targets
            .iter()
            .map(|target| target.distribution.codename.clone())
            .collect();
        codenames.dedup();
        let epoch = self.context.epoch;
        self.add(
            "repository".into(),
            "make the apt repository".into(),
            Step::AptRepository,
            |inputs| {
                Ok(inputs
                    .value("suites", &codenames)
                    .value("time of the release", &epoch))
            },
            &packages.iter().collect::<Vec<_>>(),
        )
    }
}
