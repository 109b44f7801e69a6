//! The same rules on AArch64's ELF, by Debian's cross compiler: what is right passes, and each way to be wrong is refused by
//! exactly its rule. Nothing of it is run.

use super::*;

/// Whether this machine has the compiler; a machine without it says so.
fn has_compiler() -> bool {
    let found = std::process::Command::new(ARM64.compiler)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("not checked: gcc-aarch64-linux-gnu is not installed");
    }
    found
}

fn expectation() -> Expectation {
    Expectation {
        target: "debian12-pg15-arm64".to_owned(),
        architecture: ARM64.architecture.to_owned(),
        ..fixture::expectation()
    }
}

#[test]
fn the_good_one_passes_and_says_what_was_not_looked_at() {
    if !has_compiler() {
        return;
    }
    let report = Fixture::good_on_arm64().judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
    assert!(report.binutils.as_ref().unwrap().symbols > 5);
    for rule in &report.rules {
        let parts = rule.unchecked.iter().map(|part| part.part.as_str());
        let parts: Vec<&str> = parts.collect();
        match rule.rule {
            // No disassembler of AArch64 is built in.
            Rule::S10 => assert_eq!(parts, ["instructions of arm64"]),
            other => assert_eq!(parts, [""; 0], "{other}"),
        }
    }
}

/// As Debian's arm64 archive has it: `SINGLE_THREADED` is added to the text at run time, after the processor's name. Catches
/// a rule that knows only how x86-64's GCC lays constants.
#[test]
fn s7_a_word_of_the_configuration_may_be_a_text_of_its_own() {
    if !has_compiler() {
        return;
    }
    let mut fixture = Fixture::good_on_arm64();
    fixture.configuration = "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY ";
    let without = fixture.judge_with(&expectation());
    refused(&without, &[Rule::S7], &["without SINGLE_THREADED"]);
    let with = fixture.also(
        r#"static const char *const later[] __attribute__((used)) = { " SINGLE_THREADED" };
           const void *more(void) { return later[0]; }"#,
    );
    let report = with.exports("more;").judge_with(&expectation());
    assert_eq!(
        report.broken(),
        [Rule::S5],
        "only the export that keeps it: {report:#?}"
    );
}

/// The compiled library's libpython is a stub whose name is overwritten in place, on this machine's kind of ELF as well.
#[test]
fn s8_the_stub_is_refused_and_the_stamped_library_is_not() {
    use symcheck::stamp::{STUB_SONAME, stamp};
    if !has_compiler() {
        return;
    }
    let mut fixture = Fixture::good_on_arm64();
    fixture.libpython = STUB_SONAME;
    let path = fixture.build();
    let report = fixture.judge_file(&path, &expectation());
    assert!(report.broken().contains(&Rule::S8), "{report:#?}");
    let mut library = fs::read(&path).unwrap();
    stamp(&mut library, "libpython3.11.so.1.0").unwrap();
    fs::write(&path, library).unwrap();
    let report = fixture.judge_file(&path, &expectation());
    assert!(report.passed(), "{report:#?}");
}

#[test]
fn s10_a_library_in_a_package_of_the_other_architecture() {
    if !has_compiler() {
        return;
    }
    let report = Fixture::good_on_arm64().judge_with(&Expectation {
        architecture: "amd64".to_owned(),
        ..expectation()
    });
    assert!(report.broken().contains(&Rule::S10), "{report:#?}");
    let report = Fixture::good().judge_with(&expectation());
    assert!(report.broken().contains(&Rule::S10), "{report:#?}");
}

#[test]
fn each_way_to_be_wrong_is_refused_by_its_rule() {
    if !has_compiler() {
        return;
    }
    let judge = |fixture: Fixture| fixture.judge_with(&expectation());
    let good = Fixture::good_on_arm64;
    let missing = good()
        .also("extern void nobody_has_this(void); void call(void) { nobody_has_this(); }")
        .exports("call;");
    let report = judge(missing);
    assert!(report.broken().contains(&Rule::S1), "{report:#?}");
    let library = good().with_library(
        "libopenblas.so.0",
        "void harmless(void) {}",
        "{ global: *; };",
    );
    refused(&judge(library), &[Rule::S3], &["libopenblas.so.0"]);
    let blas = good().also("void dgemm_(void) {}").exports("dgemm_;");
    let report = judge(blas);
    assert!(report.broken().contains(&Rule::S4), "{report:#?}");
    let exports = good().also("void extra(void) {}").exports("extra;");
    refused(&judge(exports), &[Rule::S5], &["extra"]);
    let kernel = good()
        .without("KERNEL(NEOVERSEN1)")
        .without("= gotoblas_NEOVERSEN1");
    refused(&judge(kernel), &[Rule::S7], &["no kernels for NEOVERSEN1"]);
    let python = good()
        .also("extern int _Py_IsFinalizing(void); int ask(void) { return _Py_IsFinalizing(); }");
    let report = judge(python.exports("ask;"));
    assert!(report.broken().contains(&Rule::S8), "{report:#?}");
    let stack = good().flags(["-Wl,-z,execstack"]);
    refused(&judge(stack), &[Rule::S9], &["executable stack"]);
    let lazy = good().flags(["-Wl,-z,lazy"]);
    refused(&judge(lazy), &[Rule::S9], &["partial RELRO"]);
    let text = good()
        .also("__asm__(\".text\\n.quad good\\n\");")
        .flags(["-Wl,-z,notext"]);
    refused(&judge(text), &[Rule::S9], &["text relocation"]);
}

/// AArch64's own numbers of relocations: a call through the table of slots is looked for in the whole process, an address
/// that is taken by a copy relocation isn't looked for in the program. Catches the numbers of another machine.
#[test]
fn a_program_at_a_fixed_address_shares_its_copies_and_its_stubs() {
    if !has_compiler() {
        return;
    }
    let mut fixture = Fixture::good_on_arm64();
    fixture.fixed = true;
    let report = fixture.judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
}
