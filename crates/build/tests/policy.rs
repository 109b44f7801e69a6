//! The matrix and the policy of the symbol rules agree.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::Path;

use targets::Targets;

#[test]
fn an_architecture_is_the_one_that_the_policy_means() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    let targets = Targets::load(&packaging.join("targets.toml")).unwrap();
    let policy = symcheck::Rulebook::load(&packaging).unwrap().policy;
    for architecture in &targets.architectures {
        let machine = &policy.machines[&architecture.name];
        assert_eq!(machine.machine, architecture.elf);
    }
}
