//! No file makes the ELF reader or the rules panic, overflow, hang or use unbounded memory.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use symcheck::elf::Facts;
use symcheck::expectation::{Expectation, Libpython, Profile};
use symcheck::scope::{FileSystem, Process};
use symcheck::surroundings::{Environment, PythonRuntime, Surroundings};
use symcheck::{Judgement, Rulebook, judge_alone};

static BOOK: OnceLock<(Rulebook, Expectation, FileSystem)> = OnceLock::new();

fn book() -> &'static (Rulebook, Expectation, FileSystem) {
    BOOK.get_or_init(|| {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
        let expectation = Expectation {
            target: "any".to_owned(),
            profile: Profile::Extension,
            architecture: "amd64".to_owned(),
            floors: Default::default(),
            server: None,
            libpython: Libpython::AnySupported,
            sql_symbols: None,
            before_strip: true,
        };
        let book = Rulebook::load(&packaging).expect("the policy of this source tree");
        let files = FileSystem::new(&book.policy.loading);
        (book, expectation, files)
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
    let (book, expectation, files) = book();
    // A process without a program, into which the library itself is loaded.
    let environment = Environment::Known(Box::new(Surroundings::new(
        Process::without_program(files),
        Vec::new(),
        PythonRuntime::Unknown("there is none".to_owned()),
    )));
    let by = Judgement {
        book,
        expectation,
        environment: &environment,
        names: None,
    };
    let _ = judge_alone(data, "fuzzed", &by);
});
