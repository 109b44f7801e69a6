//! S10: the library is for the machine that its package says, and for every one of them. Catches an object of another
//! architecture, and instructions that older processors of the same one do not have.

use super::super::elf::{CodeMap, Endian};
use super::super::instructions::{self, Above};
use super::super::policy::machine_name;
use super::super::report::SymbolRef;
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "machine",
    holds_when: "ELF class, byte order and machine are those of the package's Architecture; nothing above the architecture's baseline (x86-64-v1, ARMv8.0-A) runs without dispatch, and the dynamic linker opens it into a running process",
    why: "A package of one architecture with a library of another installs without complaint and fails when the extension is created. Code above the baseline dies with an illegal instruction on the processors that the package promises to run on.",
    remedy: "Build for the package's architecture, without -march=native or target-cpu=native; leave newer instructions to OpenBLAS, which chooses at run time. Functions that are chosen at run time are named under [[instructions]] of packaging/policy.toml, with the reason.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    let (facts, wanted) = (context.facts, context.machine);
    let order = |endian| match endian {
        Endian::Little => "little-endian",
        Endian::Big => "big-endian",
    };
    let describe =
        |machine, class, endian| format!("{} {class}-bit {}", machine_name(machine), order(endian));
    let is = describe(facts.machine, facts.class, facts.endian);
    let should = describe(wanted.machine, wanted.class, wanted.endian);
    if is == should {
        outcome.saw(is);
        check_loading(context, &mut outcome);
        check_instructions(context, &mut outcome);
    } else {
        let architecture = &context.expectation.architecture;
        outcome.found(
            &is,
            format!("a library of architecture {architecture} is {should}"),
            "build for the package's architecture, or correct the package's Architecture field",
        );
    }
    outcome
}

/// What the dynamic linker refuses before it looks at the library's symbols.
fn check_loading(context: &Context, outcome: &mut Outcome) {
    let (facts, loading) = (context.facts, &context.policy().loading);
    if !loading.os_abi.contains(&facts.os_abi) {
        outcome.found(
            format!("OS ABI {}", facts.os_abi),
            "the dynamic linker refuses it (`ELF file OS ABI invalid`)",
            "build it for Linux",
        );
    }
    // v1 is bit 0; on a processor that lacks a level the loader ends with `CPU ISA level is lower than required`.
    let levels = u32::BITS - facts.asks.isa_needed.leading_zeros();
    if levels > 1 {
        outcome.found(
            format!("x86-64-v{levels} needed"),
            "a note says that it needs that level (GNU_PROPERTY_X86_ISA_1_NEEDED); on older processors the dynamic linker refuses it",
            "compile every object without -march, and link without -z x86-64-v*",
        );
    }
    if facts.asks.no_open {
        outcome.found(
            "not to be opened",
            "it forbids dlopen (DF_1_NOOPEN), by which the server opens extensions",
            "link without -z nodlopen",
        );
    }
    if facts.asks.static_tls && facts.asks.tls_size > loading.static_tls {
        outcome.found(
            "static thread-local storage",
            format!(
                "it wants {} bytes of it, and a process keeps {} for all libraries that it opens later (`cannot allocate memory in static TLS block`)",
                facts.asks.tls_size, loading.static_tls
            ),
            "compile without -ftls-model=initial-exec",
        );
    }
}

fn check_instructions(context: &Context, outcome: &mut Outcome) {
    let facts = context.facts;
    let Some(policy) = context
        .policy()
        .instructions
        .get(&context.expectation.architecture)
    else {
        let architecture = &context.expectation.architecture;
        outcome.not_checked(
            &format!("instructions of {architecture}"),
            format!("the policy has no baseline for {architecture}, so that nothing tells what its processors have"),
        );
        return;
    };
    let own = facts.code_map();
    let names = own
        .as_ref()
        .or_else(|| context.names.and_then(|names| names.of(facts)));
    let survey = instructions::survey(facts, names.unwrap_or(&CodeMap::default()), policy);
    let count = survey.instructions;
    if names.is_none() && !survey.above.is_empty() {
        let uses: Vec<String> = survey.above.iter().map(features).collect();
        outcome.not_checked(
            "instructions",
            format!(
                "the library is stripped, so nothing tells whether what is above the baseline is chosen at run time: {}; \
                 give its debug symbols (`--debug FILE`) or the library before strip",
                uses.join("; ")
            ),
        );
        return;
    }
    if !survey.above.is_empty() {
        let mut used: Vec<String> = survey.above.iter().map(features).collect();
        used.truncate(3);
        let symbols = survey.above.iter().map(|above| SymbolRef {
            name: above
                .function
                .clone()
                .unwrap_or("code outside of functions".to_owned()),
            object: above.file.clone(),
            ..SymbolRef::default()
        });
        outcome.found_symbols(
            format!("{} functions above the baseline", survey.above.len()),
            format!(
                "nothing is known to ask the processor before they run; on an older one they die with an illegal instruction ({})",
                used.join("; ")
            ),
            "compile them without -march, -mavx and target-cpu; or, if they are chosen at run time, name them under [[instructions.dispatched]] of packaging/policy.toml and say how",
            symbols.collect(),
        );
        return;
    }
    outcome.saw(match survey.dispatched {
        0 => format!("instructions: {count}, none above the baseline"),
        functions => format!(
            "instructions: {count}, above the baseline only in {functions} functions that are chosen at run time"
        ),
    });
}

/// `AVX2 (Vpaddd at 0x1139)`
fn features(above: &Above) -> String {
    let features: Vec<String> = above
        .features
        .iter()
        .map(|(feature, first)| format!("{feature}: {first}"))
        .collect();
    features.join(", ")
}
