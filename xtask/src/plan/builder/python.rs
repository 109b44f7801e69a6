//! The jobs that make the Python runtime of a distribution.

use super::Builder;
use crate::exit::Failure;
use crate::plan::job::{Job, Step};
use crate::plan::{BUILDER, INSTALLER, Interpreter};
use crate::targets::Distribution;

impl Builder<'_> {
    /// The Python that byte-compiles a distribution's runtime.
    pub(super) fn interpreter(&self, distribution: &Distribution) -> Interpreter {
        if self.has_lock(&distribution.id) {
            return Interpreter::Own;
        }
        let others = &self.context.targets.distributions;
        let same = others
            .iter()
            .find(|other| other.python == distribution.python && self.has_lock(&other.id));
        match same {
            Some(other) => Interpreter::Same(other.id.clone()),
            None => Interpreter::None,
        }
    }

    /// The wheels for a Python.
    pub(super) fn wheels(&mut self, python: &str) -> Result<Job, Failure> {
        if !self.has(&format!("fetch:python{python}")) {
            self.check_wheels(&format!("python{python}"))?;
        }
        self.add(
            format!("fetch:python{python}"),
            format!("fetch the wheels for Python {python}"),
            Step::FetchWheels {
                python: python.to_owned(),
            },
            |inputs| Ok(inputs.file(&format!("packaging/lock/python{python}.toml"))?),
            &[],
        )
    }

    /// The Python runtime of a distribution.
    pub(super) fn runtime(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let python = distribution.python.to_string();
        let wheels = self.wheels(&python)?;
        let owner = match self.interpreter(distribution) {
            Interpreter::Own => distribution.clone(),
            Interpreter::Same(other) => self.distribution(&other)?,
            Interpreter::None => {
                let rootfs = self.rootfs(INSTALLER, "python")?;
                let platforms = &self.context.targets.wheels.platforms;
                return self.add(
                    format!("runtime:python{python}"),
                    format!("unpack the wheels for Python {python}"),
                    Step::SourceRuntime {
                        python: python.clone(),
                    },
                    |inputs| Ok(inputs.value("platforms", platforms)),
                    &[&rootfs, &wheels],
                );
            }
        };
        let id = owner.id.as_str();
        let rootfs = self.rootfs(id, "python")?;
        self.add(
            format!("runtime:{id}"),
            format!("install and byte-compile the wheels for {}", owner.title),
            Step::Runtime {
                distribution: id.into(),
            },
            |inputs| Ok(inputs.value("python", &python)),
            &[&rootfs, &wheels],
        )
    }

    /// `pgml-python` of a distribution.
    pub(super) fn runtime_package(&mut self, distribution: &Distribution) -> Result<Job, Failure> {
        let id = distribution.id.as_str();
        let builder = self.rootfs(BUILDER.0, BUILDER.1)?;
        let runtime = self.runtime(distribution)?;
        let context = self.context;
        // One for all distributions that have the same runtime.
        let owner = runtime.id.trim_start_matches("runtime:").to_owned();
        let compress = self.add(
            format!("compress:{owner}"),
            format!("compress the runtime of {owner}"),
            Step::CompressRuntime { of: owner.clone() },
            |inputs| Ok(inputs.value("time of the release", &context.epoch)),
            &[&runtime, &builder],
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
                let inputs = inputs.tree("packaging/deb/licences")?;
                Ok(inputs.value("package of libpython", &distribution.libpython))
            },
            &[&runtime, &compress, &builder],
        )
    }
}
