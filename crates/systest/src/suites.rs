//! The suites of `cargo xtask test`: what each is about, what it needs, and how it runs.

use std::path::Path;
use std::sync::Mutex;

use base::exit::Failure;
use base::progress::Listener;
use base::workspace::Workspace;
use build::plan::{Plan, Purpose};
use inputs::host::tools::{
    AUTOPKGTEST, CHROMIUM, DIFFOSCOPE, GCC_AARCH64, GDB, GPGV, JQ, LIBC_AARCH64, LINTIAN,
    NEWUIDMAP, PIUPARTS, QEMU_USER, RSYNC, SHELLCHECK, Tool,
};
use release::outdated::Summary;
use release::pipeline::Pipeline;
use release::publish;
use release::publish::table::table;
use release::relock::Policy;
use targets::Target;

use crate::cases::{Case, Cases};
use crate::packages::table::life_cycle_table;
use crate::run::TestRun;
use crate::{crash, emulated, fuzz, lanes, machines, run, server, workers};

/// A suite. Results are in this order; `lanes.rs` says which of them run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Formatters and linters over the whole source tree.
    Lint,
    /// Tests that need no server.
    Unit,
    /// Tests and linters of the Python runtime's own code.
    Python,
    /// lintian on the packages.
    Lintian,
    /// A run that is killed, finds no room, or loses its mirror.
    Faults,
    /// Planted differences between two builds.
    Reproduce,
    /// Upgrades, downgrades and removal of the packages.
    Packages,
    /// Container images in Docker or podman.
    Image,
    /// A registry, and what users read from it.
    Registry,
    /// apt and SQL in a clean system.
    Install,
    /// Packages that are made on request, beside the others.
    Extras,
    /// The tool on minimal machines.
    Hosts,
    /// Other extensions in one backend.
    Neighbours,
    /// The evaluation of the Nix recipe.
    Nix,
    /// A server under load.
    Server,
    /// A server for a long time.
    Soak,
    /// One backend for many calls.
    Calls,
    /// Protections, taken out one by one.
    Protections,
    /// The report in a browser.
    Report,
    /// The clash of two builds of OpenBLAS.
    Crash,
    /// Libraries of another architecture.
    Emulated,
    /// A machine of Ubuntu's.
    Ubuntu,
    /// Several machines that share a compiler cache.
    Workers,
    /// The fuzzers of the readers of untrusted files.
    Fuzz,
}

/// What has to be there before a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// The source tree alone, without any build.
    Sources,
    /// The packages of the targets under test, and the systems to install them into.
    Packages,
    /// Those, and the systems that parts are tested in.
    Parts,
}

/// What is known of a suite before it runs.
struct Facts {
    name: &'static str,
    about: &'static str,
    needs: Needs,
    /// Programs that it starts beside those that a build needs.
    tools: &'static [Tool],
    /// Whether it takes so long that it runs only when it is named.
    on_request: bool,
}

impl Facts {
    const fn of(name: &'static str, about: &'static str, needs: Needs) -> Self {
        Self {
            name,
            about,
            needs,
            tools: &[],
            on_request: false,
        }
    }

    const fn with(mut self, tools: &'static [Tool]) -> Self {
        self.tools = tools;
        self
    }

    const fn on_request(mut self) -> Self {
        self.on_request = true;
        self
    }
}

impl Suite {
    /// All suites, in the order of their results.
    pub const ALL: [Self; 24] = [
        Self::Lint,
        Self::Unit,
        Self::Python,
        Self::Lintian,
        Self::Faults,
        Self::Reproduce,
        Self::Packages,
        Self::Image,
        Self::Registry,
        Self::Install,
        Self::Extras,
        Self::Hosts,
        Self::Neighbours,
        Self::Nix,
        Self::Server,
        Self::Soak,
        Self::Calls,
        Self::Protections,
        Self::Report,
        Self::Crash,
        Self::Emulated,
        Self::Ubuntu,
        Self::Workers,
        Self::Fuzz,
    ];

    fn facts(self) -> Facts {
        let packages = |name, about| Facts::of(name, about, Needs::Packages);
        let sources = |name, about| Facts::of(name, about, Needs::Sources);
        let parts = |name, about| Facts::of(name, about, Needs::Parts);
        match self {
            Self::Lint => {
                parts("lint", "formatters and linters of every language").with(&[SHELLCHECK])
            }
            Self::Unit => {
                sources("unit", "what needs no server").with(&[GCC_AARCH64, GPGV, JQ, LIBC_AARCH64])
            }
            Self::Python => parts("python", "the Python side, on the packaged runtime"),
            Self::Lintian => packages("lintian", "lintian on every package").with(&[LINTIAN]),
            Self::Faults => packages(
                "faults",
                "a build that is killed, finds no room or loses its mirror",
            ),
            Self::Reproduce => packages(
                "reproduce",
                "planted differences between two builds are found",
            )
            .with(&[DIFFOSCOPE, NEWUIDMAP]),
            Self::Packages => packages(
                "packages",
                "install, upgrade, move, remove, on each release",
            )
            .with(&[AUTOPKGTEST, GDB, PIUPARTS, QEMU_USER, RSYNC])
            .on_request(),
            Self::Image => packages("image", "container images, in a container engine"),
            Self::Registry => packages(
                "registry",
                "a release in a registry, read by skopeo, oras and cosign",
            )
            .on_request(),
            Self::Install => packages(
                "install",
                "apt installs the packages, SQL trains and predicts",
            ),
            Self::Extras => packages("extras", "packages of `dist --extra`, in use").on_request(),
            Self::Hosts => packages("hosts", "dist on minimal Debian systems").on_request(),
            Self::Neighbours => {
                packages("neighbours", "other extensions in the same backend").on_request()
            }
            Self::Nix => packages("nix", "the Nix recipe"),
            Self::Server => packages("server", "a server under load, faults and cancels"),
            Self::Soak => packages("soak", "a server for --soak-seconds").on_request(),
            Self::Calls => packages("calls", "one backend for --calls calls").on_request(),
            Self::Protections => {
                packages("protections", "each protection, taken out, fails its test").on_request()
            }
            Self::Report => {
                packages("report", "the report page, as a browser shows it").with(&[CHROMIUM])
            }
            Self::Crash => sources("crash", "the clash of two builds of OpenBLAS, and its end"),
            Self::Emulated => sources(
                "emulated",
                "packages of arm64, installed and run under qemu",
            )
            .on_request(),
            Self::Ubuntu => sources(
                "ubuntu",
                "both commands on Ubuntu, played by a stand-in archive",
            )
            .on_request(),
            Self::Workers => {
                sources("workers", "machines that share a compiler cache").on_request()
            }
            Self::Fuzz => sources("fuzz", "the fuzzers, each for --fuzz-seconds").on_request(),
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What it is about, in a few words.
    pub fn about(self) -> &'static str {
        self.facts().about
    }

    /// Whether it runs only when it is named.
    pub fn on_request(self) -> bool {
        self.facts().on_request
    }

    /// The suite of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// What a user can say of a run.
pub struct Options<'a> {
    /// The suites to run; none for all but those on request.
    pub suites: &'a [Suite],
    /// Whether what the tests make is written into the documentation instead of being compared with it.
    pub update: bool,
    /// The directory of the release under test.
    pub out: &'a Path,
    /// How long the fuzzers run, each.
    pub fuzz_seconds: u64,
    /// How long the suite `soak` runs.
    pub soak_seconds: u64,
    /// How many calls the suite `calls` makes.
    pub calls: u64,
    /// What happens where no mirror has a locked package any more.
    pub policy: Policy,
}

/// The results of a run of suites.
#[derive(Default)]
pub struct SuiteResults {
    /// The cases of all suites.
    pub cases: Vec<Case>,
    /// Tables that a person reads.
    pub tables: Vec<String>,
}

/// Runs the chosen suites and builds what they need first.
pub fn run(
    pipeline: &mut Pipeline,
    chosen: &[Target],
    options: &Options<'_>,
    listener: &dyn Listener,
) -> Result<SuiteResults, Failure> {
    let mut ran = SuiteResults::default();
    let mut wanted: Vec<Suite> = Suite::ALL
        .into_iter()
        .filter(|suite| match options.suites.is_empty() {
            true => !suite.on_request(),
            false => options.suites.contains(suite),
        })
        .collect();
    if wanted.contains(&Suite::Extras) && pipeline.extras.is_empty() {
        pipeline.extras.clone_from(&pipeline.targets.wheels.extras);
    }
    let on_packages = |suite: &Suite| suite.facts().needs != Needs::Sources;
    if wanted.iter().any(on_packages) {
        let install = pipeline.workspace.log("install");
        pipeline.host.require_for_builds(&install, listener)?;
    }
    without_those_that_lack_tools(pipeline, &mut wanted, &mut ran, listener);
    if wanted.iter().any(on_packages) {
        on_a_release(pipeline, chosen, options, &wanted, &mut ran, listener)?;
    }
    for suite in wanted.iter().filter(|suite| !on_packages(suite)) {
        ran.cases
            .extend(alone(*suite, pipeline, chosen, options, listener)?);
    }
    if options.suites.is_empty() {
        let mut cases = Cases::new("on request:", listener);
        for suite in Suite::ALL.into_iter().filter(|suite| suite.on_request()) {
            cases.not_run(
                suite.name(),
                format!("takes long: `--suite {}`", suite.name()),
            );
        }
        ran.cases.extend(cases.done);
    }
    Ok(ran)
}

/// Takes out the suites whose tools this machine can't get, each as a case that was not run.
fn without_those_that_lack_tools(
    pipeline: &Pipeline,
    wanted: &mut Vec<Suite>,
    ran: &mut SuiteResults,
    listener: &dyn Listener,
) {
    let install = pipeline.workspace.log("install");
    wanted.retain(|suite| {
        let tools = suite.facts().tools;
        match pipeline.host.require(tools, &install, listener) {
            Ok(()) => true,
            Err(why) => {
                let mut cases = Cases::new(format!("{}:", suite.name()), listener);
                cases.not_run("all of it", why.to_string());
                ran.cases.extend(cases.done);
                false
            }
        }
    });
}

/// Makes and publishes the release under test, and runs the suites that are about it.
fn on_a_release(
    pipeline: &mut Pipeline,
    chosen: &[Target],
    options: &Options<'_>,
    wanted: &[Suite],
    ran: &mut SuiteResults,
    listener: &dyn Listener,
) -> Result<(), Failure> {
    let purpose = match wanted
        .iter()
        .any(|suite| suite.facts().needs == Needs::Parts)
    {
        true => Purpose::Test,
        false => Purpose::Install,
    };
    pipeline.lock_missing(chosen, options.policy, listener)?;
    let (plan, dist) = pipeline.with_new_locks(options.policy, listener, &|pipeline| {
        let plan = pipeline.plan(chosen, purpose)?;
        // Before anything runs: a source tree that is edited meanwhile has another plan.
        let dist = pipeline.plan(chosen, Purpose::Dist)?;
        pipeline.execute(&plan, chosen, listener)?;
        Ok((plan, dist))
    })?;
    let out = pipeline.workspace.root.join(options.out);
    let outdated = match publish::is_current(&out, &dist) {
        true => Summary::default(), // it stays as it was published
        false => pipeline.outdated(chosen, listener)?,
    };
    pipeline.publish(&out, &dist, false, &outdated, listener)?;
    let test = TestRun {
        pipeline,
        plan: &plan,
        chosen,
        out: &out,
        listener,
        manifest: Mutex::default(),
    };
    let about_it: Vec<Suite> = wanted
        .iter()
        .copied()
        .filter(|suite| suite.facts().needs != Needs::Sources)
        .collect();
    for lanes in lanes::groups(&about_it, lanes::cores()) {
        let results = lanes::run(&lanes, &|suite| of_packages(suite, &test, &dist, options))?;
        for (suite, cases) in results {
            match suite {
                Suite::Packages => ran.tables.push(life_cycle_table(&cases)),
                Suite::Install if chosen.len() > 1 => {
                    let manifest = publish::read_manifest(&out);
                    ran.tables
                        .extend(manifest.map(|manifest| table(&manifest.targets)));
                }
                _ => {}
            }
            ran.cases.extend(cases);
        }
    }
    Ok(())
}

/// A suite over a release.
fn of_packages(
    suite: Suite,
    test: &TestRun<'_>,
    dist: &Plan,
    options: &Options<'_>,
) -> Result<Vec<Case>, Failure> {
    match suite {
        Suite::Lint => Ok(test.lint()),
        Suite::Python => test.python(options.update),
        Suite::Lintian => test.lintian(),
        Suite::Faults => test.faults(dist),
        Suite::Reproduce => test.reproduce(),
        Suite::Packages => test.packages(),
        Suite::Image => test.images(),
        Suite::Registry => test.registry(),
        Suite::Install => test.install_all(),
        Suite::Extras => test.extras(options.update),
        Suite::Hosts => machines::hosts(test.pipeline, test.chosen, test.listener),
        Suite::Neighbours => test.neighbours(),
        Suite::Nix => test.nix(),
        Suite::Server => test.server("server", &server::PROGRAMS),
        Suite::Soak => {
            let program = format!("soak.py PGML_SOAK_SECONDS={}", options.soak_seconds);
            test.server("soak", &[&program])
        }
        Suite::Calls => {
            let program = format!("calls.py PGML_CALLS={}", options.calls);
            test.server("calls", &[&program])
        }
        Suite::Protections => test.protections(),
        // After the page was made again from what the install test saw.
        Suite::Report => test.report(options.update),
        Suite::Unit
        | Suite::Crash
        | Suite::Emulated
        | Suite::Ubuntu
        | Suite::Workers
        | Suite::Fuzz => Err(Failure::bug(format!("{suite:?} is not about packages"))),
    }
}

/// A suite that needs no release.
fn alone(
    suite: Suite,
    pipeline: &mut Pipeline,
    chosen: &[Target],
    options: &Options<'_>,
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let workspace: Workspace = pipeline.workspace.clone();
    match suite {
        Suite::Unit => {
            let mut cases = Cases::new("unit:", listener);
            run::unit(&workspace, &mut cases);
            Ok(cases.done)
        }
        Suite::Crash => {
            let install = workspace.log("install");
            pipeline.host.require_for_builds(&install, listener)?;
            let asked = !options.suites.is_empty();
            crash::run(pipeline, options.policy, asked, listener)
        }
        Suite::Emulated => {
            let out = workspace.root.join(options.out);
            emulated::run(pipeline, chosen, &out, listener)
        }
        Suite::Ubuntu => machines::ubuntu(pipeline, listener),
        Suite::Workers => workers::run(pipeline, chosen, listener),
        Suite::Fuzz => fuzz::run(&workspace, options.fuzz_seconds, listener),
        _ => Err(Failure::bug(format!("{suite:?} needs packages"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a suite that is in the enum and not in the list, or one whose name another has.
    #[test]
    fn each_suite_is_found_by_its_name() {
        for suite in Suite::ALL {
            assert_eq!(Suite::of(suite.name()), Some(suite));
            assert!(suite.about().len() > 10, "{suite:?}");
        }
        let mut sorted = Suite::ALL.to_vec();
        sorted.sort();
        assert_eq!(
            sorted,
            Suite::ALL,
            "the list is in the order in which they run"
        );
    }
}
