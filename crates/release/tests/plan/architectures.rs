//! Which architectures a machine compiles natively, which it cross-compiles, and which it cannot.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use base::exit::{Exit, ExitKind as _, Failure};
use build::plan::github::Matrices;
use build::plan::{Interpreter, Plan, Purpose, Step};
use targets::{Target, Targets};

use crate::{X86, copy_sources, root, with_context};

/// A plan for another machine or another architecture than the first.
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
    with_machine_in(&root(), machine, rust_targets, chosen, act)
}

fn with_machine_in<T>(
    root: &Path,
    machine: &str,
    rust_targets: &[&str],
    chosen: &dyn Fn(&Target) -> bool,
    act: impl FnOnce(Result<Plan, Failure>) -> T,
) -> T {
    with_context(root, machine, rust_targets, |targets, context| {
        let all = targets.architectures.iter().flat_map(|a| targets.all(a));
        let chosen: Vec<Target> = all.filter(|target| chosen(target)).collect();
        act(build::plan::compute(context, &chosen, Purpose::Dist))
    })
}

const ARM: &str = "aarch64-unknown-linux-gnu";

fn is_arm(target: &Target) -> bool {
    target.to_string() == "debian12-pg15-arm64"
}

/// The source tree without the lock that the packaged toolchain comes from.
fn without_a_packaged_toolchain() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    copy_sources(tree.path());
    for lock in ["debian14", "debian14-arm64"] {
        let lock = format!("packaging/lock/{lock}.toml");
        std::fs::remove_file(tree.path().join(lock)).unwrap();
    }
    tree
}

#[test]
fn without_a_standard_library_the_plan_says_so_and_the_rest_is_possible() {
    let tree = without_a_packaged_toolchain();
    with_machine_in(tree.path(), "amd64", &[X86], &is_arm, |plan| {
        let plan = plan.unwrap();
        let why = plan.targets["debian12-pg15-arm64"].blocked.clone().unwrap();
        assert!(
            why.contains("`rustup target add aarch64-unknown-linux-gnu`")
                && why.contains("debian14 is not locked"),
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

/// Catches a packaged toolchain that is taken although rustup's can, one whose compiler is of the other architecture, and a
/// library that does not say which of them made it.
#[test]
fn a_packaged_toolchain_compiles_where_the_pinned_one_lacks_the_standard_library() {
    with_machine("amd64", &[X86], &is_arm, |plan| {
        plan.require_possible().unwrap();
        let compile = plan.job("compile:pg15-arm64").unwrap();
        assert!(compile.needs.contains(&"toolchain:debian14-arm64".into()));
        assert_eq!(compile.needs[0], "rootfs:debian11:cross-arm64");
        assert_eq!(
            plan.job("toolchain:debian14-arm64").unwrap().needs,
            ["fetch:debian14:rust", "fetch:debian14-arm64:rust-library"]
        );
        let toolchain = plan.targets["debian12-pg15-arm64"].toolchain.clone();
        let toolchain = toolchain.unwrap();
        assert_eq!(toolchain.name, "debian14");
        assert!(toolchain.version.starts_with("rustc 1."), "{toolchain:?}");
        let why = toolchain.why.unwrap();
        assert!(why.contains("no standard library for arm64"), "{why}");
    });
    with_machine("amd64", &[X86, ARM], &is_arm, |plan| {
        assert!(plan.job("toolchain:debian14-arm64").is_none());
        let toolchain = plan.targets["debian12-pg15-arm64"].toolchain.clone();
        let toolchain = toolchain.unwrap();
        assert_eq!(toolchain.name, "rustup");
        assert_eq!(
            (toolchain.version.as_str(), toolchain.why),
            ("a toolchain", None)
        );
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
                "compile:xgboost-arm64",
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

/// Catches maintainer scripts of another architecture that this machine's dpkg would run, a test on request that becomes one of
/// the ordinary suites, and a machine without an emulator that does not say what it lacks.
#[test]
fn an_emulator_makes_images_and_no_install_test() {
    let compute = |emulates: bool, chosen: &dyn Fn(&Target) -> bool, purpose: Purpose| {
        with_context(&root(), "amd64", &[X86], |targets, context| {
            let all = targets.architectures.iter().flat_map(|a| targets.all(a));
            let chosen: Vec<Target> = all.filter(|target| chosen(target)).collect();
            let none = BTreeMap::new();
            let context = build::plan::Context {
                not_emulated: if emulates {
                    &none
                } else {
                    context.not_emulated
                },
                lockable: Vec::new(),
                ..*context
            };
            build::plan::compute(&context, &chosen, purpose).unwrap()
        })
    };
    let plan = compute(true, &is_arm, Purpose::Dist);
    let of = &plan.targets["debian12-pg15-arm64"];
    assert_eq!(of.no_image, None);
    assert!(of.not_installable.is_some() && of.loadable_in.is_none());
    assert!(plan.job("images:debian12-pg15-arm64").is_some());
    let by_this_machine = |job: &&build::plan::Job| {
        let own = matches!(job.step, Step::Rootfs { .. } | Step::ImageBase { .. });
        // Not the role `cross-arm64`, which has compilers of this machine.
        own && (job.id.contains("-arm64:") || job.id.ends_with("12-arm64"))
    };
    assert_eq!(
        plan.jobs.iter().find(by_this_machine).map(|job| &job.id),
        None
    );
    let base = "rootfs:debian12-arm64:base";
    assert!(plan.job(base).is_none() && compute(true, &is_arm, Purpose::Test).job(base).is_none());
    let emulated = compute(true, &is_arm, Purpose::Emulated);
    assert!(matches!(
        emulated.job(base).unwrap().step,
        Step::EmulatedRootfs { .. }
    ));

    let without = compute(false, &is_arm, Purpose::Emulated);
    assert!(without.job(base).is_none() && without.job("images:debian12-pg15-arm64").is_none());
    let why = without.targets["debian12-pg15-arm64"]
        .no_image
        .clone()
        .unwrap();
    assert!(why.contains("nothing runs arm64's programs"), "{why}");

    let amd64 = |target: &Target| target.to_string() == "debian12-pg15";
    let keys = |emulates| -> Vec<base::digest::Digest> {
        let plan = compute(emulates, &amd64, Purpose::Test);
        plan.jobs.into_iter().map(|job| job.key).collect()
    };
    assert_eq!(keys(true), keys(false));
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
