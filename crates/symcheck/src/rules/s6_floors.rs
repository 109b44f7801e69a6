//! S6: every symbol version that the library needs exists on the target, and every function in the servers that it may be
//! installed beside. Catches a build against a newer system.

use std::collections::BTreeMap;

use super::super::report::SymbolRef;
use super::super::scope::Site;
use super::super::version::Version;
use super::{Context, Doc, Outcome, server_floor};

pub(super) const DOC: Doc = Doc {
    title: "floors",
    holds_when: "each needed version (GLIBC, GCC, CXXABI, GLIBCXX) is at most the target's; a namespace without a known floor is an error; each function of the server is in the release that the package asks for",
    why: "A library that needs one symbol of a newer glibc does not load at all on an older system. The finding names the symbol, because the version alone does not tell which call brought it in. The server's functions have no versions: minor releases bring some, and a library that was compiled with their headers does not load in an earlier one.",
    remedy: "Compile in the builder's root file system, not on the host (a plain `gcc --sysroot` links the host's libc without a word). Otherwise replace the call that the finding names.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    let floors = &context.expectation.floors;
    let mut had = 0;
    let mut highest: BTreeMap<&str, Version> = BTreeMap::new();
    for need in context.facts.versions.needs() {
        let symbols = || -> Vec<SymbolRef> {
            let users = context.facts.undefined();
            users
                .filter(|symbol| {
                    symbol.version == Some(need.name) && symbol.library == need.library
                })
                .map(SymbolRef::from)
                .collect()
        };
        let library = need.library.unwrap_or("a library");
        if is_had(context, need.name) {
            had += 1;
            continue;
        }
        let Some((namespace, version)) = parse(context, need.name) else {
            let problem = format!(
                "{library} is asked for a version that is not a number of a known namespace, so nothing says which targets have it"
            );
            let remedy = "drop what needs it; if every target has it, add a marker to [versions] in packaging/policy.toml, or a floor to the targets";
            outcome.found_symbols(need.name, problem, remedy, symbols());
            continue;
        };
        let Some(floor) = floors.get(namespace) else {
            let problem = format!(
                "{library} is asked for a version of a namespace for which the target gives no floor"
            );
            let remedy = "drop what needs it, or give the targets a floor for the namespace";
            outcome.found_symbols(need.name, problem, remedy, symbols());
            continue;
        };
        if version > *floor {
            let target = &context.expectation.target;
            let problem = format!(
                "{target} has {namespace} up to {floor} only; the library does not load there"
            );
            let remedy =
                "compile in the builder's root file system, or replace the calls that need it";
            outcome.found_symbols(need.name, problem, remedy, symbols());
        }
        let seen = highest.entry(namespace).or_insert_with(|| version.clone());
        if version > *seen {
            *seen = version;
        }
    }
    for (namespace, version) in &highest {
        if let Some(floor) = floors.get(*namespace) {
            outcome.saw(format!("{namespace} {version} of {floor}"));
        }
    }
    if had > 0 {
        outcome.saw(format!(
            "versions of other namespaces, which its libraries have: {had}"
        ));
    } else if highest.is_empty() {
        outcome.saw("needs no symbol versions");
    }
    server_floor::check(context, &mut outcome);
    outcome
}

/// Whether a foreign library asks for a version of a namespace without a floor, and gets each symbol of it, at that very
/// version, from the libraries around. The extension gets by with namespaces that have one.
fn is_had(context: &Context, version: &str) -> bool {
    let Some((namespace, _)) = parse(context, version) else {
        return false;
    };
    let known = context.expectation.floors.contains_key(namespace);
    let Some(replay) = context.replay.filter(|_| !known && !context.is_extension()) else {
        return false;
    };
    let mut sites = replay.undefined();
    sites.retain(|site| replay.text(*site).1 == Some(version));
    let is_there = |site: &Site| {
        let provider = replay.process.candidates(*site).first().copied();
        provider.is_some_and(|provider| replay.text(provider).1 == Some(version))
    };
    !sites.is_empty() && sites.iter().all(is_there)
}

/// Whether this rule has nothing against a version.
pub(super) fn is_within(context: &Context, version: &str) -> bool {
    let floors = &context.expectation.floors;
    parse(context, version).is_some_and(|(namespace, version)| {
        floors.get(namespace).is_some_and(|floor| version <= *floor)
    })
}

/// The namespace and number of a version name: `GLIBC_2.14`, or a marker of the policy.
fn parse<'a>(context: &'a Context, name: &'a str) -> Option<(&'a str, Version)> {
    if let Some(marker) = context.policy().markers.get(name) {
        return Some((&marker.namespace, marker.since.clone()));
    }
    let (namespace, version) = name.rsplit_once('_')?;
    Some((namespace, Version::parse(version)?))
}
