//! The part of the plan that makes container images.
//!
//! A target has images with a server where its distribution carries that Postgres and its lock has what an image needs;
//! the image with the extension's files alone needs no distribution, so every target has it.

use std::collections::BTreeSet;

use super::job::{Job, Step};
use super::{Builder, Plan};
use crate::exit::Failure;
use crate::oci::{config, settings};
use crate::targets::Target;

/// The role of the packages that an image has beside ours.
const ROLE: &str = "image";

/// Files of this program that decide the bytes of all archives and layers.
const FORMATS: [&str; 4] = [
    "xtask/src/oci/layer.rs",
    "xtask/src/oci/layout.rs",
    "xtask/src/oci/image.rs",
    "xtask/src/oci/sbom.rs",
];

/// A kind of result, by which a run can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packages, with what the symbol rules found.
    Deb,
    /// The apt repository.
    Apt,
    /// Container images, with their SBOMs.
    Image,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Deb, Self::Apt, Self::Image];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apt => "apt",
            Self::Image => "image",
        }
    }

    fn of(step: &Step) -> Option<Self> {
        match step {
            Step::ExtensionPackages { .. } | Step::RuntimePackage { .. } | Step::Verify { .. } => {
                Some(Self::Deb)
            }
            Step::AptRepository => Some(Self::Apt),
            Step::ServerImages { .. } | Step::ExtensionImage { .. } => Some(Self::Image),
            _ => None,
        }
    }
}

impl Plan {
    /// The same plan for some kinds of result only: what those don't need is left out.
    pub fn only(mut self, kinds: &[Kind]) -> Self {
        let wanted = |job: &&Job| Kind::of(&job.step).is_some_and(|kind| kinds.contains(&kind));
        let goals = self.jobs.iter().filter(wanted).map(|job| job.id.clone());
        let goals: BTreeSet<_> = goals.filter(|id| self.goals.contains(id)).collect();
        self.goals = goals.into_iter().collect();
        let mut needed: BTreeSet<String> = self.goals.iter().cloned().collect();
        for job in self.jobs.iter().rev() {
            if needed.contains(&job.id) {
                needed.extend(job.needs.iter().cloned());
            }
        }
        self.jobs.retain(|job| needed.contains(&job.id));
        self
    }
}

impl Builder<'_> {
    /// The images of a target: the jobs whose output is published.
    pub(super) fn images(&mut self, target: &Target) -> Result<Vec<Job>, Failure> {
        let mut jobs = vec![self.extension_image(target)?];
        let distribution = &target.distribution;
        let has_server = distribution.postgres == target.major;
        if has_server && !self.locked(&distribution.id, ROLE)?.is_empty() {
            jobs.push(self.server_images(target)?);
        }
        Ok(jobs)
    }

    fn image_base(&mut self, distribution: &str) -> Result<Job, Failure> {
        let base = self.fetch(distribution, "base")?;
        let image = self.fetch(distribution, ROLE)?;
        let root = self.context.workspace.root.clone();
        self.add(
            format!("image-base:{distribution}"),
            format!("make the base of the images of {distribution}"),
            Step::ImageBase {
                distribution: distribution.into(),
            },
            |inputs| Ok(inputs.file(&root, config::FILE)?),
            &[&base, &image],
        )
    }

    fn image_runtime(&mut self, target: &Target) -> Result<Job, Failure> {
        let distribution = &target.distribution;
        let id = distribution.id.as_str();
        let base = self.image_base(id)?;
        let package = self.runtime_package(distribution)?;
        let rootfs = self.rootfs(id, "python")?;
        self.add(
            format!("image-runtime:{id}"),
            format!("install pgml-python into the images of {id}"),
            Step::ImageRuntime {
                distribution: id.into(),
            },
            Ok,
            &[&base, &package, &rootfs],
        )
    }

    fn server_images(&mut self, target: &Target) -> Result<Job, Failure> {
        let distribution = &target.distribution;
        let id = distribution.id.as_str();
        let needs = [
            self.image_base(id)?,
            self.image_runtime(target)?,
            self.extension_packages(target)?,
            self.runtime_package(distribution)?,
            self.rootfs(id, "python")?,
            self.compile(target.major)?,
        ];
        let context = self.context;
        let python = format!("packaging/lock/python{}.toml", distribution.python);
        self.add(
            format!("images:{target}"),
            format!("make the images of {target}"),
            Step::ServerImages {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch)
                    .files(&context.workspace.root, &settings::FILES)?
                    .files(&context.workspace.root, &FORMATS)?;
                let inputs = inputs.files(
                    &context.workspace.root,
                    &[config::FILE, "extension/Cargo.lock", &python],
                )?;
                Ok(inputs)
            },
            &needs.each_ref(),
        )
    }

    fn extension_image(&mut self, target: &Target) -> Result<Job, Failure> {
        let needs = [
            self.extension_packages(target)?,
            self.compile(target.major)?,
        ];
        let context = self.context;
        self.add(
            format!("extension-image:{target}"),
            format!("make the image with the extension's files for {target}"),
            Step::ExtensionImage {
                target: target.to_string(),
            },
            |inputs| {
                let inputs = inputs
                    .value("release", context.release)
                    .value("time of the release", &context.epoch)
                    .files(&context.workspace.root, &FORMATS)?;
                Ok(inputs.files(
                    &context.workspace.root,
                    &[config::FILE, "extension/Cargo.lock"],
                )?)
            },
            &needs.each_ref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_limited_plan_has_what_its_results_need_and_no_more() {
        let job =
            |id: &str, step: Step, needs: &[&Job]| Job::new(id, id, step, BTreeMap::new(), needs);
        let target = || "debian12-pg15".to_owned();
        let crates = job("crates", Step::FetchCrates, &[]);
        let base = job(
            "base",
            Step::ImageBase {
                distribution: "debian12".into(),
            },
            &[],
        );
        let deb = job(
            "deb",
            Step::ExtensionPackages { target: target() },
            &[&crates],
        );
        let apt = job("apt", Step::AptRepository, &[&deb]);
        let image = job(
            "image",
            Step::ServerImages { target: target() },
            &[&deb, &base],
        );
        let plan = Plan {
            jobs: vec![crates, base, deb, apt, image],
            goals: ["apt", "deb", "image"].map(String::from).into(),
        };
        let ids = |plan: &Plan| {
            plan.jobs
                .iter()
                .map(|job| job.id.clone())
                .collect::<Vec<_>>()
        };
        let apt = plan.clone().only(&[Kind::Apt]);
        assert_eq!(
            (ids(&apt), apt.goals),
            (
                vec!["crates".into(), "deb".into(), "apt".into()],
                vec!["apt".to_owned()]
            )
        );
        assert_eq!(
            ids(&plan.clone().only(&[Kind::Image])),
            ["crates", "base", "deb", "image"]
        );
        assert_eq!(ids(&plan.clone().only(&Kind::ALL)), ids(&plan));
    }
}
