//! The plan as a matrix for CI: one runner compiles a major, others stamp, verify and package from its results.
//!
//! The results travel as archives of `cargo xtask cache export`; docs/architecture.md shows the two jobs of a workflow.

use std::collections::BTreeSet;

use serde::Serialize;

use targets::Target;

use super::Plan;

/// The version of the format.
const VERSION: u32 = 1;

/// Two matrices, each in the form that a workflow's `strategy.matrix` takes.
#[derive(Debug, Serialize)]
pub struct Matrices {
    /// The version of this format.
    pub version: u32,
    /// A runner for each major.
    pub compile: Matrix<Compile>,
    /// A runner for each distribution.
    pub package: Matrix<Package>,
}

/// `include` of a matrix: each entry is a runner's variables.
#[derive(Debug, Serialize)]
pub struct Matrix<T> {
    /// One entry for each job that GitHub starts.
    pub include: Vec<T>,
}

/// The variables of a runner that compiles a major.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Compile {
    /// The major version of PostgreSQL, for example `15`.
    pub major: u16,
    /// The architecture by Debian's name: `amd64`.
    pub architecture: String,
    /// The targets that need it, as arguments.
    pub targets: String,
    /// The jobs whose results the others need, as an argument of `--only-jobs` and of `cache export`.
    pub jobs: String,
    /// The name of the archive of their results.
    pub archive: String,
}

/// Stamps, verifies and packages for a distribution.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The id of the distribution: `debian12`.
    pub distribution: String,
    /// Its targets, as arguments.
    pub targets: String,
    /// The architecture by Debian's name: `amd64`.
    pub architecture: String,
    /// The archives that it starts from, as arguments of `cache import`.
    pub archives: String,
    /// The jobs whose results make the release, as an argument of `cache export`.
    pub jobs: String,
    /// The name of the archive of their results.
    pub archive: String,
}

impl Matrices {
    /// The matrices of a plan's targets, which are given with their distributions and majors.
    pub fn new(plan: &Plan, targets: &[Target]) -> Self {
        // A runner of the target's own architecture builds it, even where this machine lacks the compiler.
        let planned = targets
            .iter()
            .filter(|target| plan.targets.contains_key(&target.to_string()));
        let planned = Planned {
            plan,
            targets: planned.collect(),
        };
        Self {
            version: VERSION,
            compile: Matrix {
                include: planned.compiles(),
            },
            package: Matrix {
                include: planned.packages(),
            },
        }
    }
}

/// The targets that are dealt out to runners.
struct Planned<'a> {
    plan: &'a Plan,
    targets: Vec<&'a Target>,
}

impl Planned<'_> {
    /// A runner for each major and architecture.
    fn compiles(&self) -> Vec<Compile> {
        let key = |target: &&Target| {
            let architecture = &target.distribution.architecture;
            (architecture.suffix().to_owned(), target.major)
        };
        let mut first_of_each = self.targets.clone();
        first_of_each.sort_by_key(key);
        first_of_each.dedup_by_key(|target| key(&*target));
        let compile = |first: &Target| {
            let architecture = &first.distribution.architecture;
            let job = |kind: &str| architecture.qualify(&format!("{kind}:pg{}", first.major));
            Compile {
                major: first.major,
                architecture: architecture.name.clone(),
                targets: self.names(&|target| {
                    target.major == first.major && target.distribution.architecture == *architecture
                }),
                jobs: format!("{},{}", job("compress"), job("compile")),
                archive: archive(first),
            }
        };
        first_of_each.into_iter().map(compile).collect()
    }

    /// A runner for each distribution.
    fn packages(&self) -> Vec<Package> {
        let mut distributions: Vec<(&str, &str)> = Vec::new();
        for target in &self.targets {
            let distribution = &target.distribution;
            let entry = (
                distribution.id.as_str(),
                distribution.architecture.name.as_str(),
            );
            if !distributions.contains(&entry) {
                distributions.push(entry);
            }
        }
        let package = |(id, architecture): (&str, &str)| {
            let of = || {
                self.targets
                    .iter()
                    .filter(|target| target.distribution.id == id)
            };
            let archives: Vec<String> = of().map(|target| archive(target)).collect();
            Package {
                distribution: id.to_owned(),
                architecture: architecture.to_owned(),
                jobs: self.goals(id),
                archive: format!("pgml-for-{id}.tar"),
                targets: self.names(&|target| target.distribution.id == id),
                archives: archives.join(" "),
            }
        };
        distributions.into_iter().map(package).collect()
    }

    /// The names of some targets, as a command line takes them.
    fn names(&self, which: &dyn Fn(&Target) -> bool) -> String {
        let chosen = self.targets.iter().filter(|target| which(target));
        let names: Vec<String> = chosen.map(|target| target.to_string()).collect();
        names.join(" ")
    }

    /// The packages of a distribution's targets, and what is published beside them.
    fn goals(&self, id: &str) -> String {
        let of = self
            .targets
            .iter()
            .filter(|target| target.distribution.id == id);
        let planned = of.filter_map(|target| self.plan.targets.get(&target.to_string()));
        let goals: BTreeSet<&str> = planned
            .flat_map(|planned| planned.goals.iter().map(String::as_str))
            .collect();
        goals.into_iter().collect::<Vec<_>>().join(",")
    }
}

/// The archive that hands a major's compiled library over.
fn archive(target: &Target) -> String {
    let architecture = &target.distribution.architecture;
    let name = architecture.qualify(&format!("pg{}", target.major));
    format!("pgml-{name}.tar")
}
