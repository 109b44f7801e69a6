//! Writes the results of tests into the target states of a release's manifest.

use std::path::Path;

use base::exit::Failure;
use release::publish::{self, State, TargetState};
use release::report;

use crate::cases::{Case, CaseResult};
use crate::load::Loaded;

/// Records the result of a target's install test. The first case is the installation, the others ran on the installed
/// packages.
pub fn installed(out: &Path, target: &str, place: &str, cases: &[Case]) -> Result<(), Failure> {
    let (first, rest) = cases.split_at(cases.len().min(1));
    change(out, target, |entry| {
        entry.installed = state(first, entry.held());
        entry.run = state(rest, entry.held());
        // Without the library in a server nothing else can hold.
        entry.loaded = state(rest, entry.held());
        entry.loaded_note = Some(place.to_owned());
    })
}

/// Records the result of a load test.
pub fn loaded(out: &Path, loaded: &Loaded) -> Result<(), Failure> {
    change(out, &loaded.target, |entry| {
        entry.loaded = state(&loaded.cases, State::Yes);
        entry.loaded_note = Some(loaded.place.clone());
    })
}

/// What the image test of a target saw, where it ran a container.
pub fn images(out: &Path, target: &str, cases: &[Case]) -> Result<(), Failure> {
    let ran: Vec<Case> = cases
        .iter()
        .filter(|case| !matches!(case.result, CaseResult::NotRun(_)))
        .cloned()
        .collect();
    let (ran_number, all) = (ran.len(), cases.len());
    change(out, target, |entry| {
        let made = !matches!(entry.image, State::No(_));
        if made && !ran.is_empty() {
            entry.image = state(&ran, entry.held());
            entry.image_note = Some(format!("{ran_number} of {all} image tests ran"));
        }
    })
}

/// How the cases ended; `held` where all passed.
fn state(cases: &[Case], held: State) -> State {
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| !matches!(case.result, CaseResult::Passed))
        .map(|case| case.name.as_str())
        .collect();
    match (cases.is_empty(), failed.is_empty()) {
        (true, _) => State::No("the test before it failed".into()),
        (false, true) => held,
        (false, false) => State::Failed(failed.join("; ")),
    }
}

fn change(out: &Path, target: &str, act: impl FnOnce(&mut TargetState)) -> Result<(), Failure> {
    let Some(mut manifest) = publish::read_manifest(out) else {
        return Ok(());
    };
    if let Some(entry) = manifest.targets.get_mut(target) {
        act(entry);
    }
    publish::write_manifest(out, &manifest)?;
    report::write(out, &manifest)
}
