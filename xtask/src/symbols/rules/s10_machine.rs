//! S10: the library is for the machine that its package says. Catches an object of another architecture.

use super::super::elf::Endian;
use super::super::policy::machine_name;
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "machine",
    holds_when: "ELF class, byte order and machine are those of the package's Architecture; nothing above the architecture's baseline (x86-64-v1) runs without dispatch",
    why: "A package of one architecture with a library of another installs without complaint and fails when the extension is created. Code above the baseline dies with an illegal instruction on the processors that the package promises to run on.",
    remedy: "Build for the package's architecture, without -march=native or target-cpu=native; leave newer instructions to OpenBLAS, which chooses at run time.",
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
    if is != should {
        let architecture = &context.expectation.architecture;
        outcome.found(
            &is,
            format!("a library of architecture {architecture} is {should}"),
            "build for the package's architecture, or correct the package's Architecture field",
        );
    }
    outcome.saw(is);
    outcome.not_checked(
        "instructions",
        "no disassembler is built in, so the instructions themselves were not read",
    );
    outcome
}
