//! The jobs that make the Python runtime of a distribution.

use base::exit::Failure;
use targets::lock::WheelSet;
use targets::{Distribution, Extra};

use super::{Builder, on};
use crate::plan::{Interpreter, Job, Step, ids};

/// Wheels to install: those of a runtime, or those that an extra package adds to it.
struct Fetched<'a> {
    /// The job that fetches them.
    wheels: &'a Job,
    extra: Option<&'a Extra>,
}

impl Fetched<'_> {
    /// The id of the job that installs them for `owner`.
    fn id(&self, owner: &str) -> String {
        match self.extra {
            Some(extra) => ids::runtime(&ids::extra(owner, &extra.name)),
            None => ids::runtime(owner),
        }
    }

    fn name(&self) -> Option<String> {
        self.extra.map(|extra| extra.name.clone())
    }

    /// In a job's title.
    fn of(&self) -> String {
        self.extra
            .map_or(String::new(), |extra| format!(" of {}", extra.title))
    }
}

impl Builder<'_> {
    /// The Python that byte-compiles a distribution's runtime.
    pub(super) fn interpreter(&self, distribution: &Distribution) -> Interpreter {
        let here = self.context.machine.architecture;
        let own = distribution.architecture == *here;
        if own && self.has_lock(&distribution.id) {
            return Interpreter::Own;
        }
        let same = |other: &&Distribution| {
            other.python == distribution.python
                && other.architecture == *here
                && self.has_lock(&other.id)
        };
        let mut others = self.context.targets.distributions.iter();
        match (others.find(same), own) {
            (Some(other), true) => Interpreter::Same(other.id.clone()),
            (Some(other), false) => Interpreter::OtherMachine(other.id.clone()),
            (None, _) => Interpreter::None,
        }
    }

    /// The wheels for a distribution's Python.
    pub(super) fn wheels(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let (python, architecture) = (&distribution.python, &distribution.architecture);
        let name = WheelSet::runtime_name(python, architecture);
        if !self.has(&ids::fetch_set(&name)) {
            self.check_wheels(&name)?;
        }
        self.add(
            ids::fetch_set(&name),
            format!("fetch the wheels for Python {python}{}", on(architecture)),
            Step::FetchWheels {
                python: architecture.qualify(&python.to_string()),
            },
            |inputs| Ok(inputs.file(&format!("packaging/lock/{name}.toml"))?),
            &[],
        )
    }

    /// The Python runtime of a distribution.
    pub(super) fn runtime(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let wheels = self.wheels(distribution)?;
        self.installed(distribution, &wheels, None)
    }

    /// The wheels of a fetch, installed for a distribution's Python: its runtime, or what an extra package adds to it.
    pub(super) fn installed(
        &mut self,
        distribution: &Distribution,
        wheels: &Job,
        extra: Option<&Extra>,
    ) -> Result<Job, Failure> {
        let set = Fetched { wheels, extra };
        let owner = match self.interpreter(distribution) {
            Interpreter::Own => distribution.clone(),
            Interpreter::Same(other) => self.distribution(&other)?,
            Interpreter::OtherMachine(by) => {
                return self.installed_elsewhere(distribution, by, &set);
            }
            Interpreter::None => return self.unpacked(distribution, &set),
        };
        let python = distribution.python.to_string();
        let rootfs = self.rootfs(&owner.id, "python")?;
        self.add(
            set.id(&owner.id),
            format!(
                "install and byte-compile the wheels{} for {}",
                set.of(),
                owner.title
            ),
            Step::Runtime {
                distribution: owner.id.clone(),
                extra: set.name(),
                rootfs: rootfs.reference(),
                wheels: wheels.reference(),
            },
            |inputs| Ok(inputs.value("python", &python)),
            &[&rootfs, wheels],
        )
    }

    /// The wheels of another architecture, byte-compiled by the Python of the distribution `by`. One for all distributions of
    /// that Python: an architecture's wheels are the same for all of them.
    fn installed_elsewhere(
        &mut self,
        distribution: &Distribution,
        by: String,
        set: &Fetched<'_>,
    ) -> Result<Job, Failure> {
        let architecture = &distribution.architecture;
        let python = distribution.python.to_string();
        let owner = self.distribution(&by)?.release;
        let owner = self.distribution(&architecture.qualify(&owner))?;
        let rootfs = self.rootfs(&by, "python")?;
        self.add(
            set.id(&owner.id),
            format!(
                "install and byte-compile the wheels{} for {}{}",
                set.of(),
                owner.title,
                on(architecture)
            ),
            Step::CrossRuntime {
                distribution: owner.id.clone(),
                by,
                extra: set.name(),
                rootfs: rootfs.reference(),
                wheels: set.wheels.reference(),
            },
            |inputs| {
                let inputs = inputs.value("python", &python);
                Ok(inputs.value("platforms", &architecture.platforms))
            },
            &[&rootfs, set.wheels],
        )
    }

    /// The wheels for a Python that no lock has, without byte code.
    fn unpacked(&mut self, distribution: &Distribution, set: &Fetched<'_>) -> Result<Job, Failure> {
        let (python, architecture) = (&distribution.python, &distribution.architecture);
        let rootfs = self.rootfs(&self.here(&self.context.targets.wheels.installer), "python")?;
        self.add(
            set.id(&WheelSet::runtime_name(python, architecture)),
            format!(
                "unpack the wheels{} for Python {python}{}",
                set.of(),
                on(architecture)
            ),
            Step::SourceRuntime {
                python: python.to_string(),
                architecture: self.named(architecture),
                extra: set.name(),
                rootfs: rootfs.reference(),
                wheels: set.wheels.reference(),
            },
            |inputs| Ok(inputs.value("platforms", &architecture.platforms)),
            &[&rootfs, set.wheels],
        )
    }

    /// `pgml-python` of a distribution.
    pub(super) fn runtime_package(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let runtime = self.runtime(distribution)?;
        self.python_package(distribution, &runtime, None)
    }

    /// `pgml-python`, or a package that adds to it, of what was installed.
    pub(super) fn python_package(
        &mut self,
        distribution: &Distribution,
        runtime: &Job,
        extra: Option<&Extra>,
    ) -> Result<Job, Failure> {
        let builder = self.builder_rootfs()?;
        let context = self.context;
        // One for all distributions that have the same runtime.
        let owner = runtime.id.trim_start_matches("runtime:").to_owned();
        let compress = self.add(
            ids::compress_runtime(&owner),
            format!("compress the runtime of {owner}"),
            Step::CompressRuntime {
                of: owner.clone(),
                runtime: runtime.reference(),
                builder: builder.reference(),
            },
            |inputs| Ok(inputs.value("time of the release", &context.epoch)),
            &[runtime, &builder],
        )?;
        let id = distribution.id.as_str();
        let (package, name) = match extra {
            Some(extra) => (ids::extra(id, &extra.name), extra.package()),
            None => (id.to_owned(), "pgml-python".into()),
        };
        self.add(
            ids::package(&package),
            format!(
                "build {name} for {}{}",
                distribution.title,
                on(&distribution.architecture)
            ),
            Step::RuntimePackage {
                distribution: id.into(),
                extra: extra.map(|extra| extra.name.clone()),
                runtime: runtime.reference(),
                byte_code: !matches!(runtime.step, Step::SourceRuntime { .. }),
                compressed: compress.reference(),
                builder: builder.reference(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch);
                let inputs = inputs.tree("packaging/deb/licences")?;
                Ok(inputs.value("package of libpython", &distribution.libpython))
            },
            &[runtime, &compress, &builder],
        )
    }
}
