//! S2: everything that the library needs is there once. Catches two definitions of one symbol in one process: which of them a
//! library gets depends on the order of loading, and so on what else a server has loaded.

use std::collections::BTreeMap;

use super::super::report::SymbolRef;
use super::super::scope::Site;
use super::super::surroundings::Replay;
use super::s1_resolved::{lacking, replay, symbol};
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "unambiguous",
    holds_when: "every undefined symbol has exactly one provider in its scope, or the policy says why several are the same; and what the library defines for itself is not taken from elsewhere",
    why: "The dynamic linker takes the first definition it meets, silently. With two, a library works or fails by what else is loaded, and a call may cross into another version of a library than the one it was compiled against.",
    remedy: "Drop the library that need not be linked, or hide its symbols. If several definitions really are the same one, say so in [[resolution.shared]] of packaging/policy.toml, with the reason.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    check_reserved(context, &mut outcome);
    let replay = match replay(context) {
        Ok(replay) => replay,
        // What is in the file itself does not wait for what is around it.
        Err(_) if !outcome.findings.is_empty() => return outcome,
        Err(outcome) => return outcome,
    };
    let (mut single, mut shared, mut vague) = (0, 0, 0);
    for site in replay.undefined() {
        let mut candidates = replay.process.candidates(site);
        candidates.retain(|provider| !stands_for_another(replay, *provider));
        let names: Vec<&str> = candidates
            .iter()
            .map(|provider| replay.name(provider.object))
            .collect();
        let (name, _) = replay.text(site);
        if candidates.len() < 2 {
            single += candidates.len();
        } else if context.policy().is_shared(name, &names) {
            shared += 1;
        } else if candidates
            .iter()
            .all(|provider| is_vague(replay, *provider))
        {
            vague += 1;
        } else {
            outcome.found_symbols(
                name,
                format!(
                    "{} all define it, and the first one is taken",
                    names.join(" and ")
                ),
                "link only one of them, or hide the symbol in the others",
                vec![symbol(replay, site)],
            );
        }
    }
    vague += check_own(replay, &mut outcome);
    lacking(context, replay, &mut outcome);
    outcome.saw(format!("symbols with one provider: {single}"));
    if shared > 0 {
        outcome.saw(format!("with several that the policy accepts: {shared}"));
    }
    if vague > 0 {
        outcome.saw(format!(
            "of C++ templates and inline functions, which every library has a copy of: {vague}"
        ));
    }
    outcome
}

/// What libc has for the whole process: a second allocator gets memory of the first one to free.
fn check_reserved(context: &Context, outcome: &mut Outcome) {
    let policy = context.policy();
    let of_system = |soname| policy.allowed_libraries.iter().any(|name| name == soname);
    if context.facts.soname.is_some_and(of_system) {
        return; // libc itself
    }
    let reserved = |name: &str| policy.is_reserved(name);
    let exported = context
        .facts
        .exported()
        .filter(|symbol| reserved(symbol.name));
    let symbols: Vec<SymbolRef> = exported.map(SymbolRef::from).collect();
    if !symbols.is_empty() {
        outcome.found_symbols(
            format!("{} of libc's own", symbols.len()),
            "the library exports what libc has for the whole process; which of the two a library gets depends on who loads it, and memory of one allocator ends in the other's free",
            "do not export them: a version script that ends in `local: *`, or an allocator with a prefix",
            symbols,
        );
    }
}

/// Whether it is a definition that a C++ compiler puts into every library that uses it, for the dynamic linker to choose any:
/// a weak or unique one of a mangled name.
fn is_vague(replay: &Replay<'_>, site: Site) -> bool {
    let (name, _) = replay.text(site);
    let symbol = replay.process.symbol(site);
    name.starts_with("_Z") && symbol.is_some_and(|symbol| symbol.weak || symbol.unique)
}

/// Whether it is no definition of its own: a program's copy of a library's data (`stderr`), which the library itself uses, or
/// the jump to a function (`memcpy`) that has to have one address for all in a program at a fixed one.
fn stands_for_another(replay: &Replay<'_>, site: Site) -> bool {
    let symbol = replay.process.symbol(site);
    symbol.is_some_and(|symbol| symbol.copied || symbol.undefined)
}

/// What the library defines, refers to, and would get from elsewhere. Returns how much of it makes no difference.
fn check_own(replay: &Replay<'_>, outcome: &mut Outcome) -> usize {
    let mut taken: BTreeMap<usize, Vec<SymbolRef>> = BTreeMap::new();
    let mut vague = 0;
    for reference in replay.process.references() {
        let own = replay.process.symbol(reference.from);
        let defined = own.is_some_and(|symbol| !symbol.undefined);
        let Some(to) = reference.to else {
            continue;
        };
        if reference.from.object != replay.library || !defined || to.object == replay.library {
            continue;
        }
        match is_vague(replay, reference.from) && is_vague(replay, to) {
            true => vague += 1,
            false => taken
                .entry(to.object)
                .or_default()
                .push(symbol(replay, reference.from)),
        }
    }
    for (object, symbols) in taken {
        let name = replay.name(object);
        outcome.found_symbols(
            format!("{} of its own", symbols.len()),
            format!(
                "the library defines them and refers to them, but {name} comes first, so that it gets that one's"
            ),
            "do not export them: a version script that ends in `local: *`",
            symbols,
        );
    }
    vague
}
