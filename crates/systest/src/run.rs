//! The suites of `cargo xtask test`, each over the results of one plan.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::exit::Failure;
use base::progress::Listener;
use base::sandbox::Sandbox;
use base::workspace::Workspace;
use base::{files, process};
use build::compile::extension::Compile;
use build::layout::{ROOTFS, ROOTFS_ARCHIVE};
use build::plan::kinds::Kind;
use build::plan::{Interpreter, Plan, Step, ids};
use build::{layout, server_wheel};
use jobs::execute::CacheLock;
use jobs::execute::cache::Cache;
use release::outdated::Summary;
use release::pipeline::Pipeline;
use targets::lock::{Lock, WheelSet};
use targets::{Distribution, Headers, Target};

use crate::bench::{Benches, Document};
use crate::cases::{Case, Cases};
use crate::faults::FaultTest;
use crate::load::{Load, LoadTest, Loaded, WheelServer};
use crate::report::ReportTest;
use crate::reproduce::ReproduceTest;
use crate::{pairs, record, tools};

/// What the suite `faults` makes again and again.
pub const WITHOUT_IMAGES: [Kind; 2] = [Kind::Deb, Kind::Apt];
/// Those that need no packages of the targets under test.
pub const WITHOUT_PACKAGES: [&str; 6] = ["unit", "crash", "fuzz", "emulated", "ubuntu", "workers"];

/// What the suites run on.
pub struct TestRun<'a> {
    /// The locks, the cache and the toolchain of this run.
    pub pipeline: &'a Pipeline,
    /// The plan whose jobs are finished.
    pub plan: &'a Plan,
    /// The targets under test.
    pub chosen: &'a [Target],
    /// The release under test.
    pub out: &'a Path,
    /// The receiver of progress lines and of each case's result.
    pub listener: &'a dyn Listener,
    /// Held by the suite that writes what it saw into the release's manifest.
    pub manifest: Mutex<()>,
}

/// The unit tests of both workspaces, each with its own toolchain's cargo.
pub fn unit(workspace: &Workspace, cases: &mut Cases<'_>) {
    let cargo = |args: &[&str]| tools::cargo(workspace).args(args.iter().copied());
    cases.run("the tool's own tests (cargo test --workspace)", || {
        Ok(cargo(&["test", "--quiet", "--locked", "--workspace"])
            .run(&workspace.log("test-unit-xtask"))?)
    });
    cases.run(
        "the extension's logic (cargo test -p pgml-core -p pgml-exchange -p pgml-learn)",
        || {
            let manifest = [
                "test",
                "--quiet",
                "--locked",
                "--manifest-path",
                "extension/Cargo.toml",
                "--package",
                "pgml-core",
                "--package",
                "pgml-exchange",
                "--package",
                "pgml-learn",
            ];
            let target = workspace.cache.join("build/core");
            let program = cargo(&manifest).args(["--target-dir".as_ref(), target.as_os_str()]);
            Ok(program.run(&workspace.log("test-unit-core"))?)
        },
    );
}

impl TestRun<'_> {
    /// The source tree, the cache and the output directory.
    pub(super) fn workspace(&self) -> &Workspace {
        &self.pipeline.workspace
    }

    /// Keeps other suites from writing the release's manifest. (Nothing is left half written by a suite that panicked: it
    /// writes whole files.)
    pub(super) fn lock_manifest(&self) -> MutexGuard<'_, ()> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a job made.
    pub(super) fn output(&self, job: &str) -> Result<std::path::PathBuf, Failure> {
        let cache: Cache = self.pipeline.cache();
        let job = self.plan.job(job).ok_or_else(|| no_such_job(job))?;
        Ok(cache.output(job))
    }

    /// Why the packages of a target can't be installed here; `None` if they can.
    pub(super) fn not_installable(&self, target: &Target) -> Option<&str> {
        match self.plan.targets.get(&target.to_string()) {
            Some(planned) => planned.not_installable.as_deref(),
            None => Some("it is not in the plan"),
        }
    }

    /// The locked distribution that has a target's server.
    pub(super) fn server_of<'b>(&'b self, target: &'b Target) -> &'b Distribution {
        Lock::server_of(self.workspace(), &self.pipeline.targets, target)
    }

    /// The majors under test, each once.
    pub fn majors(&self) -> Vec<u16> {
        let mut majors: Vec<u16> = self.chosen.iter().map(|target| target.major).collect();
        majors.sort_unstable();
        majors.dedup();
        majors
    }

    /// Lints the extension in the builder.
    pub fn clippy_extension(&self, major: u16, log: &Path) -> Result<(), Failure> {
        let scratch = self.workspace().cache.join("systest/clippy");
        self.with_compile(major, &|compile| compile.clippy(&scratch, log))?;
        Ok(files::remove_dir(&scratch)?)
    }

    /// Calls `act` with the inputs of the job that compiles the extension for a major on this machine.
    pub(super) fn with_compile<T>(
        &self,
        major: u16,
        act: &dyn Fn(&Compile<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let targets = &self.pipeline.targets;
        let here = self.pipeline.host.architecture(targets);
        let id = ids::compile(major, here);
        let job = self.plan.job(&id).ok_or_else(|| no_such_job(&id))?;
        let steps = self.pipeline.steps(self.chosen);
        // All runs share the directory that the compiler keeps. A run that compiled at the same time would use the test's
        // sources and keep their result as its own.
        let _lock = CacheLock::acquire(&self.workspace().cache, self.listener)?;
        let Step::Compile { reads, .. } = &job.step else {
            return Err(Failure::bug(format!("`{id}` compiles nothing")));
        };
        steps.with_compile(
            major,
            here,
            (job, reads),
            &|read| self.output(read.id()),
            act,
        )
    }

    /// The Python side's own tests, on the runtime that is packaged and the distribution's Python. What they saw is in the
    /// documentation: it is compared with that, or written (`update`).
    pub fn python(&self, update: bool) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("python:", self.listener);
        let mut seen = Vec::new();
        let mut reports = Vec::new();
        for target in self.chosen {
            let distribution = &target.distribution;
            if seen.contains(&&distribution.id) {
                continue;
            }
            seen.push(&distribution.id);
            let planned = self.plan.targets.get(&target.to_string());
            let other = planned.filter(|planned| planned.runtime != Interpreter::Own);
            if let Some(why) = other.and_then(|planned| planned.not_installable.as_ref()) {
                cases.not_run(&format!("the wrapper on {}", distribution.title), why);
                continue;
            }
            reports.extend(self.pytest(distribution, &mut cases)?);
        }
        if !reports.is_empty() {
            let root = &self.workspace().root;
            let name = format!("{} says what the tests saw", pairs::PAGE);
            cases.run(&name, || {
                pairs::compare(root, pairs::Of::Python, &reports, update)
            });
        }
        Ok(cases.done)
    }

    /// Runs pytest in a distribution's root file system; returns what the tests saw of the pairs of algorithms.
    fn pytest(
        &self,
        distribution: &Distribution,
        cases: &mut Cases<'_>,
    ) -> Result<Option<pairs::Report>, Failure> {
        let (workspace, id) = (self.workspace(), &distribution.id);
        let root = &workspace.root;
        let rootfs = self.output(&ids::rootfs(&id, "pytest"))?.join(ROOTFS);
        let tree = self.output(&ids::runtime(&id))?.join(layout::PYTHON_TREE);
        let made = workspace.cache.join(format!("systest/python-{id}"));
        files::remove_dir(&made)?;
        files::create_dir(&made)?;
        let python = &distribution.python;
        let site = format!("{}/python{python}/site-packages", layout::PYTHON_PREFIX);
        // As an installed package, not through PYTHONPATH, which the tests take away from the processes that they start.
        let script = format!(
            "user=/tmp/.local/lib/python{python}/site-packages; mkdir -p $user; echo {site} > $user/runtime.pth; \
             cd /src && python{python} -m pytest -q -p no:cacheprovider tests"
        );
        let title = &distribution.title;
        let name = format!("the wrapper on Python {python} of {title} (pytest)");
        let ran = cases.run(&name, || {
            let program = Sandbox::new(&rootfs)
                .read_only(&root.join("python"), "/src")
                .read_only(&tree, layout::PYTHON_PREFIX)
                .tmpfs("/mnt")
                .read_only(&root.join("docs"), "/mnt/docs")
                .read_only(&root.join("packaging/tests/adoption"), "/mnt/adoption")
                .env("PGML_ADOPTION", "/mnt/adoption")
                .writable(&made, "/mnt/made")
                .env("PGML_DOCS", "/mnt/docs")
                .env("PGML_PAIRS", "/mnt/made/pairs.json")
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .env("OMP_NUM_THREADS", "1")
                .script(&script);
            program.run(&workspace.log(&format!("test-python-{id}")))?;
            pairs::read(&made.join("pairs.json"))
        });
        files::remove_dir(&made)?;
        Ok(ran)
    }

    /// The suite `faults`: a `dist` that is killed, has a full disk, or can't reach its mirror. `dist` is the plan of the
    /// release under test.
    pub fn faults(&self, dist: &Plan) -> Result<Vec<Case>, Failure> {
        let work = self.workspace().cache.join("work");
        let scratch = work.join("test-faults");
        let executable = work.join("test-faults-tool/xtask");
        process::copy_this_program(&executable)?;
        // Without images: what is shown of files and jobs does not depend on their kind, and these are three times as large
        // as everything else.
        let dist = &build::plan::kinds::restrict_to(dist.clone(), &WITHOUT_IMAGES);
        let release = work.join("test-faults-release");
        self.pipeline
            .publish(&release, dist, false, &Summary::default(), self.listener)?;
        let test = FaultTest {
            pipeline: self.pipeline,
            plan: dist,
            chosen: self.chosen,
            release: &release,
            executable: &executable,
            scratch: &scratch,
        };
        let cases = test.run(self.listener)?;
        files::remove_dir(&scratch)?;
        files::remove_dir(&release)?;
        files::remove_dir(&work.join("test-faults-tool"))?;
        Ok(cases)
    }

    /// Whether differences between two builds are found.
    pub fn reproduce(&self) -> Result<Vec<Case>, Failure> {
        let scratch = self.workspace().cache.join("work/test-reproduce");
        let log = self.workspace().log("test-reproduce");
        let targets = &self.pipeline.targets;
        let here = self.pipeline.host.architecture(targets);
        let builder = build::plan::builder(self.plan);
        let builder = builder.map_or("", |job| job.id.as_str());
        let compile = self
            .majors()
            .first()
            .map(|major| ids::compile(*major, here));
        let test = ReproduceTest {
            pipeline: self.pipeline,
            builder: &self.output(builder)?.join(ROOTFS),
            compiled: &self.output(&compile.unwrap_or_default())?,
            scratch: &scratch,
            log: &log,
        };
        let cases = test.run(self.listener)?;
        files::remove_dir(&scratch)?;
        Ok(cases)
    }

    /// The report, as a browser shows it.
    pub fn report(&self, update: bool) -> Result<Vec<Case>, Failure> {
        let targets = &self.pipeline.targets;
        let all = targets.all(self.pipeline.host.architecture(targets));
        let test = ReportTest {
            release: self.out,
            targets: &all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            scratch: &self.workspace().cache.join("report"),
            log: &self.workspace().log("test-report"),
            source: &self.workspace().root,
            update,
        };
        test.run(self.listener)
    }

    /// Installs, runs or loads the packages of each target as far as this machine can, and writes the results into the
    /// manifest. A test that can't run is a case too, with the reason.
    pub fn install_all(&self) -> Result<Vec<Case>, Failure> {
        let mut done = Vec::new();
        let mut places: Vec<&str> = Vec::new();
        for target in self.chosen {
            let name = target.to_string();
            let Some(planned) = self.plan.targets.get(&name) else {
                continue;
            };
            match (&planned.not_installable, &planned.loadable_in) {
                (None, _) => {
                    self.listener.note(&format!(
                        "{name}: installing the packages into a clean system"
                    ));
                    let cases = self.in_clean_system(target, "install", |test, to| test.run(to))?;
                    let title = &target.distribution.title;
                    let place =
                        format!("PostgreSQL {} of the distribution on {title}", target.major);
                    let _manifest = self.lock_manifest();
                    record::installed(self.out, &name, &place, &cases)?;
                    done.extend(cases);
                }
                (Some(why), loadable) => {
                    let mut cases = Cases::new(format!("{name} install:"), self.listener);
                    cases.not_run("apt installs the packages", why);
                    done.extend(cases.done);
                    places.extend(loadable.as_deref());
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        for place in places {
            for loaded in self.load(place)? {
                let _manifest = self.lock_manifest();
                record::loaded(self.out, &loaded)?;
                done.extend(loaded.cases);
            }
        }
        Ok(done)
    }

    /// The load tests of all targets that are not installed and can be loaded in a distribution.
    fn load(&self, place: &str) -> Result<Vec<Loaded>, Failure> {
        let distribution = self.pipeline.targets.require_distribution(place)?;
        let log = self.workspace().log(&format!("test-load-{place}"));
        files::write(&log, "")?;
        let mut loads = Vec::new();
        for target in self.chosen {
            let name = target.to_string();
            let planned = self.plan.targets.get(&name);
            let here = planned.is_some_and(|planned| {
                planned.not_installable.is_some() && planned.loadable_in.as_deref() == Some(place)
            });
            if here {
                loads.push(self.load_of(target, distribution.postgres)?);
            }
        }
        let base_debs = self.output(&ids::fetch(&place, "base"))?;
        let test_debs = self.output(&ids::fetch(&place, "test"))?;
        let scratch = self
            .workspace()
            .cache
            .join("systest")
            .join(format!("load-{place}"));
        let test = LoadTest {
            title: &distribution.title,
            codename: &distribution.codename,
            libpython: &distribution.libpython,
            loads,
            base: &self
                .output(&ids::rootfs(&place, "base"))?
                .join(ROOTFS_ARCHIVE),
            mirror: &[&base_debs, &test_debs],
            runtime: &self.output(&ids::package(&place))?,
            tests: &self.workspace().root.join("packaging/tests"),
            key: &self.pipeline.steps(self.chosen).signing_key(&log)?,
            scratch: &scratch,
            log: &log,
        };
        let loaded = test.run(self.listener)?;
        files::remove_dir(&scratch)?;
        Ok(loaded)
    }

    /// A target's library, and the server to load it into where the place's own is of the major `own`.
    fn load_of(&self, target: &Target, own: u16) -> Result<Load, Failure> {
        let name = target.to_string();
        let packages = self.output(&ids::package(&name))?;
        let mut debs = files::files_below(&packages)?;
        debs.retain(|deb| !deb.to_string_lossy().contains("-dbgsym_"));
        let package = debs.first().ok_or_else(|| no_such_job(&name))?;
        let architecture = &target.distribution.architecture;
        let wheel = match self
            .pipeline
            .targets
            .server_wheel(target.major, architecture)
        {
            Some(Headers::Wheel { root, .. }) if own != target.major => Some(root),
            _ => None,
        };
        let server = wheel.map(|root| {
            let job = format!(
                "unpack:{}:headers",
                WheelSet::server_name(target.major, architecture)
            );
            Ok::<_, Failure>(WheelServer {
                wheel: self.output(&job)?.join(server_wheel::WHEEL),
                root: root.clone(),
            })
        });
        Ok(Load {
            target: name,
            major: target.major,
            package: packages.join(package),
            server: server.transpose()?,
        })
    }

    /// The benches on one target.
    pub fn bench(&self, target: &Target, benches: &Benches<'_>) -> Result<Document, Failure> {
        self.in_clean_system(target, "bench", |test, listener| {
            benches.run(test, listener)
        })
    }
}

fn no_such_job(id: &str) -> files::FileError {
    files::FileError::at("find the result of the job", id)(std::io::ErrorKind::NotFound.into())
}
