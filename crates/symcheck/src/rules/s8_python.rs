//! S8: one object serves every Python. Catches a call outside the limited API and a libpython of another version.

use std::collections::BTreeMap;

use super::super::elf::DynamicSymbol;
use super::super::expectation::Libpython;
use super::super::policy::Python;
use super::super::report::SymbolRef;
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "Python",
    holds_when: "every undefined CPython symbol is in the limited API of the oldest supported Python, and the one libpython that is needed is the target's",
    why: "The extension is compiled once per Postgres major and stamped with each distribution's libpython. That works only within the stable ABI, and only if the stamp is right: with another Python's name the library does not load.",
    remedy: "Build PyO3 with the feature `abi3-py38` and let no other crate call CPython directly. A wrong libpython is a stamping error.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    let policy = context.policy();
    let libpythons: Vec<&str> = context
        .facts
        .needed
        .iter()
        .copied()
        .filter(|library| library.starts_with("libpython"))
        .collect();
    let needed: Vec<&DynamicSymbol<'_>> = context
        .facts
        .undefined()
        .filter(|symbol| policy.is_python(symbol.name))
        .collect();
    if !context.is_extension() && libpythons.is_empty() && needed.is_empty() {
        return Outcome::not_applicable("it does not use Python");
    }
    check_libpython(context, &libpythons, needed.is_empty(), &mut outcome);
    let (major, minor) = policy.python.limited_api;
    let limited_api = format!("the limited API of Python {major}.{minor}");
    // A foreign library may be compiled for one Python; S1 looks for its symbols in that one.
    if let (Libpython::Exactly(python), false) =
        (&context.expectation.libpython, context.is_extension())
    {
        let outside = needed.iter().filter(|symbol| !is_limited(context, symbol));
        outcome.saw(match outside.count() {
            0 => format!("symbols: {}, all in {limited_api}", needed.len()),
            count => format!(
                "for {python} alone: of {} symbols {count} are outside {limited_api}",
                needed.len()
            ),
        });
        return outcome;
    }
    report_outside(context, &needed, &mut outcome);
    outcome.saw(format!(
        "{}, symbols: {}, all in {limited_api}",
        libpythons.join(", "),
        needed.len(),
    ));
    outcome
}

/// Judges which libpython is needed: one, and the target's. `no_symbols` tells that none of Python's is needed.
fn check_libpython(
    context: &Context<'_>,
    libpythons: &[&str],
    no_symbols: bool,
    outcome: &mut Outcome,
) {
    let python = &context.policy().python;
    match libpythons {
        [] if no_symbols => outcome.found(
            "libpython",
            "the extension embeds Python, but neither needs libpython nor any of its symbols",
            "was src/python compiled in?",
        ),
        [] => outcome.found(
            "libpython",
            "it needs symbols of Python, but no libpython to take them from; it does not load in a server without Python",
            "link the stub libpython",
        ),
        [library] => match &context.expectation.libpython {
            Libpython::Exactly(wanted) if library != wanted => {
                let target = &context.expectation.target;
                let problem = format!("the libpython of {target} is {wanted}");
                outcome.found(*library, problem, "stamp the library for this target");
            }
            Libpython::AnySupported if !is_supported(library, python) => {
                let ((a, b), (c, d)) = (python.limited_api, python.newest);
                let problem = format!("no supported target has it; they have Python {a}.{b} to {c}.{d}, as libpython3.X.so.1.0");
                outcome.found(*library, problem, "stamp the library for a target");
            }
            Libpython::Exactly(_) | Libpython::AnySupported => {}
        },
        several => outcome.found(
            several.join(", "),
            "two Pythons in one process share no objects and corrupt each other",
            "link one libpython",
        ),
    }
}

/// Whether the limited API of the oldest supported Python has a symbol.
fn is_limited(context: &Context<'_>, symbol: &DynamicSymbol<'_>) -> bool {
    let known = context.book.abi3.get(symbol.name);
    known.is_some_and(|known| known.added <= context.policy().python.limited_api)
}

/// Adds a finding for each reason why symbols are outside the limited API: a library that is not limited has dozens.
fn report_outside(context: &Context<'_>, needed: &[&DynamicSymbol<'_>], outcome: &mut Outcome) {
    let mut outside: BTreeMap<String, Vec<SymbolRef>> = BTreeMap::new();
    for symbol in needed.iter().filter(|symbol| !is_limited(context, symbol)) {
        let reason = match context.book.abi3.get(symbol.name) {
            Some(known) => format!(
                "in the limited API since Python {}.{} only",
                known.added.0, known.added.1
            ),
            None => {
                "outside the stable ABI: another Python may lack it, or have it with another layout"
                    .to_owned()
            }
        };
        outside
            .entry(reason)
            .or_default()
            .push(SymbolRef::from(*symbol));
    }
    for (reason, symbols) in outside {
        let subject = format!("{} symbols", symbols.len());
        let (major, minor) = context.policy().python.limited_api;
        let remedy = format!(
            "use what the limited API of Python {major}.{minor} has (PyO3: feature `abi3-py{major}{minor}`)"
        );
        outcome.found_symbols(subject, reason, remedy, symbols);
    }
}

/// Whether a soname is `libpython3.X.so.1.0` for a supported X.
fn is_supported(library: &str, python: &Python) -> bool {
    let version = library
        .strip_prefix("libpython")
        .and_then(|rest| rest.strip_suffix(".so.1.0"))
        .and_then(|version| version.split_once('.'));
    let Some((major, minor)) = version else {
        return false;
    };
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => (python.limited_api..=python.newest).contains(&(major, minor)),
        _ => false,
    }
}
