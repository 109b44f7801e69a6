//! S1, S2 and S11: what is wrong with the libraries around.

use std::fs;

use symcheck::expectation::{Expectation, Profile};
use symcheck::report::{Status, Verdict};
use symcheck::rules::Rule;

use crate::GOOD_WITHOUT_BLAS;
use crate::fixture::*;

#[test]
fn s1_a_symbol_that_nobody_provides() {
    let fixture = Fixture::good()
        .without("void good(void) {}")
        .also("extern void ereport(void); void good(void) { ereport(); }");
    refused(
        &fixture.judge(),
        &[Rule::S1],
        &["\"ereport\"", "nearest: `ereport_` of server"],
    );
}

#[test]
fn s1_a_version_that_nobody_provides() {
    // An older libc that has the version does not have it for this symbol.
    let fixture = Fixture::good()
        .without("void good(void) {}")
        .also("extern void strlcpy(void); __asm__(\".symver strlcpy, strlcpy@GLIBC_2.2.5\"); void good(void) { strlcpy(); }");
    fixture.library(
        "libm.so.6",
        "void strlcpy(void) {}",
        "GLIBC_2.2.5 { global: strlcpy; };",
    );
    let linked = Fixture {
        flags: [
            fixture.flags.clone(),
            vec![fixture.dir.path().join("libm.so.6").display().to_string()],
        ]
        .concat(),
        ..fixture
    };
    let path = linked.build();
    fs::remove_file(linked.dir.path().join("libm.so.6")).unwrap();
    refused(
        &linked.judge_file(&path, &expectation()),
        &[Rule::S1],
        &["\"strlcpy\"", "in version GLIBC_2.2.5"],
    );
}

#[test]
fn s2_a_symbol_that_two_provide() {
    let fixture = Fixture::good()
        .without("void good(void) {}")
        .also("extern void twice(void); void good(void) { twice(); }")
        .with_library("librt.so.1", "void twice(void) {}", "{ global: *; };");
    refused(
        &fixture.judge(),
        &[Rule::S2],
        &["\"twice\"", "server and librt.so.1 all define it"],
    );
}

#[test]
fn s2_what_the_library_defines_for_itself() {
    let fixture = Fixture::good()
        .also("const void *pg_finfo_twice(void) { return 0; } void twice(void) {} void unused(void) { twice(); }")
        .exports("pg_finfo_twice; twice;");
    let sql = Expectation {
        sql_symbols: None,
        ..expectation()
    };
    refused(
        &fixture.judge_with(&sql),
        &[Rule::S2],
        &["\"twice\"", "server comes first"],
    );
}

/// A library that the extension needs, and that no rule forbids by its name, has what a wheel has.
#[test]
fn s11_a_library_that_takes_what_a_wheel_bundles() {
    let fixture = Fixture::good().with_library(
        "librt.so.1",
        "void *gotoblas; void entry(void) {} void dsyrk_(void) {}",
        "{ global: *; };",
    );
    refused(
        &fixture.judge(),
        &[Rule::S11],
        &[
            "librt.so.1, which the library brings, takes scipy.libs/libbundled.so",
            "\"gotoblas\"",
            "\"dsyrk_\"",
        ],
    );
}

/// The other half of the bug: static, but exported under the names that a wheel has too.
#[test]
fn s4_s11_an_exported_blas_that_a_wheel_has_too() {
    let fixture = Fixture::good()
        .also("void dsyrk_(void) {}")
        .exports("dsyrk_;");
    refused(
        &fixture.judge(),
        &[Rule::S4, Rule::S11],
        &["the library itself takes scipy.libs/libbundled.so"],
    );
}

/// What the bug itself looked like: four rules see it, each from its side.
#[test]
fn s3_s4_s7_s11_a_dynamic_blas_in_use() {
    let mut fixture = Fixture::good().with_library(
        "libopenblas.so.0",
        "void dsyrk_(void) {}",
        "{ global: *; };",
    );
    fixture.source = GOOD_WITHOUT_BLAS.replace(
        "void good(void) {}",
        "extern void dsyrk_(void); void good(void) { dsyrk_(); }",
    );
    refused(
        &fixture.judge(),
        &[Rule::S3, Rule::S4, Rule::S7, Rule::S11],
        &["libopenblas.so.0", "1 undefined", "dsyrk_"],
    );
}

/// Every library that uses a C++ template has a copy of it, weak, for the dynamic linker to choose any.
#[test]
fn s2_knows_templates_of_cpp() {
    let copy = "__attribute__((weak)) void f(void) __asm__(\"_Z1fIiEvv\"); void f(void) {}";
    let with = |other: &str| {
        Fixture::good()
            .without("void good(void) {}")
            .also("extern void f(void) __asm__(\"_Z1fIiEvv\"); void good(void) { f(); }")
            .with_library("librt.so.1", copy, "{ global: *; };")
            .with_library("libdl.so.2", other, "{ global: *; };")
            .judge()
    };
    let report = with(copy);
    assert!(report.passed(), "{report:#?}");
    let strong = with(&copy.replace("__attribute__((weak))", ""));
    refused(
        &strong,
        &[Rule::S2],
        &["librt.so.1 and libdl.so.2 all define it"],
    );
}

#[test]
fn s3_a_blas_that_a_library_brings() {
    let mut fixture = Fixture::good();
    let blas = fixture.library(
        "libopenblas.so.0",
        "void unused(void) {}",
        "{ global: *; };",
    );
    let library = fixture.dir.path().join("librt.so.1");
    let source = fixture.dir.path().join("rt.c");
    fs::write(&source, "void other(void) {}").unwrap();
    cc(&[
        "-o",
        library.to_str().unwrap(),
        source.to_str().unwrap(),
        "-nostdlib",
        "-Wl,-soname,librt.so.1,--no-as-needed",
        blas.to_str().unwrap(),
    ]);
    fixture.flags.push("-Wl,--no-as-needed".to_owned());
    fixture.flags.push(library.display().to_string());
    refused(
        &fixture.judge(),
        &[Rule::S3],
        &[
            "libopenblas.so.0",
            "librt.so.1, which the library needs, brings it",
        ],
    );
}

/// A second libgomp, libstdc++ or the like: of two libraries of one name the first is the only one.
#[test]
fn s11_a_library_in_the_place_of_a_bundled_one() {
    let fixture = Fixture {
        bundled: "librt.so.1",
        ..Fixture::good()
    }
    .with_library("librt.so.1", "void other(void) {}", "{ global: *; };");
    refused(
        &fixture.judge(),
        &[Rule::S11],
        &[
            "librt.so.1, which the library brings, replaces /fixture/site-packages/scipy.libs/librt.so.1",
        ],
    );
}

/// Of a library that is found nowhere nothing is known, neither what it has nor what it takes.
#[test]
fn what_is_found_nowhere_is_not_checked() {
    let fixture = Fixture::good();
    let absent = fixture.library("libabsent.so.1", "void f(void) {}", "{ global: *; };");
    let source = fixture.dir.path().join("other.c");
    fs::write(&source, "extern void f(void); void other(void) { f(); }").unwrap();
    let library = fixture.dir.path().join("other.so");
    cc(&[
        "-o",
        library.to_str().unwrap(),
        source.to_str().unwrap(),
        "-nostdlib",
        "-Wl,-z,now,-z,relro",
        absent.to_str().unwrap(),
    ]);
    let foreign = Expectation {
        profile: Profile::ForeignLibrary,
        sql_symbols: None,
        ..expectation()
    };
    let report = fixture.judge_file(&library, &foreign);
    assert!(report.passed(), "{report:#?}");
    fs::remove_file(absent).unwrap();
    let report = fixture.judge_file(&library, &foreign);
    assert_eq!(report.verdict, Verdict::NotProven);
    for rule in [Rule::S1, Rule::S2, Rule::S3, Rule::S11] {
        let found = report.rules.iter().find(|r| r.rule == rule).unwrap();
        assert_eq!(found.status, Status::NotChecked, "{rule}");
        assert!(found.unchecked[0].reason.contains("libabsent.so.1"));
    }
}

/// Templates of the C++ standard library are the same everywhere; those of others are not, nor is what is not weak.
#[test]
fn s11_knows_templates_of_the_standard_library() {
    let with = |attribute: &str, name: &str| {
        let source = format!("{attribute} void f(void) __asm__(\"{name}\"); void f(void) {{}}");
        Fixture::good()
            .with_library("librt.so.1", &source, "{ global: *; };")
            .judge()
    };
    let report = with("__attribute__((weak))", "_ZNSt1xEv");
    assert!(report.passed(), "{report:#?}");
    for (attribute, name) in [("", "_ZNSt1xEv"), ("__attribute__((weak))", "_ZN4user1xEv")] {
        refused(&with(attribute, name), &[Rule::S11], &[name]);
    }
}

/// Only the extension has to get by with the namespaces of glibc and GCC.
#[test]
fn s6_a_version_that_a_library_of_a_foreign_one_has() {
    let fixture =
        Fixture::good().with_library("librt.so.1", "void f(void) {}", "OTHER_1.0 { global: f; };");
    let fixture = fixture
        .without("void good(void) {}")
        .also("extern void f(void); void good(void) { f(); }");
    refused(&fixture.judge(), &[Rule::S6], &["OTHER_1.0"]);
    let foreign = Expectation {
        profile: Profile::ForeignLibrary,
        ..expectation()
    };
    let report = fixture.judge_with(&foreign);
    assert!(report.passed(), "{report:#?}");
}

/// A program at a fixed address has a jump to each function whose address it takes, which stands for the function.
#[test]
fn s2_a_server_at_a_fixed_address() {
    for fixed in [true, false] {
        let fixture = Fixture {
            fixed,
            ..Fixture::good()
        };
        let report = fixture
            .without("void good(void) {}")
            .also("extern int getpid(void); void *good(void) { return getpid; }")
            .judge();
        assert!(report.passed(), "{report:#?}");
    }
}

/// An extension that somebody else has loaded is a part of the scene: it takes what a wheel has, stands before what the
/// library defines for itself, and is not counted on to provide anything.
#[test]
fn s1_s2_s11_an_extension_that_is_loaded_beside() {
    let beside = |source: &str, fixture: Fixture| {
        let fixture = Fixture {
            beside: Some("libother.so"),
            ..fixture
        };
        fixture.library("libother.so", source, "{ global: *; };");
        fixture.judge()
    };
    let report = beside("void harmless(void) {}", Fixture::good());
    assert!(report.passed(), "{report:#?}");
    let evidence = "opened beside: /fixture/libother.so";
    assert!(report.surroundings.iter().any(|line| line == evidence));
    refused(
        &beside("void dsyrk_(void) {}", Fixture::good()),
        &[Rule::S11],
        &[
            "libother.so, which is loaded beside it, takes scipy.libs/libbundled.so",
            "do not load the two",
        ],
    );
    let calls = || {
        Fixture::good()
            .without("void good(void) {}")
            .also("extern void there(void); void good(void) { there(); }")
    };
    refused(
        &beside("void there(void) {}", calls()),
        &[Rule::S1],
        &["\"there\""],
    );
    let linked = calls().with_library("librt.so.1", "void there(void) {}", "{ global: *; };");
    refused(
        &beside("void there(void) {}", linked),
        &[Rule::S2],
        &["libother.so and librt.so.1 all define it"],
    );
}

/// What is loaded with a library though it is not in DT_NEEDED is not replayed, and the report says so.
#[test]
fn filters_of_a_library_around_are_not_replayed() {
    let fixture = Fixture::good();
    let library = fixture.dir.path().join("librt.so.1");
    let source = fixture.dir.path().join("rt.c");
    fs::write(&source, "void other(void) {}").unwrap();
    cc(&[
        "-o",
        library.to_str().unwrap(),
        source.to_str().unwrap(),
        "-nostdlib",
        "-Wl,-soname,librt.so.1,--auxiliary,libhidden.so.1",
    ]);
    let mut fixture = fixture;
    fixture.flags.push("-Wl,--no-as-needed".to_owned());
    fixture.flags.push(library.display().to_string());
    let report = fixture.judge();
    assert_eq!(report.verdict, Verdict::NotProven);
    let s1 = report
        .rules
        .iter()
        .find(|rule| rule.rule == Rule::S1)
        .unwrap();
    assert_eq!(s1.unchecked[0].part, "filter libraries", "{report:#?}");
}
