//! The results of a run for each target, as a table for people.

use std::collections::BTreeMap;

use super::{State, TargetState};

/// The columns, after the target's name.
const COLUMNS: [&str; 7] = [
    "built",
    "verified",
    "runtime",
    "installed",
    "run",
    "loaded",
    "image",
];

/// A line for each target, and below the lines the reasons why something was not done. A reason that many targets share is
/// printed once.
pub fn table(targets: &BTreeMap<String, TargetState>) -> String {
    let mut notes: Vec<String> = Vec::new();
    let names = targets.keys().map(String::len);
    let width = names.max().unwrap_or(0).max(17);
    let mut lines = vec![line("", width, COLUMNS.map(str::to_owned))];
    for (name, target) in targets {
        let cells = [
            &target.built,
            &target.verified,
            &target.runtime,
            &target.installed,
            &target.run,
            &target.loaded,
            &target.image,
        ];
        let mut cells = cells.map(|state| cell(state, &mut notes));
        for (note, at) in [
            (&target.runtime_note, 2),
            (&target.loaded_note, 5),
            (&target.image_note, 6),
            (&target.development.first().cloned(), 0),
        ] {
            if let Some(note) = note {
                cells[at].push_str(&format!(" {}", note_mark(note, &mut notes)));
            }
        }
        lines.push(line(name, width, cells));
    }
    lines.join("\n") + "\n" + &legend(&notes)
}

/// The notes, by their numbers.
pub fn legend(notes: &[String]) -> String {
    let notes = notes.iter().enumerate();
    notes
        .map(|(i, note)| format!("[{}] {note}\n", i + 1))
        .collect()
}

fn line(name: &str, width: usize, cells: [String; 7]) -> String {
    let cells: String = cells.iter().map(|cell| format!(" {cell:<11}")).collect();
    format!("{name:<width$}{cells}").trim_end().to_owned()
}

fn cell(state: &State, notes: &mut Vec<String>) -> String {
    match state {
        State::Yes => "yes".into(),
        State::StandIn(whose) => format!("stand-in {}", note_mark(&stand_in(whose), notes)),
        State::Failed(why) => format!("FAILED {}", note_mark(why, notes)),
        State::No(why) => format!("no {}", note_mark(why, notes)),
    }
}

/// The note for a state that was reached with an archive that tests made.
pub fn stand_in(whose: &str) -> String {
    format!("from a stand-in archive, never from the distribution's own: {whose}")
}

/// The number of a note, as `[2]`. A new note is added to `notes`.
pub fn note_mark(note: &str, notes: &mut Vec<String>) -> String {
    let at = notes.iter().position(|known| known == note);
    let at = at.unwrap_or_else(|| {
        notes.push(note.to_owned());
        notes.len() - 1
    });
    format!("[{}]", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once() {
        let state = TargetState {
            built: State::Yes,
            verified: State::Yes,
            runtime: State::Yes,
            runtime_note: Some("without byte code".into()),
            installed: State::No("archive not enabled".into()),
            run: State::No("archive not enabled".into()),
            loaded: State::Failed("it crashed".into()),
            loaded_note: None,
            image: State::Yes,
            image_note: None,
            stand_in: None,
            toolchain: None,
            development: Vec::new(),
            server: None,
            unfixed: Vec::new(),
            ends: Vec::new(),
        };
        let targets = ["a-pg1", "b-pg1"].map(|name| (name.to_owned(), state.clone()));
        let expected = [
            "                  built       verified    runtime     installed   run         loaded      image",
            "a-pg1             yes         yes         yes [3]     no [1]      no [1]      FAILED [2]  yes",
            "b-pg1             yes         yes         yes [3]     no [1]      no [1]      FAILED [2]  yes",
            "[1] archive not enabled",
            "[2] it crashed",
            "[3] without byte code",
            "",
        ];
        assert_eq!(table(&targets.into()), expected.join("\n"));
    }
}
