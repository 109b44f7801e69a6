//! The packages in a whole system of another architecture: apt installs them, a server starts, SQL trains in Python and in Rust
//! and predicts, and what predicts or computes the same on every machine does so to the bit.

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use build::layout::ROOTFS_ARCHIVE;
use build::plan::{Plan, Purpose, ids};
use inputs::host::emulation::Emulation;
use jobs::execute::to_run;
use targets::Target;

use super::Suite;
use crate::cases::{Cases, ensure};
use crate::install::{InstallTest, PORT, sql_files};
use crate::system::System;
use crate::tools::RUST_AUDIT_INFO;

/// The lines of models, predictions and vectors, in a system.
const LINES: &str = "/srv/lines";

/// Suites that an emulator can't run, each with the reason.
const NOT_EMULATED: [(&str, &str); 1] = [(
    "columns.sql",
    "it compares times, and those of an emulator say nothing",
)];

impl Suite<'_> {
    /// Runs all cases, or says why they can't run.
    pub(super) fn installed(
        &self,
        cases: &mut Cases<'_>,
        listener: &dyn Listener,
    ) -> Result<(), Failure> {
        let installed = "apt installs the packages, and a server starts";
        if super::extension(self.out, self.target).is_none() {
            let why = format!("{} has no package of it", self.out.display());
            cases.not_run(installed, why);
            return Ok(());
        }
        let own = self.on_this_machine();
        let there = super::extension(self.out, &own).is_some();
        let both = [self.target.clone(), own.clone()];
        // On a machine of the architecture there is no other to compare with.
        let both = match there && own.to_string() != self.target.to_string() {
            true => &both[..],
            false => &both[..1],
        };
        let plan = self.made(both, listener)?;
        let why = plan.targets.get(&self.target.to_string());
        if let Some(why) = why.and_then(|planned| planned.no_image.clone()) {
            cases.not_run(installed, why);
            return Ok(());
        }
        self.in_system(&plan, self.target, self.emulation, |test| {
            let system = test.start()?;
            let ready = cases.run(installed, || test.ready(&system));
            if ready.is_none() {
                return Ok(());
            }
            cases.run("every file of the packages passes dpkg --verify", || {
                test.verify_files(&system)
            });
            let moved = "models and vectors of this machine's architecture, to the bit";
            match both.get(1) {
                Some(own) => {
                    cases.run(moved, || {
                        let lines = self.in_system(&plan, own, None, |test| test.lines())?;
                        test.same_bits(&system, &lines)
                    });
                }
                None => cases.not_run(moved, format!("{own} is not in {}", self.out.display())),
            }
            test.suites(&system, cases)
        })
    }

    /// The same distribution and major on this machine's architecture.
    fn on_this_machine(&self) -> Target {
        let here = self.pipeline.host.architecture(&self.pipeline.targets);
        let id = here.qualify(&self.target.distribution.release);
        let own = self.pipeline.targets.distribution(&id).cloned();
        Target {
            // INVARIANT: targets.toml has each distribution for each architecture
            distribution: own.unwrap_or_else(|| self.target.distribution.clone()),
            major: self.target.major,
        }
    }

    /// Makes the systems to install into. The plan has them as goals.
    fn made(&self, targets: &[Target], listener: &dyn Listener) -> Result<Plan, Failure> {
        let mut plan = self.pipeline.whole_plan(targets, Purpose::Emulated)?;
        let systems = targets.iter().flat_map(|target| {
            let id = &target.distribution.id;
            let roles = ["base", "test", "tools"].map(|role| ids::fetch(id, role));
            roles.into_iter().chain([ids::rootfs(id, "base")])
        });
        let systems: Vec<String> = systems.collect();
        plan.goals.retain(|goal| systems.contains(goal));
        if !to_run(&plan, &self.pipeline.cache()).is_empty() {
            let outcome = self.pipeline.execute(&plan, targets, listener)?;
            if let Some(exit) = outcome.exit() {
                return Err(Failure::already_reported(exit));
            }
        }
        Ok(plan)
    }

    /// Calls `act` with the test of a target's packages.
    fn in_system<T>(
        &self,
        plan: &Plan,
        target: &Target,
        emulation: Option<&Emulation>,
        act: impl FnOnce(&InstallTest<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (pipeline, workspace) = (self.pipeline, &self.pipeline.workspace);
        let distribution = &target.distribution;
        let cache = pipeline.cache();
        let output = |id: String| {
            let job = plan.job(&id);
            let job = job.ok_or_else(|| Failure::bug(format!("the plan has no `{id}`")))?;
            Ok::<_, Failure>(cache.output(job))
        };
        let id = &distribution.id;
        let debs = |role: &str| output(ids::fetch(id, role));
        let scratch = workspace.cache.join(format!("systest/installed-{target}"));
        let test = InstallTest {
            target: target.to_string(),
            major: target.major,
            codename: &distribution.codename,
            python: distribution.python.to_string(),
            base: &output(ids::rootfs(id, "base"))?.join(ROOTFS_ARCHIVE),
            emulation,
            mirror: &[&debs("base")?, &debs("test")?, &debs("tools")?],
            repository: &self.out.join("apt"),
            sboms: &self.out.join("sbom"),
            scanner: &RUST_AUDIT_INFO.install(workspace)?,
            source: &workspace.root,
            key: &pipeline.steps(&[]).signing_key(self.log)?,
            scratch: &scratch,
            log: self.log,
        };
        let done = act(&test)?;
        files::remove_dir(&scratch)?;
        Ok(done)
    }
}

impl InstallTest<'_> {
    fn ready(&self, system: &System) -> Result<(), Failure> {
        self.install(system)?;
        self.create_cluster(system)?;
        self.install_tools(system)
    }

    /// The SQL suites, and those that a restart of the server lies between.
    fn suites(&self, system: &System, cases: &mut Cases<'_>) -> Result<(), Failure> {
        let is_around = |name: &String| name.contains("-restart");
        let (around, plain): (Vec<_>, Vec<_>) =
            sql_files(self.source)?.into_iter().partition(is_around);
        for file in plain {
            match NOT_EMULATED.iter().find(|(name, _)| *name == file) {
                Some((name, why)) if self.emulation.is_some() => cases.not_run(name, *why),
                _ => self.suite(system, &file, cases),
            }
        }
        cases.run("models are there after the server restarts", || {
            self.new_database(system, "restarted")?;
            for (number, file) in around.iter().enumerate() {
                if number > 0 {
                    self.restart(system)?;
                }
                self.run_file(system, "restarted", file)?;
            }
            ensure(around.len() == 2, || format!("{around:?}"))
        });
        Ok(())
    }

    /// What a machine of one architecture trains and computes, for one of another.
    fn lines(&self) -> Result<String, Failure> {
        let system = self.start()?;
        self.ready(&system)?;
        self.new_database(&system, "lines")?;
        let made = format!(
            "psql -Xq -v ON_ERROR_STOP=1 -p {PORT} -d lines -f /srv/tests/emulated/make.sql"
        );
        system.script("postgres", &made)
    }

    /// The lines of another machine hold here.
    fn same_bits(&self, system: &System, lines: &str) -> Result<(), Failure> {
        ensure(lines.lines().count() > 20, || {
            format!("{} lines were made", lines.lines().count())
        })?;
        system.write(LINES, lines)?;
        self.new_database(system, "lines")?;
        self.run_file(system, "lines", "emulated/check.sql")
    }
}
