//! The plan of the real matrix, and the statements of a release about its targets.
#![allow(clippy::unwrap_used)]

mod architectures;
mod builders;
mod extras;
mod other_archives;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base::exit::{Exit, ExitKind as _, Failure};
use base::workspace::Workspace;
use build::plan::github::Matrices;
use build::plan::{Context, Interpreter, Machine, Plan, Purpose, Step};
use targets::release::Release;
use targets::{Target, Targets};

/// The source tree that this test is compiled in, with the committed locks alone: on another machine there are more.
fn root() -> PathBuf {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let of_ubuntu = |root: &Path| -> Vec<PathBuf> {
            let locks = std::fs::read_dir(root.join("packaging/lock")).unwrap();
            let locks = locks.map(|entry| entry.unwrap().path());
            let is = |lock: &PathBuf| {
                lock.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("ubuntu")
            };
            locks.filter(is).collect()
        };
        if of_ubuntu(&own).is_empty() {
            return own;
        }
        let copy = tempfile::tempdir().unwrap().keep();
        copy_tree(&own, &copy);
        for lock in of_ubuntu(&copy) {
            std::fs::remove_file(lock).unwrap();
        }
        copy
    });
    ROOT.clone()
}

/// Copies the source tree to a place where a test may change it.
fn copy_sources(to: &Path) {
    copy_tree(&root(), to);
}

fn copy_tree(from: &Path, to: &Path) {
    let workspace = Workspace {
        root: from.to_owned(),
        cache: from.join(".cache"),
    };
    jobs::source_files::copy(&workspace, to).unwrap();
}

fn with_plan<T>(chosen: &dyn Fn(&Target) -> bool, act: impl FnOnce(&Plan, &[Target]) -> T) -> T {
    with_plan_of(&root(), chosen, |plan, chosen| act(&plan.unwrap(), chosen))
}

fn with_plan_of<T>(
    root: &Path,
    chosen: &dyn Fn(&Target) -> bool,
    act: impl FnOnce(Result<Plan, Failure>, &[Target]) -> T,
) -> T {
    with_targets(root, |targets, context| {
        let all = targets.all(targets.first_architecture());
        let chosen: Vec<Target> = all.into_iter().filter(|t| chosen(t)).collect();
        act(
            build::plan::compute(context, &chosen, Purpose::Dist),
            &chosen,
        )
    })
}

const X86: &str = "x86_64-unknown-linux-gnu";

fn with_targets<T>(root: &Path, act: impl FnOnce(&Targets, &Context<'_>) -> T) -> T {
    with_context(root, "amd64", &[X86], act)
}

/// The matrix of a source tree, and a machine that is to carry out a plan of it.
fn with_context<T>(
    root: &Path,
    machine: &str,
    rust_targets: &[&str],
    act: impl FnOnce(&Targets, &Context<'_>) -> T,
) -> T {
    let root = root.to_owned();
    let workspace = Workspace {
        cache: root.join("no-cache"),
        root,
    };
    let packaging = workspace.packaging();
    let targets = Targets::load(&packaging.join("targets.toml")).unwrap();
    let release = Release::load(&packaging.join("release.toml")).unwrap();
    let rust_targets: Vec<String> = rust_targets.iter().map(|t| (*t).to_owned()).collect();
    let not_emulated = BTreeMap::from(["amd64", "arm64"].map(|other| {
        let why = format!("nothing runs {other}'s programs");
        (other.to_owned(), why)
    }));
    let context = Context {
        workspace: &workspace,
        targets: &targets,
        release: &release,
        epoch: 0,
        toolchain: "a toolchain",
        machine: Machine {
            architecture: targets.require_architecture(machine).unwrap(),
            rust_targets: &rust_targets,
        },
        not_emulated: &not_emulated,
        builder: &targets.builders[0],
        repository: &Default::default(),
        lockable: Vec::new(),
        extras: &[],
    };
    act(&targets, &context)
}

/// Catches a release whose statement, which names its targets in another order, seems to be of another plan.
#[test]
fn the_order_of_the_targets_says_nothing() {
    with_targets(&root(), |targets, context| {
        let mut chosen = targets.all(targets.first_architecture());
        let digest = |chosen: &[Target]| {
            let plan = build::plan::compute(context, chosen, Purpose::Dist);
            release::publish::plan_digest(&plan.unwrap())
        };
        let one = digest(&chosen);
        chosen.reverse();
        assert_eq!(digest(&chosen), one);
        chosen.pop();
        assert_ne!(digest(&chosen), one);
    });
}

/// Catches a statement that nobody can compare with a checkout, because a key or an earlier repository is part of it.
#[test]
fn who_signs_the_repository_is_no_part_of_what_is_made() {
    with_plan(&|_| true, |plan, _| {
        let mut signed = plan.clone();
        let job = signed.jobs.iter_mut().find(|job| job.id == "repository");
        job.unwrap().key = base::digest::Digest::of("another key");
        let digests = [
            release::publish::plan_digest,
            release::publish::products_digest,
        ];
        let [same, products] = digests.map(|digest| digest(plan) == digest(&signed));
        assert!(!same && products);
        let stamp = signed
            .jobs
            .iter_mut()
            .find(|job| matches!(job.step, Step::Stamp { .. }));
        stamp.unwrap().key = base::digest::Digest::of("another library");
        assert_ne!(
            release::publish::products_digest(plan),
            release::publish::products_digest(&signed)
        );
    });
}

fn count(plan: &Plan, which: fn(&Step) -> bool) -> usize {
    plan.jobs.iter().filter(|job| which(&job.step)).count()
}

#[test]
fn every_major_is_compiled_once_and_every_target_is_stamped_and_verified() {
    with_plan(&|_| true, |plan, targets| {
        assert_eq!(targets.len(), 56);
        assert_eq!(count(plan, |s| matches!(s, Step::Compile { .. })), 7);
        // LightGBM and XGBoost: all majors share them.
        assert_eq!(count(plan, |s| matches!(s, Step::CompileLibrary { .. })), 2);
        assert_eq!(count(plan, |s| matches!(s, Step::Compress { .. })), 7);
        assert_eq!(count(plan, |s| matches!(s, Step::Stamp { .. })), 56);
        assert_eq!(count(plan, |s| matches!(s, Step::Verify { .. })), 56);
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
        let error = build::plan::require_release(plan).unwrap_err();
        assert_eq!(error.exit(), Exit::CheckFailed);
        let words = error.to_string();
        assert!(
            words.contains("PostgreSQL 14") && words.contains("PostgreSQL 16"),
            "{words}"
        );
        let candidate = "PostgreSQL 19 was compiled with the headers of `postgresql-server-dev-19` of \
                         debian14-experimental19";
        assert!(words.contains(candidate), "{words}");
        assert!(!words.contains("PostgreSQL 15"), "{words}");
        assert_eq!(plan.targets["debian12-pg14"].development.len(), 1);
    });
    with_plan(&|t| t.major == 15, |plan, _| {
        build::plan::require_release(plan).unwrap()
    });
}

#[test]
fn where_a_target_can_be_tried() {
    with_plan(&|_| true, |plan, _| {
        let of = |target: &str| &plan.targets[target];
        assert_eq!(of("debian13-pg17").not_installable, None);
        let why = of("debian13-pg18").not_installable.as_deref();
        let words = "Debian 13 has postgresql-17 and no other without `--mirror pgdg`";
        assert_eq!(why, Some(words));
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
        assert_eq!(of("debian14-pg19").not_installable, None);
        for target in ["debian14-pg19", "ubuntu26.04-pg19"] {
            let there = of(target).loadable_in.as_deref();
            assert_eq!(there, Some("debian14-experimental19"), "{target}");
        }
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
        let matrices = Matrices::new(plan, targets);
        assert_eq!(matrices.compile.include.len(), 7);
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
    copy_sources(tree.path());
    let python = tree.path().join("python");
    std::fs::remove_file(python.join("requirements.lock")).unwrap();
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

/// Catches a library in C++ that is compiled again, for minutes, because something of the extension changed.
#[test]
fn the_archive_of_a_library_depends_on_its_own_crate_and_recipe_only() {
    with_plan(&|_| true, |plan, _| {
        let inputs = |id: &str| {
            let job = plan.jobs.iter().find(|job| job.id == id).unwrap();
            job.inputs.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            inputs("fetch:lightgbm"),
            ["extension/Cargo.lock (lightgbm3-sys)"]
        );
        assert_eq!(
            inputs("compile:lightgbm"),
            [
                "crates/base/src/digest.rs",
                "crates/base/src/files.rs",
                "crates/base/src/json.rs",
                "crates/base/src/process.rs",
                "crates/base/src/sandbox.rs",
                "crates/build/src/compile/cpp_library.rs",
                "crates/build/src/layout.rs",
                "crates/build/src/steps/cpp_library.rs",
                "job fetch:lightgbm",
                "job rootfs:debian11:builder",
                "packaging/boosting/lightgbm.mk",
            ]
        );
        for library in ["lightgbm", "xgboost"] {
            assert!(inputs("compile:pg15").contains(&format!("job compile:{library}")));
        }
        let recipe = inputs("compile:xgboost");
        let recipe = recipe.iter().filter(|name| name.contains("boosting"));
        assert_eq!(
            recipe.collect::<Vec<_>>(),
            [
                "packaging/boosting/xgboost.mk",
                "packaging/boosting/xgboost/alone.cc",
                "packaging/boosting/xgboost/border.cc",
            ]
        );
    });
}
