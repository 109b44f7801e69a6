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
fn the_good_one_passes_and_every_part_of_it_was_looked_at() {
    if !has_compiler() {
        return;
    }
    let report = Fixture::good_on_arm64().judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
    assert!(report.binutils.as_ref().unwrap().symbols > 5);
    for rule in &report.rules {
        let parts = rule.unchecked.iter().map(|part| part.part.as_str());
        let parts: Vec<&str> = parts.collect();
        assert_eq!(parts, [""; 0], "{}", rule.rule);
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

/// One function that uses an instruction of a version of the architecture, under a name. The fixture refers to it, so that it stays.
fn with_instruction(name: &str, version: &str, instruction: &str) -> Fixture {
    let text = r#"
        static __attribute__((noinline, used)) void NAME(void) {
            __asm__ volatile(".arch VERSION\n\tINSTRUCTION");
        }
        const void *pg_finfo_good(void) { NAME(); return gotoblas; }"#;
    let text = text.replace("NAME", name).replace("VERSION", version);
    Fixture::good_on_arm64()
        .without("const void *pg_finfo_good(void) { return gotoblas; }")
        .also(&text.replace("INSTRUCTION", instruction))
}

/// Catches a decoder that knows an extension by no or another name, and one that is not asked at all.
#[test]
fn s10_what_armv8_0_lacks_outside_of_dispatch() {
    if !has_compiler() {
        return;
    }
    for (version, instruction, says) in [
        ("armv8.1-a", "ldadd w0, w1, [x2]", "LSE: ldadd at 0x"),
        (
            "armv8.2-a+dotprod",
            "sdot v0.4s, v1.16b, v2.16b",
            "DOTPROD: sdot at 0x",
        ),
        ("armv8.2-a+sve", "ptrue p0.s", "SVE: ptrue at 0x"),
        (
            "armv8.5-a+sve2",
            "shadd z0.s, p0/m, z0.s, z1.s",
            "SVE2: shadd at 0x",
        ),
        (
            "armv8.2-a+bf16",
            "bfdot v0.4s, v1.8h, v2.8h",
            "BFLOAT16: bfdot at 0x",
        ),
        ("armv8.3-a", "ldapr w0, [x1]", "RCPC: ldapr at 0x"),
    ] {
        let report = with_instruction("careless", version, instruction).judge_with(&expectation());
        refused(&report, &[Rule::S10], &["\"careless\"", says]);
    }
    // A kernel of OpenBLAS may use what its processor has, and no more.
    let kernel = |version, instruction| {
        with_instruction("daxpy_k_NEOVERSEN2", version, instruction).judge_with(&expectation())
    };
    let report = kernel("armv8.2-a+sve", "ptrue p0.s");
    assert!(report.passed(), "{report:#?}");
    let report = kernel("armv8.1-a", "ldadd w0, w1, [x2]");
    refused(&report, &[Rule::S10], &["LSE: ldadd"]);
    let report = with_instruction("daxpy_k_NEOVERSEN1", "armv8.2-a+sve", "ptrue p0.s")
        .judge_with(&expectation());
    refused(&report, &[Rule::S10], &["SVE: ptrue"]);
    // What GCC makes of an atomic operation: it asks for the extension, and has a loop where that is missing.
    let atomic = "static int counter; int count(void) { return __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST); }";
    let report = Fixture::good_on_arm64()
        .also(atomic)
        .flags(["-moutline-atomics"])
        .judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
    // Hints that older processors do nothing at.
    let report =
        with_instruction("signed_return", "armv8-a", "hint #25").judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
}

/// Catches numbers among the code that are taken for instructions, as OpenBLAS's cscal for ARMV8 has them, and an instruction that
/// hides as such a number.
#[test]
fn s10_data_among_code_is_not_run() {
    if !has_compiler() {
        return;
    }
    let with = |directive: &str| {
        let words = format!("b 1f\\n\\t{directive} 0x3e44fae6\\n1: nop");
        with_instruction("careless", "armv8-a", &words).judge_with(&expectation())
    };
    let report = with(".word");
    assert!(report.passed(), "{report:#?}");
    refused(
        &with(".inst"),
        &[Rule::S10],
        &["\"careless\"", "UNKNOWN: 0x3e44fae6"],
    );
    // What the decoder's tables take for half precision.
    let convert = |version, instruction| {
        with_instruction("careless", version, instruction).judge_with(&expectation())
    };
    let report = convert("armv8-a", "ucvtf d0, d0, #6");
    assert!(report.passed(), "{report:#?}");
    let half = convert("armv8.2-a+fp16", "ucvtf h0, h1, #4");
    refused(&half, &[Rule::S10], &["SIMD_F16: ucvtf"]);
    // Chosen by the processor's number.
    let report = with_instruction(
        "caxpby_k_THUNDERX3T110",
        "armv8.3-a",
        "fcadd v0.2s, v1.2s, v2.2s, #90",
    );
    let report = report.judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
}

/// A helper of a kernel has no core in its name; it may use what its callers may, as long as nothing else reaches it: no call,
/// no table, and no address that is taken page by page.
#[test]
fn s10_helpers_are_judged_by_their_callers_there_too() {
    if !has_compiler() {
        return;
    }
    let helper = r#"
        static __attribute__((noinline, used)) void helper(void) { __asm__ volatile(".arch armv8.2-a+sve\n\tptrue p0.s"); }
        static __attribute__((noinline, used)) void daxpy_k_NEOVERSEN2(void) { helper(); helper(); }"#;
    let report = Fixture::good_on_arm64()
        .also(helper)
        .judge_with(&expectation());
    assert!(report.passed(), "{report:#?}");
    for other in [
        "static __attribute__((used)) void another(void) { helper(); helper(); }",
        "static void *const table[] __attribute__((used)) = { helper };",
        "static __attribute__((used)) void *taken(void) { return helper; }",
        "static __attribute__((used)) void daxpy_k_NEOVERSEN1(void) { helper(); helper(); }",
    ] {
        let report = Fixture::good_on_arm64()
            .also(helper)
            .also(other)
            .judge_with(&expectation());
        refused(&report, &[Rule::S10], &["\"helper\""]);
    }
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
