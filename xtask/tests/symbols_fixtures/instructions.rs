//! S10: instructions that not every processor has.

use std::fs;
use std::path::Path;

use symcheck::expectation::Expectation;
use symcheck::instructions::FunctionNames;
use symcheck::report::Status;
use symcheck::rules::Rule;
use symcheck::{Judgement, verify_library};

use crate::by;
use crate::fixture::*;

#[test]
fn s10_instructions_outside_of_dispatch() {
    let avx2 = "
        typedef int v8 __attribute__((vector_size(32)));
        static __attribute__((noinline, used, target(\"avx2\"))) void NAME(v8 *x) { *x = *x + *x; }
        const void *pg_finfo_good(void) { NAME(0); return gotoblas; }";
    let with = |name: &str| {
        Fixture::good()
            .without("const void *pg_finfo_good(void) { return gotoblas; }")
            .also(&avx2.replace("NAME", name))
    };
    let wrong = with("careless");
    refused(
        &wrong.judge(),
        &[Rule::S10],
        &[
            "\"careless\"",
            "AVX2: Vpaddd at 0x",
            "\"object\": \"pgml.c\"",
        ],
    );
    // The name of a kernel, which OpenBLAS calls after it has asked the processor.
    let report = with("daxpy_k_HASWELL").judge();
    assert!(report.passed(), "{report:#?}");

    // Stripped, nothing tells which of the two it is, unless its own names are at hand.
    let stripped = |fixture: &Fixture| {
        let path = fixture.build();
        let out = fixture.dir.path().join("stripped.so");
        let status = std::process::Command::new("strip")
            .arg("-o")
            .args([&out, &path])
            .status();
        assert!(status.unwrap().success());
        (fs::read(path).unwrap(), out)
    };
    let after_strip = Expectation {
        before_strip: false,
        ..expectation()
    };
    let judge = |out: &Path, names: Option<&FunctionNames>| {
        let by = Judgement {
            names,
            ..by(&after_strip)
        };
        let report = verify_library(out, "pgml.so", &by).unwrap();
        let s10 = report.rules.iter().find(|rule| rule.rule == Rule::S10);
        s10.unwrap().status
    };
    let right = with("daxpy_k_HASWELL").flags(["-Wl,--build-id"]);
    let (names, out) = stripped(&right);
    let names = FunctionNames::read(&names).unwrap();
    assert_eq!(judge(&out, None), Status::NotChecked);
    assert_eq!(judge(&out, Some(&names)), Status::Pass);
    let wrong = with("careless").flags(["-Wl,--build-id"]);
    let (own, out) = stripped(&wrong);
    let own = FunctionNames::read(&own).unwrap();
    assert_eq!(judge(&out, Some(&own)), Status::Fail);
    assert_eq!(
        judge(&out, Some(&names)),
        Status::NotChecked,
        "another library's names say nothing"
    );
}

/// A helper of a kernel has no core in its name; it may use what its callers may, as long as nothing else reaches it.
#[test]
fn s10_helpers_are_judged_by_their_callers() {
    let helper = "
        typedef int v8 __attribute__((vector_size(32)));
        static __attribute__((noinline, used, target(\"avx2\"))) void helper(v8 *x) { *x = *x + *x; }
        static __attribute__((noinline, used, target(\"avx2\"))) void daxpy_k_HASWELL(v8 *x) { helper(x); helper(x + 1); }";
    let report = Fixture::good().also(helper).judge();
    assert!(report.passed(), "{report:#?}");
    for other in [
        "static __attribute__((used)) void another(v8 *x) { helper(x); helper(x); }",
        "static void *const table[] __attribute__((used)) = { helper };",
        "static __attribute__((used, target(\"avx2\"))) void daxpy_k_NEHALEM(v8 *x) { helper(x); helper(x + 1); }",
    ] {
        let report = Fixture::good().also(helper).also(other).judge();
        refused(&report, &[Rule::S10], &["\"helper\""]);
    }
}
