//! One small library for each way to be wrong, built with the system's `cc`: each is refused by exactly its rule. Beside
//! them the good one, which passes all, so that no rule passes or fails for a wrong reason.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod aarch64;
mod fixture;
mod instructions;
mod server_floor;
mod surroundings;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use symcheck::expectation::{Expectation, Profile};
use symcheck::report::{Status, Verdict};
use symcheck::rules::Rule;
use symcheck::surroundings::Environment;
use symcheck::{Judgement, VerifyError, verify_bytes};

use fixture::*;

/// Judges by the rules that need no server.
fn by(expectation: &Expectation) -> Judgement<'_> {
    static NOT_ASKED: Environment<'static> = Environment::NotAsked(String::new());
    Judgement {
        book: &BOOK,
        expectation,
        environment: &NOT_ASKED,
        names: None,
    }
}

#[test]
fn the_good_one_passes() {
    let report = Fixture::good().judge();
    assert!(report.passed(), "{report:#?}");
    assert!(report.binutils.as_ref().unwrap().symbols > 5);
    let status: Vec<_> = report
        .rules
        .iter()
        .filter(|rule| rule.status != Status::Pass)
        .map(|rule| (rule.rule, rule.status))
        .collect();
    assert_eq!(status, [], "all rules hold, and all of each was checked");
}

#[test]
fn stripped_it_passes_on_the_evidence_that_is_left() {
    let fixture = Fixture::good().flags(["-s"]);
    refused(
        &fixture.judge(),
        &[Rule::S7],
        &["stripped before it was verified"],
    );
    let after_strip = Expectation {
        before_strip: false,
        ..expectation()
    };
    let report = fixture.judge_with(&after_strip);
    assert!(report.passed(), "{report:#?}");
    let s7 = report
        .rules
        .iter()
        .find(|rule| rule.rule == Rule::S7)
        .unwrap();
    assert_eq!(
        s7.status,
        Status::PartlyChecked,
        "the kernels were not seen, so it must not say that they were"
    );
}

#[test]
fn s3_a_dynamic_blas() {
    let fixture = Fixture::good().with_library(
        "libopenblas.so.0",
        "void unused(void) {}",
        "{ global: *; };",
    );
    refused(
        &fixture.judge(),
        &[Rule::S3],
        &["libopenblas.so.0", "openblas-src"],
    );
}

#[test]
fn s3_a_library_that_the_package_does_not_depend_on() {
    let fixture =
        Fixture::good().with_library("libfoo.so.1", "void unused(void) {}", "{ global: *; };");
    refused(&fixture.judge(), &[Rule::S3], &["libfoo.so.1", "Depends"]);
}

#[test]
fn s4_exported_blas() {
    let fixture = Fixture::good()
        .also("void dgemm_(void) {} void cblas_ddot(void) {} void scipy_dgelsd_64_(void) {}")
        .exports("dgemm_; cblas_ddot; scipy_dgelsd_64_;");
    refused(
        &fixture.judge(),
        &[Rule::S4],
        &["3 exported", "scipy_dgelsd_64_"],
    );
}

#[test]
fn s4_undefined_blas() {
    let fixture = Fixture::good()
        .without("void good(void) {}")
        .also("extern void dgelsd_(void); void good(void) { dgelsd_(); }");
    refused(&fixture.judge(), &[Rule::S4], &["1 undefined", "dgelsd_"]);
}

#[test]
fn s5_stray_exports() {
    let fixture = Fixture::good()
        .also("void stray(void) {} const void *pg_finfo_lonely(void) { return 0; }")
        .exports("stray; pg_finfo_lonely;");
    refused(
        &fixture.judge(),
        &[Rule::S5],
        &["2 stray", "pg_finfo_lonely"],
    );
}

#[test]
fn s5_sql_and_library_must_name_the_same_functions() {
    let fixture = Fixture::good();
    let with_sql = |names: &[&str]| {
        let sql_symbols: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let expectation = Expectation {
            sql_symbols: Some(sql_symbols),
            ..expectation()
        };
        fixture.judge_with(&expectation)
    };
    refused(
        &with_sql(&["good", "absent"]),
        &[Rule::S5],
        &["1 missing", "absent"],
    );
    refused(&with_sql(&[]), &[Rule::S5], &["1 without SQL"]);
}

#[test]
fn s5_without_magic_it_is_no_module() {
    let fixture = Fixture::good().without("const void *Pg_magic_func(void) { return texts[0]; }");
    refused(&fixture.judge(), &[Rule::S5], &["refuses to load"]);
}

#[test]
fn s6_a_too_new_glibc() {
    let fixture = Fixture::good()
        .without("void good(void) {}")
        .also("extern void later(void); void good(void) { later(); }")
        .with_library(
            "libm.so.6",
            "void later(void) {}",
            "GLIBC_2.38 { global: later; };",
        );
    refused(
        &fixture.judge(),
        &[Rule::S6],
        &["GLIBC_2.38", "\"later\"", "libm.so.6"],
    );
}

#[test]
fn s6_an_unknown_namespace() {
    for version in ["WEIRD_1.0", "GLIBC_PRIVATE", "NONUMBER"] {
        let fixture = Fixture::good()
            .without("void good(void) {}")
            .also("extern void odd(void); void good(void) { odd(); }")
            .with_library(
                "libm.so.6",
                "void odd(void) {}",
                &format!("{version} {{ global: odd; }};"),
            );
        refused(&fixture.judge(), &[Rule::S6], &[version, "\"odd\""]);
    }
}

#[test]
fn s7_no_blas_inside() {
    let mut fixture = Fixture::good();
    fixture.source = GOOD_WITHOUT_BLAS.to_owned();
    refused(
        &fixture.judge(),
        &[Rule::S7],
        &[
            "no text `OpenBLAS 0.3.21`",
            "gotoblas, gotoblas_init",
            "HASWELL",
        ],
    );
}

#[test]
fn s7_another_version_and_another_build() {
    let with = |configuration| {
        Fixture {
            configuration,
            ..Fixture::good()
        }
        .judge()
    };
    refused(
        &with("OpenBLAS 0.3.211 DYNAMIC_ARCH SINGLE_THREADED"),
        &[Rule::S7],
        &["OpenBLAS 0.3.211 is inside"],
    );
    refused(
        &with("OpenBLAS 0.3.21 DYNAMIC_ARCH MAX_THREADS=64"),
        &[Rule::S7],
        &["without SINGLE_THREADED"],
    );
    refused(
        &with("OpenBLAS 0.3.21 Haswell SINGLE_THREADED"),
        &[Rule::S7],
        &["without DYNAMIC_ARCH"],
    );
}

#[test]
fn s7_threads_and_missing_kernels() {
    let threaded = Fixture::good().also("static void blas_thread_server(void) __attribute__((used)); static void blas_thread_server(void) {}");
    refused(&threaded.judge(), &[Rule::S7], &["blas_thread_server"]);
    // A table of zeros is what OpenBLAS has for a processor that it was built without.
    let zeros = Fixture::good()
        .without("KERNEL(SKYLAKEX)")
        .also("static long gotoblas_SKYLAKEX[4] __attribute__((used));");
    refused(&zeros.judge(), &[Rule::S7], &["no kernels for SKYLAKEX"]);
}

#[test]
fn s8_libpython_of_another_version() {
    let fixture = Fixture {
        libpython: "libpython3.12.so.1.0",
        ..Fixture::good()
    };
    refused(
        &fixture.judge(),
        &[Rule::S8],
        &["libpython3.12.so.1.0", "libpython3.11.so.1.0"],
    );
}

#[test]
fn s8_outside_the_limited_api() {
    for (symbol, why) in [
        ("_PyLong_New", "outside the stable ABI"),
        ("Py_NewRef", "since Python 3.10 only"),
    ] {
        let fixture = Fixture::good().without("void good(void) {}").also(&format!(
            "extern void {symbol}(void); void good(void) {{ {symbol}(); }}"
        ));
        refused(&fixture.judge(), &[Rule::S8], &[symbol, why]);
    }
}

#[test]
fn s8_no_libpython() {
    let fixture = Fixture::good()
        .without("PyLong_FromLong((long)malloc(1));")
        .flags(["-Wl,--as-needed"]);
    refused(&fixture.judge(), &[Rule::S8], &["neither needs libpython"]);
}

#[test]
fn s9_hardening() {
    let stack = Fixture::good().flags(["-Wl,-z,execstack"]);
    refused(&stack.judge(), &[Rule::S9], &["executable stack"]);
    let lazy = Fixture::good().flags(["-Wl,-z,lazy"]);
    refused(&lazy.judge(), &[Rule::S9], &["partial RELRO"]);
    let none = Fixture::good().flags(["-Wl,-z,norelro"]);
    refused(&none.judge(), &[Rule::S9], &["no RELRO"]);
    let rpath = Fixture::good().flags(["-Wl,-rpath,/opt/somewhere,--enable-new-dtags"]);
    refused(&rpath.judge(), &[Rule::S9], &["RUNPATH", "/opt/somewhere"]);
    let rpath = Fixture::good().flags(["-Wl,-rpath,/opt/somewhere,--disable-new-dtags"]);
    refused(&rpath.judge(), &[Rule::S9], &["\"RPATH\""]);
    let text = Fixture::good()
        .also("extern int target; __asm__(\".text\\n.quad good\\n\");")
        .flags(["-Wl,-z,notext"]);
    refused(&text.judge(), &[Rule::S9], &["text relocation"]);
}

#[test]
fn s10_another_machine() {
    let fixture = Fixture::good();
    let mut bytes = fs::read(fixture.build()).unwrap();
    bytes[18..20].copy_from_slice(&183u16.to_le_bytes()); // e_machine: aarch64
    let path = fixture.dir.path().join("foreign.so");
    fs::write(&path, bytes).unwrap();
    let report = fixture.judge_file(&path, &expectation());
    refused(
        &report,
        &[Rule::S10],
        &["aarch64 64-bit little-endian", "amd64"],
    );
}

#[test]
fn a_foreign_library_is_not_asked_for_what_only_the_extension_has() {
    let fixture = Fixture::good();
    let path = fixture.library("libother.so.1", "void anything(void) {}", "{ global: *; };");
    let foreign = Expectation {
        profile: Profile::ForeignLibrary,
        ..expectation()
    };
    let report = fixture.judge_file(&path, &foreign);
    let status = |rule| report.rules.iter().find(|r| r.rule == rule).unwrap().status;
    for rule in [Rule::S5, Rule::S7, Rule::S8] {
        assert_eq!(status(rule), Status::NotApplicable, "{rule}");
    }
    assert_eq!(status(Rule::S4), Status::Pass);
}

#[test]
fn what_is_no_library() {
    let error = |bytes: &[u8]| verify_bytes(bytes, "x", "x", &by(&expectation())).unwrap_err();
    assert!(matches!(error(b"#!/bin/sh\n"), VerifyError::Elf { .. }));
    assert!(matches!(error(b""), VerifyError::Elf { .. }));
    let unknown = Expectation {
        architecture: "riscv64".to_owned(),
        ..expectation()
    };
    let bytes = fs::read(Fixture::good().build()).unwrap();
    assert!(matches!(
        verify_bytes(&bytes, "x", "x", &by(&unknown)),
        Err(VerifyError::Architecture(_))
    ));
}

#[test]
fn a_report_that_binutils_did_not_confirm_does_not_pass() {
    let bytes = fs::read(Fixture::good().build()).unwrap();
    let report = symcheck::judge_alone(&bytes, "pgml.so", &by(&expectation())).unwrap();
    assert_eq!(report.broken(), []);
    assert_eq!(report.verdict, Verdict::NotProven);
}

/// The real archive, where this machine has it: the rule must know the real thing, not only the imitation above.
#[test]
fn s7_knows_a_real_openblas() {
    let archive = Path::new("/usr/lib/x86_64-linux-gnu/openblas-serial/libopenblas.a");
    if !archive.exists() {
        eprintln!("not checked: libopenblas-serial-dev is not installed");
        return;
    }
    let mut fixture = Fixture::good().flags([archive.to_str().unwrap()]);
    fixture.source = r#"
        extern char *openblas_get_config(void);
        extern void cblas_dgemm(int, int, int, int, int, int, double, void *, int, void *, int, double, void *, int);
        extern void *PyLong_FromLong(long);
        const void *Pg_magic_func(void) { return 0; }
        void _PG_init(void) { PyLong_FromLong(1); }
        const void *pg_finfo_good(void) { return openblas_get_config(); }
        void good(void *x) { cblas_dgemm(101, 111, 111, 2, 2, 2, 1.0, x, 2, x, 2, 0.0, x, 2); }
    "#
    .to_owned();
    // Only S6 may object: the fixture is linked against this machine's libc, not the builder's.
    let report = fixture.judge();
    assert!(
        report.broken().iter().all(|rule| *rule == Rule::S6),
        "{report:#?}"
    );
    // And the mistake that the rule is about: nothing asked for OpenBLAS, so the linker left it out.
    fixture.source = GOOD_WITHOUT_BLAS.to_owned();
    let report = fixture.judge();
    assert!(report.broken().contains(&Rule::S7), "{report:#?}");
}

const GOOD_WITHOUT_BLAS: &str = r#"
    extern void *PyLong_FromLong(long);
    const void *Pg_magic_func(void) { return 0; }
    void _PG_init(void) { PyLong_FromLong(1); }
    const void *pg_finfo_good(void) { return 0; }
    void good(void) {}
"#;
