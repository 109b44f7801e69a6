//! S8: one object serves every Python. Catches a call outside the limited API and a libpython of another version.

use std::collections::BTreeMap;

use super::super::expectation::Libpython;
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
    let oldest = policy.python.limited_api;
    let libpythons: Vec<&str> = context
        .facts
        .needed
        .iter()
        .copied()
        .filter(|library| library.starts_with("libpython"))
        .collect();
    let needed: Vec<_> = context
        .facts
        .undefined()
        .filter(|symbol| policy.is_python(symbol.name))
        .collect();
    if !context.is_extension() && libpythons.is_empty() && needed.is_empty() {
        return Outcome::not_applicable("it does not use Python");
    }

    match libpythons.as_slice() {
        [] if needed.is_empty() => outcome.found(
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
                outcome.found(*library, format!("the libpython of {target} is {wanted}"), "stamp the library for this target");
            }
            Libpython::AnySupported if !is_supported(library, oldest, policy.python.newest) => {
                let ((a, b), (c, d)) = (oldest, policy.python.newest);
                let problem = format!("no supported target has it; they have Python {a}.{b} to {c}.{d}, as libpython3.X.so.1.0");
                outcome.found(*library, problem, "stamp the library for a target");
            }
            _ => {}
        },
        several => outcome.found(
            several.join(", "),
            "two Pythons in one process share no objects and corrupt each other",
            "link one libpython",
        ),
    }

    // Somebody else's library may be compiled for one Python; S1 looks for its symbols in that one.
    if let (Libpython::Exactly(python), false) =
        (&context.expectation.libpython, context.is_extension())
    {
        let outside = needed.iter().filter(|symbol| {
            let known = context.book.abi3.get(symbol.name);
            known.is_none_or(|known| known.added > oldest)
        });
        outcome.saw(match outside.count() {
            0 => format!("symbols: {}, all in the limited API of Python {}.{}", needed.len(), oldest.0, oldest.1),
            count => format!("for {python} alone: of {} symbols {count} are outside the limited API of Python {}.{}", needed.len(), oldest.0, oldest.1),
        });
        return outcome;
    }

    // Grouped by the reason, since a library that is not limited has dozens.
    let mut outside: BTreeMap<String, Vec<SymbolRef>> = BTreeMap::new();
    for symbol in &needed {
        let reason = match context.book.abi3.get(symbol.name) {
            Some(known) if known.added <= oldest => continue,
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
        let (major, minor) = oldest;
        let remedy = format!(
            "use what the limited API of Python {major}.{minor} has (PyO3: feature `abi3-py{major}{minor}`)"
        );
        outcome.found_symbols(subject, reason, remedy, symbols);
    }
    outcome.saw(format!(
        "{}, symbols: {}, all in the limited API of Python {}.{}",
        libpythons.join(", "),
        needed.len(),
        oldest.0,
        oldest.1
    ));
    outcome
}

/// Whether a soname is `libpython3.X.so.1.0` for a supported X.
fn is_supported(library: &str, oldest: (u8, u8), newest: (u8, u8)) -> bool {
    let version = library
        .strip_prefix("libpython")
        .and_then(|rest| rest.strip_suffix(".so.1.0"))
        .and_then(|version| version.split_once('.'));
    let Some((major, minor)) = version else {
        return false;
    };
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => (oldest..=newest).contains(&(major, minor)),
        _ => false,
    }
}
