//! S6: the minor release of the server from which on it has what the library takes.

use symcheck::expectation::{Expectation, ExpectedServer};
use symcheck::report::Report;
use symcheck::rules::Rule;
use symcheck::surroundings::ServerRelease;
use symcheck::version::Version;

use crate::fixture::*;

/// A function that 15.20 brought (packaging/policy.toml).
const BROUGHT: &str = "DatumGetHeapTupleHeader";

fn release(version: &str, own: bool) -> ServerRelease {
    let version = Version::parse(version);
    ServerRelease { version, own }
}

/// A library that takes a function of the server.
fn taking(function: &str, release: ServerRelease, server: &str) -> Fixture {
    let fixture = Fixture::good().without("void good(void) {}").also(&format!(
        "extern void {function}(void); void good(void) {{ {function}(); }}"
    ));
    Fixture {
        release,
        server: server.to_owned(),
        ..fixture
    }
}

fn judge(fixture: &Fixture) -> Report {
    fixture.judge_with(&Expectation {
        server: Some(ExpectedServer {
            major: 15,
            headers: Version::parse("15.20"),
        }),
        ..expectation()
    })
}

fn oldest(report: &Report) -> Option<&str> {
    assert!(report.passed(), "{report:#?}");
    report.server.as_ref().unwrap().oldest.as_deref()
}

#[test]
fn the_release_that_brought_a_function_is_the_floor() {
    let has = format!("void {BROUGHT}(void) {{}}");
    let report = judge(&taking(BROUGHT, release("15.20", true), &has));
    assert_eq!(oldest(&report), Some("15.20"));
    assert!(report.server.unwrap().unfixed.is_empty());
}

/// The package asks apt for a newer server than the one that stands for it here.
#[test]
fn an_older_server_that_stands_for_the_targets_own_is_no_fault() {
    let report = judge(&taking(BROUGHT, release("15.18", false), ""));
    assert_eq!(oldest(&report), Some("15.20"));
}

#[test]
fn s6_the_targets_own_server_is_older_than_the_headers() {
    let report = judge(&taking(BROUGHT, release("15.18", true), ""));
    let says = [
        "the server that is locked for debian12-pg15 is 15.18",
        BROUGHT,
    ];
    refused(&report, &[Rule::S6], &says);
}

#[test]
fn s1_a_server_that_ought_to_have_it() {
    let report = judge(&taking(BROUGHT, release("15.20", true), ""));
    refused(&report, &[Rule::S1], &[BROUGHT]);
}

#[test]
fn s6_a_server_that_has_it_too_early() {
    let has = format!("void {BROUGHT}(void) {{}}");
    let report = judge(&taking(BROUGHT, release("15.18", false), &has));
    refused(
        &report,
        &[Rule::S6],
        &["the policy says that 15.20 brought it"],
    );
}

/// Compiled with the headers of an earlier release, so that the function was not there to be called.
#[test]
fn a_library_without_the_fix_is_told() {
    let report = judge(&taking(
        "palloc",
        release("15.18", true),
        "void palloc(void) {}",
    ));
    assert_eq!(oldest(&report), None);
    let unfixed = report.server.unwrap().unfixed;
    assert_eq!(unfixed.len(), 1);
    assert!(unfixed[0].starts_with("CVE-2026-6460"), "{unfixed:?}");
    assert!(
        unfixed[0].ends_with("headers from before 15.20"),
        "{unfixed:?}"
    );
}

/// Nobody has looked up since when the server has it: the release of the headers has it for certain.
#[test]
fn a_function_that_is_not_listed_takes_the_headers_release() {
    let report = judge(&taking("ereport_", release("15.20", true), ""));
    assert_eq!(oldest(&report), Some("15.20"));
}
