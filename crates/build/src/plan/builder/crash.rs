//! The plan for the test of the BLAS clash (docs/crash.md): the systems in which it happens, the extension linked correctly
//! and in each wrong way, and the wheels that it clashes with.

use base::exit::Failure;
use targets::lock::WheelSet;
use targets::{Target, Targets};

use super::{Builder, nothing_more};
use crate::plan::{Context, Job, Plan, Step, ids};

/// All jobs for the test.
pub fn plan(context: &Context<'_>) -> Result<Plan, Failure> {
    let mut builder = Builder::new(context);
    let mut goals = Vec::new();
    let crash = &context.targets.crash;
    for scene in [&crash.old, &crash.new] {
        let (id, major) = (scene.distribution.as_str(), scene.major);
        let target = Target {
            distribution: builder.distribution(id)?,
            major,
        };
        goals.push(builder.rootfs(id, &crash.role)?.id);
        goals.push(builder.stamp(&target)?.id);
        goals.push(builder.blas_clash(major)?.id);
    }
    for set in wheels(context.targets) {
        goals.push(
            builder
                .fixture(&set, &crash.old.distribution, &crash.role)?
                .id,
        );
    }
    goals.push(
        builder
            .runtime(&builder.distribution(&crash.new.distribution)?)?
            .id,
    );
    Ok(Plan {
        jobs: builder.jobs,
        goals,
        ..Plan::default()
    })
}

/// The lock of the wheels that clash.
fn wheels(targets: &Targets) -> Vec<String> {
    let fixtures = targets.wheels.fixtures.iter().cloned();
    let crash = fixtures.filter(|fixture| fixture.name == targets.crash.role);
    crash
        .map(|fixture| WheelSet::Fixture(fixture).name())
        .collect()
}

impl Builder<'_> {
    /// Adds the job that links the extension in each wrong way. It needs the compile job, whose objects it links again, and
    /// everything that job needs.
    fn blas_clash(&mut self, major: u16) -> Result<Job, Failure> {
        let first = self.context.targets.first_architecture();
        let compile = self.compile(major, first)?;
        let scene = &self.context.targets.crash;
        let shared = self.unpack(&scene.old.distribution, &scene.role)?;
        let old = self.unpack(&scene.old.distribution, &scene.static_role)?;
        let toolchain = self.context.toolchain;
        let Step::Compile { reads, .. } = &compile.step else {
            return Err(Failure::bug(format!("`{}` compiles nothing", compile.id)));
        };
        let step = Step::BlasClash {
            major,
            reads: reads.clone(),
            compiled: compile.reference(),
            shared: shared.reference(),
            old: old.reference(),
        };
        // The needs of the compile job, and the job itself, whose objects are linked again.
        let of_compile = self
            .jobs
            .iter()
            .filter(|job| compile.needs.contains(&job.id));
        let mut needs: Vec<Job> = of_compile.cloned().collect();
        needs.extend([compile, shared, old]);
        self.add(
            ids::blas_clash(major),
            format!(
                "link the extension for PostgreSQL {major} in each wrong way, for the test of the BLAS clash"
            ),
            step,
            |inputs| Ok(inputs.value("toolchain", &toolchain)),
            &needs.iter().collect::<Vec<_>>(),
        )
    }

    /// Wheels of a test, installed by a distribution's own Python, which is in the root file system of a role.
    pub(super) fn fixture(
        &mut self,
        set: &str,
        distribution: &str,
        role: &str,
    ) -> Result<Job, Failure> {
        let rootfs = self.rootfs(distribution, role)?;
        self.check_wheels(set)?;
        let wheels = self.add(
            ids::fetch_set(&set),
            format!("fetch the wheels of {set}"),
            Step::FetchFixture { set: set.into() },
            |inputs| Ok(inputs.file(&format!("packaging/lock/{set}.toml"))?),
            &[],
        )?;
        self.add(
            ids::fixture(&set),
            format!("install and byte-compile the wheels of {set}"),
            Step::Fixture {
                set: set.into(),
                distribution: distribution.into(),
                rootfs: rootfs.reference(),
                wheels: wheels.reference(),
            },
            nothing_more,
            &[&rootfs, &wheels],
        )
    }
}
