//! S2: whatever the library needs is there once. Catches two definitions of one symbol in one process: which of them a
//! library gets depends on the order of loading, and so on what else a server has loaded.

use super::super::report::SymbolRef;
use super::super::scope::Site;
use super::super::surroundings::Replay;
use super::s1_resolved::{replay, symbol};
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "unambiguous",
    holds_when: "every undefined symbol has exactly one provider in its scope, or the policy says why several are the same; and what the library defines for itself is not taken from elsewhere",
    why: "The dynamic linker takes the first definition it meets, silently. With two, a library works or fails by what else is loaded, and a call may cross into another version of a library than the one it was compiled against.",
    remedy: "Drop the library that need not be linked, or hide its symbols. If several definitions really are the same one, say so in [[resolution.shared]] of packaging/policy.toml, with the reason.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let replay = match replay(context) {
        Ok(replay) => replay,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::default();
    let (mut single, mut shared) = (0, 0);
    for site in replay.undefined() {
        let providers: Vec<usize> = replay
            .process
            .candidates(site)
            .iter()
            // A program's copy of a library's data (`stderr`) is that data: the library itself uses the copy.
            .filter(|provider| !is_copy(replay, **provider))
            .map(|provider| provider.object)
            .collect();
        let names: Vec<&str> = providers
            .iter()
            .map(|object| replay.name(*object))
            .collect();
        let (name, _) = replay.text(site);
        if providers.len() < 2 {
            single += providers.len();
        } else if context.policy().is_shared(name, &names) {
            shared += 1;
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
    check_own(replay, &mut outcome);
    outcome.saw(format!("symbols with one provider: {single}"));
    if shared > 0 {
        outcome.saw(format!("with several that the policy accepts: {shared}"));
    }
    outcome
}

fn is_copy(replay: &Replay<'_>, site: Site) -> bool {
    let symbol = replay.process.symbol(site);
    symbol.is_some_and(|symbol| symbol.copied)
}

/// What the library defines, refers to, and would get from elsewhere.
fn check_own(replay: &Replay<'_>, outcome: &mut Outcome) {
    let mut taken: Vec<(usize, SymbolRef)> = Vec::new();
    for reference in replay.process.references() {
        let own = replay.process.symbol(reference.from);
        let defined = own.is_some_and(|symbol| !symbol.undefined);
        match reference.to {
            Some(to)
                if reference.from.object == replay.library
                    && defined
                    && to.object != replay.library =>
            {
                taken.push((to.object, symbol(replay, reference.from)));
            }
            _ => {}
        }
    }
    for (object, symbol) in taken {
        outcome.found_symbols(
            symbol.name.clone(),
            format!(
                "the library defines it and calls it, but {} comes first, so that its calls go there",
                replay.name(object)
            ),
            "do not export it: a version script that ends in `local: *`",
            vec![symbol],
        );
    }
}
