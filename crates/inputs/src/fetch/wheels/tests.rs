//! How pip is called, and how its output is read. No test contacts an index.

#![allow(clippy::unwrap_used)]

use super::*;
use base::digest::Digest;
use base::exit::{Exit, ExitKind as _};

fn selection(words: &[&str]) -> Selection {
    let wanted = words.iter().map(|name| Wanted {
        name: (*name).to_owned(),
        version: "1.0".to_owned(),
        hashes: vec![Digest::of(name)],
    });
    Selection {
        lock: "python3.11".to_owned(),
        python: "3.11".parse().unwrap(),
        platforms: Vec::new(),
        wanted: wanted.collect(),
    }
}

#[test]
fn a_wheels_name_says_what_it_runs_on() {
    let name = "numpy-2.0.2-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    assert_eq!(
        platforms(name),
        ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    );
    assert!(platforms("joblib-1.5.3-py3-none-any.whl").is_empty());
    assert!(same_project("scikit_learn", "scikit-learn"));
    assert!(!same_project("xgboost", "xgboost-cpu"));
}

#[test]
fn pip_is_asked_for_hashes() {
    let text = requirements(&selection(&["a", "b"]).wanted);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|l| l.contains(" --hash=sha256:")));
}

#[test]
fn pips_words_become_errors_that_say_what_to_do() {
    let selection = selection(&["numpy", "scipy"]);
    let gone = failure(
        &selection,
        "ERROR: Could not find a version that satisfies the requirement scipy==1.0\n\
         ERROR: No matching distribution found for scipy==1.0"
            .to_owned(),
    );
    assert!(
        matches!(&gone, FetchError::Gone { packages, .. } if packages[0].name == "scipy" && packages[0].version == "1.0"),
        "{gone:?}"
    );
    let wrong = failure(
        &selection,
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    numpy==1.0 from x:".to_owned(),
    );
    assert!(
        matches!(&wrong, FetchError::WrongHash { what, .. } if what == "numpy 1.0"),
        "{wrong:?}"
    );
    assert_eq!(wrong.exit(), Exit::CheckFailed);
    let cut = failure(
        &selection,
        "WARNING: Retrying after connection broken by 'NewConnectionError'\n\
         ERROR: No matching distribution found for numpy==1.0"
            .to_owned(),
    );
    assert!(matches!(&cut, FetchError::Unreachable { .. }), "{cut:?}");
    assert_eq!(cut.exit(), Exit::CannotHere);
}

#[test]
#[ignore = "fetches 71 MB from this machine's package index into PGML_DIST_CACHE"]
fn fetches_the_committed_lock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let store = Store::new(Path::new(&std::env::var("PGML_DIST_CACHE").unwrap()).join("store"));
    let text = fs::read_to_string(root.join("packaging/lock/python3.11.toml")).unwrap();
    let lock: WheelLock = toml::from_str(&text).unwrap();
    let start = std::time::Instant::now();
    let paths = fetch_wheels(&lock, &store, &base::progress::Silent).unwrap();
    eprintln!("{} wheels, {:?}", paths.len(), start.elapsed());
    assert!(paths.iter().all(|path| path.is_file()));
    store.verify(&lock.wheels[0].sha256).unwrap();
}
