//! The jobs of packages that add to a distribution's runtime, for `--extra NAME`.

use base::exit::Failure;
use targets::lock::WheelSet;
use targets::{Distribution, Extra, Target};

use super::{Builder, on};
use crate::plan::{Job, Parts, PlanError, Step, ids};

impl Builder<'_> {
    /// Adds the extra packages that are asked for, for a target; returns the jobs that it needs.
    pub(super) fn extras(&mut self, target: &Target) -> Result<Vec<Job>, Failure> {
        let mut goals = Vec::new();
        for extra in self.context.extras {
            let distribution = &target.distribution;
            let (set, wheels) = self.extra_wheels(distribution, extra)?;
            let added = self.installed(distribution, &wheels, Some(extra))?;
            let package = self.python_package(distribution, &added, Some(extra))?;
            let parts = Parts::Extra {
                set,
                runtime: added.reference(),
            };
            let sbom = ids::extra(&distribution.id, &extra.name);
            let needs = [&package, &added, &wheels];
            goals.push(self.sbom_of(&sbom, &distribution.id, parts, &needs)?);
            goals.push(self.verify_extra(target, extra, added)?);
            if !self.packages.iter().any(|known| known.id == package.id) {
                self.packages.push(package.clone());
            }
            goals.push(package);
        }
        Ok(goals)
    }

    /// The wheels that an extra package adds for a distribution's Python, and the name of their lock. An error names the
    /// package where the project has no wheel for that Python.
    fn extra_wheels(
        &mut self,
        distribution: &Distribution,
        extra: &Extra,
    ) -> Result<(String, Job), Failure> {
        let (python, architecture) = (&distribution.python, &distribution.architecture);
        let set = WheelSet::Extra {
            extra: extra.clone(),
            python: python.clone(),
            architecture: architecture.clone(),
        };
        let context = self.context;
        let wanted = set.wanted(context.targets, &context.workspace.root)?;
        if !wanted.iter().any(|wheel| wheel.name == extra.name) {
            return Err(PlanError::NoWheel {
                package: extra.package(),
                name: extra.name.clone(),
                title: extra.title.clone(),
                python: format!("{python}{}", on(architecture)),
            }
            .into());
        }
        let name = set.name();
        if !self.has(&ids::fetch_set(&name)) {
            self.check_wheels(&name)?;
        }
        let job = self.add(
            ids::fetch_set(&name),
            format!(
                "fetch the wheels of {} for Python {python}{}",
                extra.title,
                on(architecture)
            ),
            Step::FetchFixture { set: name.clone() },
            |inputs| Ok(inputs.file(&format!("packaging/lock/{name}.toml"))?),
            &[],
        )?;
        Ok((name, job))
    }
}
