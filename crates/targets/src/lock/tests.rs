//! Locks: written, read back, and refused when stale or damaged.

#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::Targets;
use base::exit::{Exit, ExitKind as _};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn targets_text() -> String {
    fs::read_to_string(root().join("packaging/targets.toml")).unwrap()
}

fn parse(text: &str) -> Targets {
    Targets::parse("targets.toml", text).unwrap()
}

fn committed(distribution: &str) -> Lock {
    Lock::load(&root().join(format!("packaging/lock/{distribution}.toml"))).unwrap()
}

#[test]
fn the_committed_locks_fit_targets_toml() {
    let targets = parse(&targets_text());
    for name in ["debian11", "debian12", "debian13", "debian14"] {
        let lock = committed(name);
        let distribution = targets.distribution(name).unwrap();
        lock.check(&targets, distribution).unwrap();
        let mut files: Vec<String> = lock.packages.iter().map(LockedPackage::file_name).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), lock.packages.len(), "each package once");
    }
}

#[test]
fn what_is_written_is_read_again_and_written_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locks/debian12.toml");
    let lock = committed("debian12");
    lock.save(&path).unwrap();
    assert_eq!(Lock::load(&path).unwrap(), lock);
    let original = fs::read(root().join("packaging/lock/debian12.toml")).unwrap();
    assert_eq!(
        fs::read(&path).unwrap(),
        original,
        "no churn in version control"
    );
}

#[test]
fn a_role_holds_nothing_of_what_it_is_beyond() {
    let lock = committed("debian12");
    let base = lock.packages("base");
    assert!(base.iter().any(|p| p.name == "apt"));
    assert!(
        lock.packages("test")
            .iter()
            .any(|p| p.name == "postgresql-15")
    );
    assert!(!lock.packages("test").iter().any(|p| p.name == "apt"));
    let alone = lock.packages("headers").len();
    assert_eq!(
        alone, 2,
        "the headers of the server and of ICU, without what they need"
    );
    let both = lock.packages_of(&["base", "test"]);
    assert_eq!(both.len(), base.len() + lock.packages("test").len());
}

#[test]
fn a_lock_is_stale_after_a_change_that_concerns_it_and_only_then() {
    let lock = committed("debian12");
    let text = targets_text();
    let check = |from: &str, to: &str| {
        assert!(text.contains(from));
        let targets = parse(&text.replace(from, to));
        lock.check(&targets, targets.distribution("debian12").unwrap())
    };
    check("glibc = \"2.36\"", "glibc = \"2.37\"").unwrap();
    check("name = \"trixie\"", "name = \"trixie-x\"").unwrap();
    check("title = \"install test\"", "title = \"tests\"").unwrap();
    for (from, to) in [
        ("\"libgomp1\"", "\"libgomp2\""),
        ("name = \"bookworm\"", "name = \"bookworm-x\""),
        ("openssl = \"libssl3\"", "openssl = \"libssl4\""),
    ] {
        let result = check(from, to);
        assert_eq!(
            result.is_err(),
            !from.starts_with("openssl"),
            "{from}: no seed uses openssl"
        );
    }
    let error = check("name = \"headers\"", "name = \"header\"").unwrap_err();
    assert!(
        error.to_string().contains("has no packages for `header`"),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::CheckFailed);
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(
        help.contains("`cargo xtask lock --update debian12`"),
        "{help}"
    );
}

#[test]
fn a_missing_newer_or_broken_lock_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace {
        root: dir.path().to_owned(),
        cache: dir.path().join("cache"),
    };
    let targets = parse(&targets_text());
    let debian12 = targets.distribution("debian12").unwrap();
    let open = || Lock::open(&workspace, &targets, debian12).unwrap_err();
    assert!(matches!(open(), LockError::Missing { .. }));
    let path = Lock::path(&workspace, "debian12");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "version = 7\nfuture = true\n").unwrap();
    assert!(matches!(open(), LockError::Format { version: 7, .. }));
    fs::write(&path, "version = 1\n").unwrap();
    assert!(matches!(open(), LockError::Syntax { .. }));
    assert_eq!(open().exit(), Exit::CheckFailed);
}

/// Catches an input that a lock names and that counts as one that none does.
#[test]
fn every_file_of_a_lock_is_among_the_digests_of_all() {
    let workspace = Workspace {
        root: root(),
        cache: root().join("no-cache"),
    };
    let all = digests(&workspace).unwrap();
    let locked = committed("debian12");
    assert!(
        locked
            .packages
            .iter()
            .all(|package| all.contains(&package.sha256))
    );
    assert!(!all.contains(&Digest::of("x")));
}
