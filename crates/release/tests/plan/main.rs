//! The plan of the real matrix, and the statements of a release about its targets.
#![allow(clippy::unwrap_used)]

mod builders;
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
        builder: &targets.builders[0],
        repository: &Default::default(),
        lockable: Vec::new(),
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

fn count(plan: &Plan, which: fn(&Step) -> bool) -> usize {
    plan.jobs.iter().filter(|job| which(&job.step)).count()
}

#[test]
fn every_major_is_compiled_once_and_every_target_is_stamped_and_verified() {
    with_plan(&|_| true, |plan, targets| {
        assert_eq!(targets.len(), 48);
        assert_eq!(count(plan, |s| matches!(s, Step::Compile { .. })), 6);
        // LightGBM: all majors share it.
        assert_eq!(count(plan, |s| matches!(s, Step::CompileLibrary { .. })), 1);
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
        let error = build::plan::require_release(plan).unwrap_err();
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
        assert!(inputs("compile:pg15").contains(&"job compile:lightgbm".to_owned()));
    });
}

/// The same for another machine or another architecture than the first.
fn with_machine<T>(
    machine: &str,
    rust_targets: &[&str],
    chosen: &dyn Fn(&Target) -> bool,
    act: impl FnOnce(Plan) -> T,
) -> T {
    with_machine_of(machine, rust_targets, chosen, |plan| act(plan.unwrap()))
}

fn with_machine_of<T>(
    machine: &str,
    rust_targets: &[&str],
    chosen: &dyn Fn(&Target) -> bool,
    act: impl FnOnce(Result<Plan, Failure>) -> T,
) -> T {
    with_context(&root(), machine, rust_targets, |targets, context| {
        let all = targets.architectures.iter().flat_map(|a| targets.all(a));
        let chosen: Vec<Target> = all.filter(|target| chosen(target)).collect();
        act(build::plan::compute(context, &chosen, Purpose::Dist))
    })
}

const X86: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";

fn is_arm(target: &Target) -> bool {
    target.to_string() == "debian12-pg15-arm64"
}

#[test]
fn without_a_standard_library_the_plan_says_so_and_the_rest_is_possible() {
    with_machine("amd64", &[X86], &is_arm, |plan| {
        let why = plan.targets["debian12-pg15-arm64"].blocked.clone().unwrap();
        assert!(
            why.contains("`rustup target add aarch64-unknown-linux-gnu`"),
            "{why}"
        );
        let error = plan.require_possible().unwrap_err();
        assert_eq!(error.exit(), Exit::CannotHere);
        assert!(error.to_string().contains("compile:pg15-arm64"), "{error}");
        let possible = plan.possible();
        possible.require_possible().unwrap();
        for there in [
            "package:debian12-arm64",
            "sbom:debian12-arm64",
            "repository",
        ] {
            assert!(possible.job(there).is_some(), "{there}");
        }
        for gone in ["compile:pg15-arm64", "package:debian12-pg15-arm64"] {
            assert!(possible.job(gone).is_none(), "{gone}");
        }
        // The repository that is left is that of the packages that are.
        let repository = possible.job("repository").unwrap();
        assert_eq!(repository.needs, ["package:debian12-arm64"]);
        let state = release::publish::states(&possible, &|id| match possible.job(id) {
            Some(_) => release::publish::State::Yes,
            None => release::publish::State::No("not asked for".into()),
        });
        let state = &state["debian12-pg15-arm64"];
        assert_eq!(state.built, release::publish::State::No(why.clone()));
        assert_eq!(state.installed, release::publish::State::No(why));
        assert_eq!(state.runtime, release::publish::State::Yes);
    });
}

#[test]
fn with_a_standard_library_the_machines_own_builder_cross_compiles() {
    with_machine("amd64", &[X86, ARM], &is_arm, |plan| {
        plan.require_possible().unwrap();
        let compile = plan.job("compile:pg15-arm64").unwrap();
        assert_eq!(
            compile.needs,
            [
                "rootfs:debian11:cross-arm64",
                "unpack:debian12-arm64:headers",
                "unpack:debian12-arm64:openblas",
                "fetch:crates",
                "compile:lightgbm-arm64",
            ]
        );
        // Nothing of arm64 has to run for its Python runtime either: the same Python of this machine makes the byte code.
        let runtime = plan.job("runtime:debian12-arm64").unwrap();
        assert_eq!(
            runtime.needs,
            ["rootfs:debian12:python", "fetch:python3.11-arm64"]
        );
        assert_eq!(
            plan.targets["debian12-pg15-arm64"].runtime,
            Interpreter::OtherMachine("debian12".into())
        );
        // A whole system of arm64 does.
        let why = plan.targets["debian12-pg15-arm64"]
            .not_installable
            .as_deref();
        assert!(why.unwrap().contains("arm64"), "{why:?}");
        assert!(plan.job("images:debian12-pg15-arm64").is_none());
    });
}

#[test]
fn a_machine_of_the_other_architecture_builds_natively() {
    with_machine("arm64", &[ARM], &is_arm, |plan| {
        plan.require_possible().unwrap();
        let needs = |id: &str| plan.job(id).unwrap().needs.clone();
        assert_eq!(
            needs("compile:pg15-arm64")[0],
            "rootfs:debian11-arm64:builder"
        );
        assert_eq!(
            needs("runtime:debian12-arm64")[0],
            "rootfs:debian12-arm64:python"
        );
        let of = &plan.targets["debian12-pg15-arm64"];
        assert_eq!(of.runtime, Interpreter::Own);
        assert_eq!(of.not_installable, None);
        assert!(plan.job("images:debian12-pg15-arm64").is_some());
        // No root file system of the other architecture is made anywhere.
        let foreign = |job: &&build::plan::Job| {
            matches!(job.step, Step::Rootfs { .. }) && !job.id.contains("-arm64:")
        };
        assert_eq!(plan.jobs.iter().find(foreign).map(|job| &job.id), None);
    });
    let amd64 = |target: &Target| target.to_string() == "debian12-pg15";
    let failure = with_machine_of("arm64", &[ARM, X86], &amd64, Result::unwrap_err);
    let words = failure.report.unwrap().to_string();
    assert!(words.contains("no compiler for amd64"), "{words}");
    assert_eq!(failure.exit, Exit::CannotHere);
}

/// Catches keys of the first architecture that change because another is planned beside it.
#[test]
fn another_architecture_leaves_the_first_ones_jobs_alone() {
    let amd64 = |target: &Target| target.to_string() == "debian12-pg15";
    let both = |target: &Target| amd64(target) || is_arm(target);
    let keys = |plan: Plan| -> BTreeMap<String, base::digest::Digest> {
        let jobs = plan.jobs.into_iter();
        // The repository is that of all packages.
        jobs.filter(|job| job.id != "repository")
            .map(|job| (job.id, job.key))
            .collect()
    };
    let alone = with_machine("amd64", &[X86], &amd64, keys);
    let beside = with_machine("amd64", &[X86], &both, keys);
    for (id, key) in &alone {
        assert_eq!(beside.get(id), Some(key), "{id}");
        assert!(!id.contains("arm64"), "{id}");
    }
    assert!(beside.len() > alone.len());
}

#[test]
fn the_matrix_for_ci_keeps_architectures_apart() {
    let both = |t: &Target| t.distribution.release == "debian12" && t.major == 15;
    let targets = Targets::load(&root().join("packaging/targets.toml")).unwrap();
    let all: Vec<Target> = targets
        .architectures
        .iter()
        .flat_map(|a| targets.all(a))
        .filter(both)
        .collect();
    with_machine("amd64", &[X86, ARM], &both, |plan| {
        let matrices = Matrices::new(&plan, &all);
        let compile: Vec<(&str, &str, &str)> = matrices
            .compile
            .include
            .iter()
            .map(|c| (c.architecture.as_str(), c.targets.as_str(), c.jobs.as_str()))
            .collect();
        assert_eq!(
            compile,
            [
                ("amd64", "debian12-pg15", "compress:pg15,compile:pg15"),
                (
                    "arm64",
                    "debian12-pg15-arm64",
                    "compress:pg15-arm64,compile:pg15-arm64"
                ),
            ]
        );
        let package = matrices.package.include.iter();
        let package: Vec<(&str, &str)> = package
            .map(|p| (p.distribution.as_str(), p.archives.as_str()))
            .collect();
        assert_eq!(
            package,
            [
                ("debian12", "pgml-pg15.tar"),
                ("debian12-arm64", "pgml-pg15-arm64.tar")
            ]
        );
    });
}
