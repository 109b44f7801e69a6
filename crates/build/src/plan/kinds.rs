//! The kinds of result that a plan has, and plans for some of them only.

use std::collections::BTreeSet;

use super::Plan;
use crate::plan::{Job, Step};

/// A kind of result, by which a run can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packages, with their verify reports and SBOMs.
    Deb,
    /// The apt repository of all packages, signed.
    Apt,
    /// Container images, with their SBOMs.
    Image,
}

impl Kind {
    /// Every kind, in the order in which they are declared.
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
            Step::ExtensionPackages { .. }
            | Step::RuntimePackage { .. }
            | Step::Verify { .. }
            | Step::VerifyExtra { .. }
            | Step::Sbom { .. } => Some(Self::Deb),
            Step::AptRepository => Some(Self::Apt),
            Step::ServerImages { .. } | Step::ExtensionImage { .. } | Step::PythonImage { .. } => {
                Some(Self::Image)
            }
            _ => None,
        }
    }
}

/// The same plan for some kinds of result only, without the jobs that those don't need. The jobs of the provenance statement
/// stay: every release has one.
pub fn restrict_to(mut plan: Plan, kinds: &[Kind]) -> Plan {
    let wanted = |job: &&Job| {
        job.step == Step::Source || Kind::of(&job.step).is_some_and(|kind| kinds.contains(&kind))
    };
    let goals = plan.jobs.iter().filter(wanted).map(|job| job.id.clone());
    let goals: BTreeSet<_> = goals.filter(|id| plan.goals.contains(id)).collect();
    plan.goals = goals.into_iter().collect();
    plan.pruned()
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
            Step::Verify {
                target: target(),
                compiled: crates.reference(),
                stamped: crates.reference(),
                runtime: crates.reference(),
            },
            &[&crates],
        );
        let apt = job("apt", Step::AptRepository, &[&deb]);
        let image = job(
            "image",
            Step::ServerImages { target: target() },
            &[&deb, &base],
        );
        let source = job("source", Step::Source, &[]);
        let plan = Plan {
            jobs: vec![crates, base, deb, apt, image, source],
            goals: ["apt", "deb", "image", "source"].map(String::from).into(),
            targets: BTreeMap::new(),
            blocked: BTreeMap::new(),
        };
        let ids = |plan: &Plan| {
            plan.jobs
                .iter()
                .map(|job| job.id.clone())
                .collect::<Vec<_>>()
        };
        let apt = restrict_to(plan.clone(), &[Kind::Apt]);
        assert_eq!(
            (ids(&apt), apt.goals),
            (
                ["crates", "deb", "apt", "source"].map(String::from).into(),
                vec!["apt".to_owned(), "source".to_owned()]
            )
        );
        assert_eq!(
            ids(&restrict_to(plan.clone(), &[Kind::Image])),
            ["crates", "base", "deb", "image", "source"]
        );
        assert_eq!(ids(&restrict_to(plan.clone(), &Kind::ALL)), ids(&plan));
    }
}
