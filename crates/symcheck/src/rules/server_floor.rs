//! The part of S6 that is about the server: the minor release from which on it has all functions that the library needs.

use super::super::expectation::ExpectedServer;
use super::super::policy::First;
use super::super::report::{ServerNeed, SymbolRef};
use super::super::surroundings::Replay;
use super::super::version::Version;
use super::{Context, Outcome};

/// How many functions are named.
const NAMED: usize = 5;

/// The functions that the library takes from the server, or would take from a newer release of it. None of them has a version:
/// `stderr` does, of which the server has a copy and libc the original.
fn needed<'c>(context: &'c Context<'_>, replay: &'c Replay<'_>) -> Vec<&'c str> {
    let mut names = Vec::new();
    for site in replay.undefined() {
        let (name, None) = replay.text(site) else {
            continue;
        };
        let is_servers = match replay.process.candidates(site).first() {
            Some(provider) => replay.is_server(provider.object),
            None => is_brought(context, name),
        };
        if is_servers {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a minor release of the target's major brought a function.
fn is_brought(context: &Context<'_>, name: &str) -> bool {
    let server = context.expectation.server.as_ref();
    server.is_some_and(|server| {
        let first = context.policy().server.first(server.major, name);
        matches!(first, First::Minor(_))
    })
}

/// Whether the server is older than the release that brought a function, so that it can't have it.
pub(super) fn is_newer(context: &Context<'_>, name: &str) -> bool {
    let release = context
        .release()
        .and_then(|release| release.version.as_ref());
    match (context.expectation.server.as_ref(), release) {
        (Some(server), Some(version)) => {
            let first = context.policy().server.first(server.major, name);
            matches!(first, First::Minor(since) if version < since)
        }
        _ => false,
    }
}

/// The servers that the library can be loaded into.
pub(super) fn need(context: &Context<'_>) -> Option<ServerNeed> {
    let server = context.expectation.server.as_ref()?;
    let needed = needed(context, context.replay?);
    let policy = &context.policy().server;
    let floor = policy.floor(server, needed.iter().copied());
    let unfixed = policy.unfixed(server.major, needed.iter().copied());
    Some(ServerNeed {
        oldest: floor.version.map(|version| version.to_string()),
        unfixed: match context.is_extension() {
            true => unfixed,
            false => Vec::new(),
        },
    })
}

pub(super) fn check(context: &Context<'_>, outcome: &mut Outcome) {
    let (Some(server), Some(replay)) = (&context.expectation.server, context.replay) else {
        return;
    };
    let needed = needed(context, replay);
    if needed.is_empty() {
        return;
    }
    listed(context, server, replay, &needed, outcome);
    let policy = &context.policy().server;
    let floor = policy.floor(server, needed.iter().copied());
    let major = server.major;
    match &floor.version {
        None => outcome.saw(format!("every minor release of PostgreSQL {major}")),
        Some(version) => {
            outcome.saw(format!(
                "PostgreSQL {version} or newer: {}",
                some(&floor.because)
            ));
            too_old(context, &floor.because, version, outcome);
        }
    }
    if context.is_extension() {
        if !floor.unknown.is_empty() {
            let names = some(&floor.unknown);
            let by = match server.headers.is_some() {
                true => ", so that the release of the headers counts",
                false => "",
            };
            outcome.saw(format!(
                "[server] of the policy does not say since when there is {names}{by}"
            ));
        }
        for line in policy.unfixed(major, needed.iter().copied()) {
            outcome.saw(format!("goes without the fix of {line}"));
        }
    }
}

/// The distribution's own server must have what the library needs. Apt could not install the package otherwise.
fn too_old(context: &Context<'_>, because: &[String], floor: &Version, outcome: &mut Outcome) {
    let Some(release) = context.release().filter(|release| release.own) else {
        return;
    };
    let Some(version) = release.version.as_ref().filter(|version| *version < floor) else {
        return;
    };
    let target = &context.expectation.target;
    let symbol = |name: &String| SymbolRef {
        name: name.clone(),
        ..SymbolRef::default()
    };
    outcome.found_symbols(
        format!("PostgreSQL {floor}"),
        format!("the server that is locked for {target} is {version}, and these functions are newer: the package could not be installed"),
        "lock the server of the same release as the headers (`cargo xtask lock --update`)",
        because.iter().map(symbol).collect(),
    );
}

/// A server that has a function before the release which is said to have brought it shows that the policy is wrong.
fn listed(
    context: &Context<'_>,
    server: &ExpectedServer,
    replay: &Replay<'_>,
    needed: &[&str],
    outcome: &mut Outcome,
) {
    let Some(version) = context
        .release()
        .and_then(|release| release.version.as_ref())
    else {
        return;
    };
    for name in needed {
        let First::Minor(since) = context.policy().server.first(server.major, name) else {
            continue;
        };
        if version < since && replay.server_has(name) {
            outcome.found(
                *name,
                format!("PostgreSQL {version} has it, and the policy says that {since} brought it"),
                "correct the entry below [[server.since]] in packaging/policy.toml",
            );
        }
    }
}

fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
