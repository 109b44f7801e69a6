//! The suite `crash`: the bug that the product exists to prevent, in real backends (docs/crash.md).
//!
//! The extension's own objects are linked as they are shipped and in each wrong way. Each wrong library has to end the
//! backend or fail: otherwise the test would also pass without any protection. The shipped one has to give the right
//! numbers, alone and beside an extension with a BLAS of its own. The checker has to refuse each wrong one and name the
//! symbols that would be hijacked.

mod fixtures;
mod replay;
mod scene;
mod sessions;

use std::path::{Path, PathBuf};

use base::exit::{Exit, Failure};
use base::files::{self, FileError};
use base::progress::Listener;
use build::compile::blas_clash::WrongLink;
use build::layout;
use build::layout::ROOTFS;
use build::plan::{Plan, ids};
use release::pipeline::Pipeline;
use release::relock::Policy;
use symcheck::{Rulebook, stamp};
use targets::lock::LockError;
use targets::{Distribution, Target};

use self::fixtures::Sources;
use self::scene::Scene;
use self::sessions::Suite;
use crate::cases::{self, Case, Cases};

/// Makes what the test needs and runs it. Where this machine can't make it, such as without Debian 11's archive, that is an
/// error for those who `asked` for the test, and a test that was not run for others.
pub fn run(
    pipeline: &mut Pipeline,
    policy: Policy,
    asked: bool,
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let mut cases = Cases::new("crash:", listener);
    let made = pipeline.with_new_locks(policy, listener, &|pipeline| {
        let plan = pipeline.crash_plan()?;
        pipeline.execute(&plan, &[], listener)?;
        Ok(plan)
    });
    let plan = match made {
        Err(failure) if !asked && is_of_the_archive(&failure) => {
            let why = cases::failure_line(&failure);
            cases.not_run("the BLAS clash in real backends", why);
            return Ok(cases.done);
        }
        made => made?,
    };
    let pipeline = &*pipeline;
    let workspace = &pipeline.workspace;
    let scratch = workspace.cache.join("systest/crash");
    files::remove_dir(&scratch)?;
    let log = workspace.log("test-crash");
    files::write(&log, "")?;
    let plan = &plan;
    let outputs = Outputs { pipeline, plan };
    let book = Rulebook::load(&workspace.packaging())?;
    let shown = scratch.join("shown");
    make_fixtures(&outputs, &shown, &log)?;
    let fixture = plan.jobs.iter().find(|job| job.id.starts_with("fixture:"));
    let fixture = fixture.map_or("", |job| job.id.as_str());
    let clash = &pipeline.targets.crash;
    let of_new = ids::runtime(&clash.new.distribution);
    for (at, wheels) in [(&clash.old, fixture.to_owned()), (&clash.new, of_new)] {
        let distribution = pipeline.targets.require_distribution(&at.distribution)?;
        let target = Target {
            distribution: distribution.clone(),
            major: at.major,
        };
        let dir = scratch.join(&target.distribution.id);
        let libraries = Libraries::gather(&outputs, &target, &dir.join("libraries"))?;
        let scene = Scene {
            rootfs: &outputs
                .of(&ids::rootfs(&at.distribution, &clash.role))?
                .join(ROOTFS),
            runtime: &outputs.of(&wheels)?.join(layout::PYTHON_TREE),
            major: at.major,
            source: &workspace.root,
            scratch: &dir.join("scene"),
            log: &log,
        };
        let suite = Suite {
            workspace,
            target: &target,
            architecture: &target.distribution.architecture.name,
            scene: &scene,
            libraries: &libraries,
            shown: &shown,
            book: &book,
        };
        match *at == clash.old {
            true => suite.crash(&mut cases),
            false => suite.linker_comparison(&mut cases),
        }
    }
    files::remove_dir(&scratch)?;
    Ok(cases.done)
}

/// Makes the libraries of the scene that exist only for the test.
fn make_fixtures(outputs: &Outputs<'_>, shown: &Path, log: &Path) -> Result<(), Failure> {
    let plan = outputs.plan;
    let clash = &outputs.pipeline.targets.crash;
    let builder = build::plan::builder(plan).map_or("", |job| job.id.as_str());
    let headers = plan.job(&ids::blas_clash(clash.old.major));
    let headers = headers.and_then(|job| job.needs.iter().find(|id| id.ends_with(":headers")));
    fixtures::make(
        &Sources {
            builder: &outputs.of(builder)?.join(ROOTFS),
            headers: &outputs.of(headers.map_or("", String::as_str))?,
            major: clash.old.major,
            shared: &outputs.of(&ids::unpack(&clash.old.distribution, &clash.role))?,
        },
        shown,
        log,
    )?;
    Ok(())
}

/// Whether this machine can't get the packages of the scene, which are of a release that has ended.
fn is_of_the_archive(failure: &Failure) -> bool {
    let unlocked = failure.error().is_some_and(|_: &LockError| true);
    failure.exit == Exit::CannotHere || unlocked
}

/// The results of the plan's jobs.
struct Outputs<'a> {
    pipeline: &'a Pipeline,
    plan: &'a Plan,
}

impl Outputs<'_> {
    fn of(&self, id: &str) -> Result<PathBuf, FileError> {
        let job = self.plan.job(id).ok_or_else(|| {
            FileError::at("find the result of the job", id)(std::io::ErrorKind::NotFound.into())
        })?;
        Ok(self.pipeline.cache().output(job))
    }
}

/// The extension as it is shipped and in each wrong way, stamped for one distribution.
struct Libraries {
    shipped: PathBuf,
    dir: PathBuf,
}

impl Libraries {
    fn gather(outputs: &Outputs<'_>, target: &Target, dir: &Path) -> Result<Self, Failure> {
        let linked = outputs.of(&ids::blas_clash(target.major))?;
        for wrong in WrongLink::ALL {
            stamped(
                &linked.join(wrong.file()),
                &target.distribution,
                &dir.join(wrong.file()),
            )?;
        }
        Ok(Self {
            shipped: outputs.of(&ids::stamp(&target))?.join(layout::STRIPPED),
            dir: dir.to_owned(),
        })
    }

    fn linked(&self, wrong: WrongLink) -> PathBuf {
        self.dir.join(wrong.file())
    }
}

fn stamped(library: &Path, distribution: &Distribution, to: &Path) -> Result<(), Failure> {
    stamp::stamp_file(library, &distribution.libpython_soname(), to)
}
