//! S1: everything that the library needs is there. Catches a symbol that no library provides, or only in another version: with
//! RTLD_NOW, which Postgres uses, the library then does not load at all.

use std::collections::BTreeMap;

use super::super::report::{Resolved, SymbolRef};
use super::super::scope::Site;
use super::super::surroundings::{Environment, Replay, Side};
use super::{Context, Doc, Outcome, s6_floors, server_floor};

pub(super) const DOC: Doc = Doc {
    title: "resolved",
    holds_when: "every undefined symbol has a provider among the target's `postgres` binary, its libraries, and the closure of the library's DT_NEEDED, in the version that it asks for",
    why: "Postgres opens an extension with RTLD_NOW: one symbol that nobody provides, and CREATE EXTENSION fails with `undefined symbol`. A linker does not complain about what is undefined in a shared library.",
    remedy: "Link the library that has the symbol, or drop the call. A symbol of the server that is missing was removed from, or not yet in, that major: compile against its headers.",
};

/// How many similar names a finding lists.
const NEAREST: usize = 3;
/// For how many symbols similar names are looked for.
const COMPARED: usize = 20;

pub(super) fn check(context: &Context) -> Outcome {
    let replay = match replay(context) {
        Ok(replay) => replay,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::default();
    let Providers {
        counts,
        weak,
        mut unresolved,
    } = Providers::of(replay);
    lacking(context, replay, &mut outcome);
    if !replay.missing().is_empty() {
        // What a missing library has is not known.
        unresolved.clear();
    }
    let all = unresolved.len();
    unresolved.retain(|site| !is_told_by_another_rule(context, replay, *site));
    if all > unresolved.len() {
        outcome.saw(format!(
            "unresolved and told by S4 or S6: {}",
            all - unresolved.len()
        ));
    }
    report_unresolved(context, replay, &unresolved, &mut outcome);
    let counts: Vec<String> = counts
        .iter()
        .map(|(library, count)| format!("{library} {count}"))
        .collect();
    outcome.saw(format!(
        "symbols: {}{}",
        counts.join(", "),
        match weak {
            0 => String::new(),
            weak => format!("; {weak} weak ones that nobody has"),
        }
    ));
    outcome
}

/// Who provides the symbols that a library needs.
struct Providers<'r> {
    /// For each library how many it provides.
    counts: BTreeMap<&'r str, usize>,
    /// How many weak ones nobody provides.
    weak: usize,
    /// Those that have to be provided and are not.
    unresolved: Vec<Site>,
}

impl<'r> Providers<'r> {
    fn of(replay: &'r Replay<'_>) -> Self {
        let mut found = Self {
            counts: BTreeMap::new(),
            weak: 0,
            unresolved: Vec::new(),
        };
        for site in replay.undefined() {
            let candidates = replay.process.candidates(site);
            // An extension beside it may be there or not.
            let mut lasting = candidates
                .iter()
                .filter(|candidate| replay.side(candidate.object) != Side::Beside);
            match lasting.next() {
                Some(provider) => {
                    *found
                        .counts
                        .entry(replay.name(provider.object))
                        .or_default() += 1;
                }
                None if replay.process.symbol(site).is_some_and(|s| s.weak) => found.weak += 1,
                None => found.unresolved.push(site),
            }
        }
        found
    }
}

/// Whether another rule names the cause of an unresolved symbol: S4 for a name of BLAS, S6 for a version that the target
/// lacks and for a function of a newer server where the target's own is too old. (A server that only stands for the
/// target's says nothing about that.)
fn is_told_by_another_rule(context: &Context<'_>, replay: &Replay<'_>, site: Site) -> bool {
    let (name, version) = replay.text(site);
    context.policy().is_blas(name)
        || server_floor::is_newer(context, name)
        || version.is_some_and(|version| !s6_floors::is_within(context, version))
}

/// Adds a finding for each unresolved symbol, the first of them with similar names.
fn report_unresolved(
    context: &Context<'_>,
    replay: &Replay<'_>,
    unresolved: &[Site],
    outcome: &mut Outcome,
) {
    for (count, site) in unresolved.iter().enumerate() {
        let (name, version) = replay.text(*site);
        let nearest = match count < COMPARED {
            true => nearest(replay, *site),
            false => String::new(),
        };
        let version = version.map_or(String::new(), |version| format!(" in version {version}"));
        outcome.found_symbols(
            name,
            format!(
                "nothing that {} loads provides it{version}; the library does not load{nearest}",
                context.expectation.target
            ),
            "link the library that has it, or drop what calls it",
            vec![symbol(replay, *site)],
        );
    }
}

/// The replay that S1, S2 and S11 judge by, or the outcome of a rule that has none.
pub(super) fn replay<'c>(context: &'c Context<'_>) -> Result<&'c Replay<'c>, Outcome> {
    match (context.environment, context.replay) {
        (_, Some(replay)) => Ok(replay),
        (Environment::NotAsked(why), None) => Err(Outcome::not_applicable(why)),
        (Environment::Unknown(why), None) => {
            let mut outcome = Outcome::default();
            outcome.not_checked("surroundings", why);
            Err(outcome)
        }
        (Environment::Known(_), None) => {
            let mut outcome = Outcome::default();
            outcome.not_checked("surroundings", "the loading was not replayed");
            Err(outcome)
        }
    }
}

/// Says which libraries were found nowhere: of what they have, and take, nothing is known.
pub(super) fn lacking(context: &Context<'_>, replay: &Replay<'_>, outcome: &mut Outcome) {
    let missing = replay.missing();
    if !missing.is_empty() {
        outcome.not_checked(
            "libraries",
            format!(
                "not among the libraries that are known of {}: {}; give the files that have them as well (`--with FILE`)",
                context.expectation.target,
                missing.join(", ")
            ),
        );
    }
    let filtered = replay.filtered();
    if !filtered.is_empty() {
        outcome.not_checked(
            "filter libraries",
            format!(
                "what these bring as filters is not replayed: {}",
                filtered.join(", ")
            ),
        );
    }
}

pub(super) fn symbol(replay: &Replay<'_>, site: Site) -> SymbolRef {
    let (name, version) = replay.text(site);
    SymbolRef {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        ..SymbolRef::default()
    }
}

/// Who provides what the library needs: the map of S1.
pub(super) fn resolution(replay: &Replay<'_>) -> Vec<Resolved> {
    let mut map: Vec<Resolved> = replay
        .undefined()
        .into_iter()
        .map(|site| {
            let (name, version) = replay.text(site);
            let provider = replay.process.candidates(site).first().copied();
            let provided = provider.and_then(|site| replay.text(site).1);
            Resolved {
                symbol: name.to_owned(),
                version: version.map(str::to_owned),
                weak: replay.process.symbol(site).is_some_and(|s| s.weak),
                provider: provider.map(|site| replay.name(site.object).to_owned()),
                provided_version: provided.map(str::to_owned),
            }
        })
        .collect();
    map.sort_unstable_by(|a, b| (&a.provider, &a.symbol).cmp(&(&b.provider, &b.symbol)));
    map
}

/// The same name in other versions, or similar names, with those who define them.
fn nearest(replay: &Replay<'_>, site: Site) -> String {
    let (wanted, _) = replay.text(site);
    let mut close: Vec<(usize, String)> = Vec::new();
    for object in replay.process.scope(site.object) {
        let Some(loaded) = replay.object(object) else {
            continue;
        };
        for (index, symbol) in loaded.object.symbols.iter().enumerate() {
            let name = replay.process.names.text(symbol.name);
            let bindable = symbol.definition == super::super::elf::Definition::Any;
            if !bindable || name.len().abs_diff(wanted.len()) > 2 {
                continue;
            }
            let distance = match name == wanted {
                true => 0,
                false if name.as_bytes().first() != wanted.as_bytes().first() => continue,
                false => strsim::levenshtein(name, wanted),
            };
            if distance <= 2 {
                let (_, version) = replay.text(Site {
                    object,
                    symbol: index,
                });
                let version = version.map_or(String::new(), |version| format!("@{version}"));
                close.push((
                    distance,
                    format!("`{name}{version}` of {}", replay.name(object)),
                ));
            }
        }
    }
    close.sort_unstable();
    close.dedup();
    let nearest: Vec<String> = close
        .into_iter()
        .take(NEAREST)
        .map(|(_, text)| text)
        .collect();
    match nearest.is_empty() {
        true => String::new(),
        false => format!(" (nearest: {})", nearest.join(", ")),
    }
}
