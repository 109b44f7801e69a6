//! The plan of the real matrix.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::github::Matrices;
use super::job::Step;
use super::*;
use crate::exit::Exit;
use crate::files;

/// The source tree that this test is compiled in, whose locks are those of the Debian distributions.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn with_plan<T>(chosen: &dyn Fn(&Target) -> bool, act: impl FnOnce(&Plan, &[Target]) -> T) -> T {
    with_plan_of(&root(), chosen, |plan, chosen| act(&plan.unwrap(), chosen))
}

fn with_plan_of<T>(
    root: &Path,
    chosen: &dyn Fn(&Target) -> bool,
    act: impl FnOnce(Result<Plan, Failure>, &[Target]) -> T,
) -> T {
    let root = root.to_owned();
    let workspace = Workspace {
        cache: root.join("no-cache"),
        root,
    };
    let packaging = workspace.packaging();
    let targets = Targets::load(&packaging.join("targets.toml")).unwrap();
    let release = Release::load(&packaging.join("release.toml")).unwrap();
    let context = Context {
        workspace: &workspace,
        targets: &targets,
        release: &release,
        epoch: 0,
        toolchain: "a toolchain",
        repository: &Default::default(),
    };
    let chosen: Vec<Target> = targets.all().into_iter().filter(|t| chosen(t)).collect();
    act(Plan::compute(&context, &chosen, Purpose::Dist), &chosen)
}

fn count(plan: &Plan, which: fn(&Step) -> bool) -> usize {
    plan.jobs.iter().filter(|job| which(&job.step)).count()
}

#[test]
fn every_major_is_compiled_once_and_every_target_is_stamped_and_verified() {
    with_plan(&|_| true, |plan, targets| {
        assert_eq!(targets.len(), 48);
        assert_eq!(count(plan, |s| matches!(s, Step::Compile { .. })), 6);
        assert_eq!(count(plan, |s| matches!(s, Step::Compress { .. })), 6);
        assert_eq!(count(plan, |s| matches!(s, Step::Stamp { .. })), 48);
        assert_eq!(count(plan, |s| matches!(s, Step::Verify { .. })), 48);
        assert_eq!(count(plan, |s| matches!(s, Step::RuntimePackage { .. })), 8);
        // 3.8, 3.10 and 3.12; Ubuntu 26.04 takes Debian 14's.
        assert_eq!(count(plan, |s| matches!(s, Step::SourceRuntime { .. })), 3);
        assert_eq!(count(plan, |s| matches!(s, Step::Runtime { .. })), 4);
        for job in &plan.jobs {
            let place = |id: &str| plan.jobs.iter().position(|job| job.id == id);
            let mine = place(&job.id);
            assert!(
                job.needs
                    .iter()
                    .all(|need| place(need).is_some() && place(need) < mine)
            );
        }
    });
}

#[test]
fn no_job_of_a_plan_is_without_use() {
    with_plan(&|t| t.to_string() == "debian12-pg15", |plan, _| {
        let needed = plan.closure(&plan.goals);
        assert!(plan.jobs.iter().all(|job| needed.contains(job.id.as_str())));
        assert!(plan.job("compile:pg15").is_some() && plan.job("compile:pg16").is_none());
    });
}

#[test]
fn a_release_refuses_headers_of_a_wheel() {
    with_plan(&|t| t.distribution.id == "debian12", |plan, _| {
        let error = plan.require_release().unwrap_err();
        assert_eq!(error.exit(), Exit::CheckFailed);
        let words = error.to_string();
        assert!(
            words.contains("PostgreSQL 14") && words.contains("PostgreSQL 16"),
            "{words}"
        );
        assert!(!words.contains("PostgreSQL 15"), "{words}");
        assert_eq!(plan.targets["debian12-pg14"].development.len(), 1);
    });
    with_plan(&|t| t.major == 15, |plan, _| {
        plan.require_release().unwrap()
    });
}

#[test]
fn where_a_target_can_be_tried() {
    with_plan(&|_| true, |plan, _| {
        let of = |target: &str| &plan.targets[target];
        assert_eq!(of("debian13-pg17").not_installable, None);
        let why = of("debian13-pg18").not_installable.as_deref();
        assert_eq!(why, Some("Debian 13 has postgresql-17 and no other"));
        let why = of("ubuntu22.04-pg14").not_installable.clone().unwrap();
        assert!(
            why.contains("archive not enabled") && why.contains("--mirror ubuntu"),
            "{why}"
        );
        assert_eq!(of("debian11-pg16").loadable_in.as_deref(), Some("debian11"));
        assert_eq!(
            of("ubuntu26.04-pg18").loadable_in.as_deref(),
            Some("debian14")
        );
        assert_eq!(of("ubuntu24.04-pg16").loadable_in, None);
        assert_eq!(
            of("ubuntu26.04-pg18").runtime,
            Interpreter::Same("debian14".into())
        );
        assert_eq!(of("ubuntu24.04-pg16").runtime, Interpreter::None);
    });
}

#[test]
fn the_matrix_for_ci_has_every_target_once() {
    with_plan(&|_| true, |plan, targets| {
        let matrices = Matrices::new(plan, targets, "amd64");
        assert_eq!(matrices.compile.include.len(), 6);
        let words = matrices.package.include.iter().map(|p| p.targets.as_str());
        let mut named: Vec<String> = words
            .flat_map(|w| w.split(' '))
            .map(str::to_owned)
            .collect();
        named.sort();
        let mut all: Vec<String> = targets.iter().map(ToString::to_string).collect();
        all.sort();
        assert_eq!(named, all);
        let archives = &matrices.package.include[0].archives;
        assert!(
            matrices
                .compile
                .include
                .iter()
                .all(|c| archives.contains(&c.archive))
        );
        for job in matrices
            .compile
            .include
            .iter()
            .flat_map(|c| c.jobs.split(','))
        {
            assert!(plan.job(job).is_some(), "{job}");
        }
        // What the assembling runner starts from is all that is published but the repository and the list of the source.
        let jobs = matrices
            .package
            .include
            .iter()
            .flat_map(|p| p.jobs.split(','));
        let mut handed: Vec<&str> = jobs.collect();
        handed.extend(["repository", "source"]);
        let missing: Vec<&String> = plan
            .goals
            .iter()
            .filter(|goal| !handed.contains(&goal.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    });
}

#[test]
fn a_stale_lock_of_wheels_is_noticed_before_anything_runs() {
    // Catches a changed list of wheels that is not built in, because the lock's own digest did not change.
    let tree = tempfile::tempdir().unwrap();
    for dir in ["docker", "extension", "packaging", "python", "xtask/src"] {
        for file in files::files_below(&root().join(dir)).unwrap() {
            let (from, to) = (
                root().join(dir).join(&file),
                tree.path().join(dir).join(&file),
            );
            files::link_or_copy_into(&from, &to).unwrap();
        }
    }
    files::copy(
        &root().join("CHANGELOG.md"),
        &tree.path().join("CHANGELOG.md"),
    )
    .unwrap();
    let python = tree.path().join("python");
    std::fs::remove_file(python.join("requirements.lock")).unwrap(); // a link to the real one
    let list = std::fs::read_to_string(root().join("python/requirements.lock")).unwrap();
    let target = |t: &Target| t.to_string() == "debian12-pg15";
    for (text, stale) in [
        (list.clone(), false),
        (list.replace("numpy==2.3.5", "numpy==2.3.4"), true),
    ] {
        std::fs::write(python.join("requirements.lock"), &text).unwrap();
        assert_eq!(text != list, stale);
        with_plan_of(tree.path(), &target, |plan, _| match stale {
            false => assert!(plan.is_ok(), "{:?}", plan.err()),
            true => {
                let failure = plan.err().unwrap();
                assert_eq!(failure.exit, Exit::CheckFailed);
                let words = failure.report.unwrap().to_string();
                assert!(words.contains("python3.11"), "{words}");
            }
        });
    }
}
