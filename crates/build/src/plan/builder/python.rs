//! The jobs that make the Python runtime of a distribution.

use base::exit::Failure;
use targets::Distribution;
use targets::lock::WheelSet;

use super::{Builder, on};
use crate::plan::{Interpreter, Job, Step, ids};

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
        let python = distribution.python.to_string();
        let architecture = &distribution.architecture;
        let wheels = self.wheels(distribution)?;
        let owner = match self.interpreter(distribution) {
            Interpreter::Own => distribution.clone(),
            Interpreter::Same(other) => self.distribution(&other)?,
            // One for all distributions of that Python: an architecture's wheels are the same for all of them.
            Interpreter::OtherMachine(by) => {
                let owner = self.distribution(&by)?.release;
                let owner = self.distribution(&architecture.qualify(&owner))?;
                let rootfs = self.rootfs(&by, "python")?;
                let platforms = &architecture.platforms;
                return self.add(
                    ids::runtime(&owner.id),
                    format!(
                        "install and byte-compile the wheels for {}{}",
                        owner.title,
                        on(architecture)
                    ),
                    Step::CrossRuntime {
                        distribution: owner.id.clone(),
                        by,
                        rootfs: rootfs.reference(),
                        wheels: wheels.reference(),
                    },
                    |inputs| {
                        let inputs = inputs.value("python", &python);
                        Ok(inputs.value("platforms", platforms))
                    },
                    &[&rootfs, &wheels],
                );
            }
            Interpreter::None => {
                let rootfs =
                    self.rootfs(&self.here(&self.context.targets.wheels.installer), "python")?;
                let platforms = &architecture.platforms;
                let name = WheelSet::runtime_name(&distribution.python, architecture);
                return self.add(
                    ids::runtime(&name),
                    format!("unpack the wheels for Python {python}{}", on(architecture)),
                    Step::SourceRuntime {
                        python: python.clone(),
                        architecture: self.named(architecture),
                        rootfs: rootfs.reference(),
                        wheels: wheels.reference(),
                    },
                    |inputs| Ok(inputs.value("platforms", platforms)),
                    &[&rootfs, &wheels],
                );
            }
        };
        let id = owner.id.as_str();
        let rootfs = self.rootfs(id, "python")?;
        self.add(
            ids::runtime(&id),
            format!("install and byte-compile the wheels for {}", owner.title),
            Step::Runtime {
                distribution: id.into(),
                rootfs: rootfs.reference(),
                wheels: wheels.reference(),
            },
            |inputs| Ok(inputs.value("python", &python)),
            &[&rootfs, &wheels],
        )
    }

    /// `pgml-python` of a distribution.
    pub(super) fn runtime_package(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let id = distribution.id.as_str();
        let builder = self.builder_rootfs()?;
        let runtime = self.runtime(distribution)?;
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
            &[&runtime, &builder],
        )?;
        self.add(
            ids::package(&id),
            format!(
                "build pgml-python for {}{}",
                distribution.title,
                on(&distribution.architecture)
            ),
            Step::RuntimePackage {
                distribution: id.into(),
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
            &[&runtime, &compress, &builder],
        )
    }
}
