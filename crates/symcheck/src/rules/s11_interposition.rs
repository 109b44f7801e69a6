//! S11: no other library takes what a Python wheel brings for itself. Catches the crash that this project is about, in all its forms:
//! a shared BLAS, an exported one, a library that stands for another of the same name.

use std::collections::{BTreeMap, BTreeSet};

use super::super::report::SymbolRef;
use super::super::scope::Site;
use super::super::surroundings::{Environment, PythonRuntime, Replay, Side};
use super::s1_resolved::{lacking, replay, symbol};
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "interposition",
    holds_when: "nothing that the server's global scope has, once the library is loaded, takes a symbol that a library of the Python runtime defines for itself, or the place of a library that a wheel bundles",
    why: "Postgres opens extensions with RTLD_GLOBAL, so that the extension and all that it needs come before whatever Python loads later. SciPy's calls of its own OpenBLAS then go to another version of it: signal 11, or wrong numbers. NumPy 1.23 crashed through `gotoblas`, a pointer that no caller ever names, so every exported name counts.",
    remedy: "Link statically and hide: `local: *` in the version script, -Wl,--exclude-libs,ALL. A library that brings a BLAS, an OpenMP or a compression library of its own can't be linked dynamically here.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let replay = match replay(context) {
        Ok(replay) => replay,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::default();
    let Environment::Known(surroundings) = context.environment else {
        return outcome;
    };
    let runtime = match &surroundings.runtime {
        PythonRuntime::Known(runtime) => runtime,
        PythonRuntime::Unknown(why) => {
            outcome.not_checked("runtime", why);
            return outcome;
        }
        PythonRuntime::NotAsked(why) => return Outcome::not_applicable(why),
    };

    lacking(context, replay, &mut outcome);
    let absent = replay.missing_in_runtime();
    if !absent.is_empty() {
        outcome.not_checked(
            "libraries of the runtime",
            format!(
                "found nowhere, so nothing is known of what they have: {}",
                absent.join(", ")
            ),
        );
    }
    let bindings = Bindings::of(context, replay);
    for (pair, taken) in &bindings.taken {
        report_taken(replay, *pair, taken, &mut outcome);
    }
    report_replaced(replay, &mut outcome);
    let libraries = (0..replay.process.objects().len())
        .filter(|object| replay.side(*object) == Side::Runtime)
        .count();
    outcome.saw(format!(
        "{}: libraries: {libraries}, references: {}",
        runtime.name, bindings.references
    ));
    bindings.say_what_is_fine(&mut outcome);
    outcome
}

/// Which object takes a symbol, and which one defines it for itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    thief: usize,
    owner: usize,
}

/// What one object takes of another.
#[derive(Default)]
struct Taken {
    /// The symbols, by name.
    symbols: BTreeMap<String, SymbolRef>,
    /// The objects whose references go to the thief.
    callers: BTreeSet<usize>,
}

/// To whom the references of the Python runtime go.
#[derive(Default)]
struct Bindings {
    /// How many there are.
    references: usize,
    /// What no library may take.
    taken: BTreeMap<Pair, Taken>,
    /// Symbols that the policy lets a library of the server take, with that library.
    accepted: BTreeSet<(Site, usize)>,
    /// How many go to a copy of the same definition.
    same: usize,
    /// How many go from wheel to wheel.
    between: usize,
}

impl Bindings {
    fn of(context: &Context<'_>, replay: &Replay<'_>) -> Self {
        let mut found = Self::default();
        for reference in replay.process.references() {
            if replay.side(reference.from.object) != Side::Runtime {
                continue;
            }
            found.references += 1;
            let (Some(to), Some(own)) = (reference.to, reference.own) else {
                continue;
            };
            if to == own || replay.side(own.object) != Side::Runtime {
                continue;
            }
            if replay.side(to.object) == Side::Runtime {
                found.between += 1;
            } else if is_accepted(context, replay, to.object, own.object)
                || keeps(context, replay, to.object, own)
            {
                found.accepted.insert((own, to.object));
            } else if is_same(context, replay, to, own) {
                found.same += 1;
            } else {
                let pair = Pair {
                    thief: to.object,
                    owner: own.object,
                };
                let mut symbol = symbol(replay, own);
                symbol.library = Some(short(replay, own.object).to_owned());
                let taken = found.taken.entry(pair).or_default();
                taken.symbols.insert(symbol.name.clone(), symbol);
                taken.callers.insert(reference.from.object);
            }
        }
        found
    }

    /// Says how many references go elsewhere without harm.
    fn say_what_is_fine(&self, outcome: &mut Outcome) {
        let (accepted, same, between) = (self.accepted.len(), self.same, self.between);
        if accepted > 0 {
            outcome.saw(format!("taken as the policy accepts: {accepted}"));
        }
        if same > 0 {
            outcome.saw(format!(
                "of C++'s own templates, the same everywhere: {same}"
            ));
        }
        if between > 0 {
            outcome.saw(format!(
                "from wheel to wheel, with or without a server: {between}"
            ));
        }
    }
}

/// Adds the finding that an object takes symbols of another.
fn report_taken(replay: &Replay<'_>, pair: Pair, taken: &Taken, outcome: &mut Outcome) {
    let Pair { thief, owner } = pair;
    let callers = taken.callers.iter().map(|caller| short(replay, *caller));
    let mut who: Vec<&str> = callers.collect();
    let more = who.len().saturating_sub(3);
    who.truncate(3);
    outcome.found_symbols(
        format!("{} takes {}", describe(replay, thief), short(replay, owner)),
        format!(
            "{} symbols that {} defines would be {}'s for {}{}",
            taken.symbols.len(),
            short(replay, owner),
            replay.name(thief),
            who.join(", "),
            match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            }
        ),
        remedy(replay.side(thief)),
        taken.symbols.values().cloned().collect(),
    );
}

/// Adds a finding for each library of a wheel that is not loaded, since another one of its name is already.
fn report_replaced(replay: &Replay<'_>, outcome: &mut Outcome) {
    for replaced in replay.process.replaced() {
        let in_runtime = replay.side(replaced.needed_by) == Side::Runtime;
        if in_runtime && replay.side(replaced.got) != Side::Runtime {
            outcome.found(
                format!("{} replaces {}", describe(replay, replaced.got), replaced.meant),
                format!(
                    "{} needs {}, of which the wheel brings its own; one of that name is loaded already, so the wheel's is not loaded at all",
                    short(replay, replaced.needed_by),
                    replaced.name
                ),
                remedy(replay.side(replaced.got)),
            );
        }
    }
}

/// Whether the policy accepts that a library takes a symbol of another one, which then must have asked for it by name.
fn is_accepted(context: &Context, replay: &Replay<'_>, taker: usize, owner: usize) -> bool {
    let name = replay.name(taker);
    let asked = replay
        .object(owner)
        .is_some_and(|owner| owner.object.needed.iter().any(|needed| needed == name));
    asked && replay.side(taker) == Side::Server && context.policy().may_take(name)
}

/// Whether the policy knows that a wheel's library keeps a symbol although the server has one of that name.
fn keeps(context: &Context, replay: &Replay<'_>, taker: usize, own: Site) -> bool {
    let symbol = replay.text(own).0;
    replay.side(taker) == Side::Server && context.policy().keeps(replay.name(own.object), symbol)
}

/// Whether both are copies of one definition, made for the dynamic linker to choose any.
fn is_same(context: &Context, replay: &Replay<'_>, taker: Site, owner: Site) -> bool {
    let vague = |site| {
        let symbol = replay.process.symbol(site);
        symbol.is_some_and(|symbol| symbol.weak || symbol.unique)
    };
    vague(taker) && vague(owner) && context.policy().is_same_everywhere(replay.text(owner).0)
}

fn describe(replay: &Replay<'_>, object: usize) -> String {
    let name = replay.name(object);
    match replay.side(object) {
        Side::Library => "the library itself".to_owned(),
        Side::Brought => format!("{name}, which the library brings,"),
        Side::Server => format!("{name}, which the server has,"),
        Side::Beside => format!("{name}, which is loaded beside it,"),
        Side::Runtime => name.to_owned(),
    }
}

fn remedy(side: Side) -> &'static str {
    match side {
        Side::Library => {
            "do not export them: a version script that ends in `local: *`, and -Wl,--exclude-libs,ALL"
        }
        Side::Beside => {
            "nothing in this library can change it: do not load the two in one session, or have the other one hide its symbols (`local: *`)"
        }
        Side::Brought => "link that library statically and hide its symbols, or do without it",
        Side::Server => {
            "nothing in this library can change it: the server's own libraries come first. Another wheel, or a reason in [[interposition.accepted]] of packaging/policy.toml"
        }
        Side::Runtime => "",
    }
}

/// The last three parts of a path, which tell a wheel and its library.
fn short<'r>(replay: &'r Replay<'_>, object: usize) -> &'r str {
    let path = replay.object(object).map_or("", |loaded| &loaded.path);
    match path.split_once("/site-packages/") {
        Some((_, inside)) => inside,
        None => path,
    }
}
