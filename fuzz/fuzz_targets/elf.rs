//! No file makes the ELF reader or the rules panic, overflow, hang or use unbounded memory.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pgml_dist::symbols::elf::Facts;
use pgml_dist::symbols::expectation::{Expectation, Libpython, Profile};
use pgml_dist::symbols::{Rulebook, judge_alone};

static BOOK: OnceLock<(Rulebook, Expectation)> = OnceLock::new();

fn book() -> &'static (Rulebook, Expectation) {
    BOOK.get_or_init(|| {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
        let expectation = Expectation {
            target: "any".to_owned(),
            profile: Profile::Extension,
            architecture: "amd64".to_owned(),
            floors: Default::default(),
            libpython: Libpython::AnySupported,
            sql_symbols: None,
            before_strip: true,
        };
        (
            Rulebook::load(&packaging).expect("the policy of this source tree"),
            expectation,
        )
    })
}

fuzz_target!(|data: &[u8]| {
    if let Ok(facts) = Facts::read(data) {
        // What the rules iterate over, whichever of them look at it.
        let _ = (
            facts.undefined().count(),
            facts.exported().count(),
            facts.texts().count(),
        );
    }
    let (book, expectation) = book();
    let _ = judge_alone(data, "fuzzed", book, expectation);
});
