//! What plain `cargo`, and `cargo pgrx`, have to know to build the extension on this machine, outside of the sandbox.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;
use build::compile::cpp_library::LIBRARIES;
use build::compile::extension::openblas_pc;
use build::plan::{Purpose, Step, ids};
use build::sbom::native;
use jobs::execute::to_run;
use release::pipeline::Pipeline;
use targets::Target;
use targets::lock::Lock;

use crate::console::Console;

/// The lines of a shell that set it. The libraries that are linked in are the pipeline's own; the server's headers, libclang and
/// Python are this machine's.
pub fn of(pipeline: &Pipeline, target: &Target, console: &Console) -> Result<String, Failure> {
    let chosen = std::slice::from_ref(target);
    let architecture = &target.distribution.architecture;
    let linked = &pipeline.targets.openblas;
    let release = architecture.qualify(&linked.distribution);
    let openblas = ids::unpack(&release, &linked.role);
    let mut plan = pipeline.plan(chosen, Purpose::Dist)?;
    let archives = plan
        .jobs
        .iter()
        .filter(|job| matches!(job.step, Step::CompileLibrary { .. }));
    let archives: Vec<String> = archives.map(|job| job.id.clone()).collect();
    plan.goals = [archives.as_slice(), std::slice::from_ref(&openblas)].concat();
    if !to_run(&plan, &pipeline.cache()).is_empty() {
        let install = pipeline.workspace.log("install");
        pipeline.host.require_for_builds(&install, console)?;
        pipeline.execute(&plan, chosen, console)?;
    }
    let output = |id: &str| -> Result<PathBuf, Failure> {
        let job = plan
            .job(id)
            .ok_or_else(|| Failure::bug(format!("the plan lacks `{id}`")))?;
        Ok(pipeline.cache().output(job))
    };
    let dir = pipeline.workspace.cache.join("dev/environment");
    for (library, job) in LIBRARIES.iter().zip(&archives) {
        let archive = dir.join("archives").join(library.archive);
        files::link_or_copy_into(&output(job)?.join(library.archive), &archive)?;
    }
    let distribution = pipeline.targets.require_distribution(&release)?;
    let lock = Lock::open(&pipeline.workspace, &pipeline.targets, distribution)?;
    let locked = lock.packages(&linked.role);
    let version = locked
        .first()
        .map_or("", |package| package.version.as_str());
    let root = output(&openblas)?.display().to_string();
    files::write(
        &dir.join("pkgconfig/openblas.pc"),
        openblas_pc(&root, &architecture.gnu, native::upstream(version)),
    )?;
    let major = target.major;
    Ok(format!(
        "# needs: apt-get install postgresql-server-dev-{major} libclang-dev pkg-config g++ python3-dev\n\
         export PGML_ARCHIVES='{archives}'\n\
         export PKG_CONFIG_PATH='{pkgconfig}'\n\
         export PGRX_PG_CONFIG_PATH=/usr/lib/postgresql/{major}/bin/pg_config\n\
         # then, in extension/: cargo check --ignore-rust-version --features pg{major}, or cargo pgrx run pg{major}\n",
        archives = dir.join("archives").display(),
        pkgconfig = dir.join("pkgconfig").display(),
    ))
}
