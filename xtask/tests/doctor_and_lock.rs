//! `cargo xtask doctor` and `cargo xtask lock` from the outside: exit codes, messages and the JSON document.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::xtask;

#[test]
fn the_committed_locks_are_fresh() {
    let (code, _, words) = xtask(&["lock", "--check"]);
    assert_eq!(code, 0, "{words}");
}

#[test]
fn a_distribution_that_nobody_could_lock_yet_is_missing_when_it_is_asked_for() {
    let (code, _, words) = xtask(&["lock", "--check", "jammy"]);
    assert_eq!(code, 1);
    assert!(
        words.contains("`cargo xtask lock --update ubuntu22.04`"),
        "{words}"
    );
}

#[test]
fn a_misspelt_distribution_is_wrong_usage() {
    let (code, _, words) = xtask(&["lock", "--update", "debain12"]);
    assert_eq!(code, 2);
    assert!(words.contains("did you mean `debian12`?"), "{words}");
}

#[test]
fn a_misspelt_mirror_is_wrong_usage() {
    let (code, _, words) = xtask(&["doctor", "--mirror", "ubunto"]);
    assert_eq!(code, 2);
    assert!(words.contains("did you mean `ubuntu`?"), "{words}");
}

#[test]
fn the_report_is_one_document_and_agrees_with_the_exit_code() {
    let (code, out, _) = xtask(&["doctor", "--json", "--mirror", "ubuntu=file:///nowhere"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(code, if report["able"] == true { 0 } else { 3 });
    let archives = report["archives"].as_array().unwrap();
    let ubuntu = archives.iter().find(|a| a["name"] == "ubuntu").unwrap();
    assert_eq!(ubuntu["enabled-by"], "user");
}
