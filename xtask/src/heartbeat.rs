//! A line in a log at least every quarter of a minute: a reader of a log can tell work from a hang.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long a log may be silent.
const SILENCE: Duration = Duration::from_secs(14);
/// How often the silence is measured.
const STEP: Duration = Duration::from_secs(1);

/// What is under way, and when the last line was written.
struct State {
    last: Instant,
    running: BTreeMap<String, Instant>,
}

/// Prints what is under way when nothing else was printed for some time; it ends when it is dropped.
pub struct Heartbeat(Arc<Mutex<State>>);

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Heartbeat {
    /// Starts with nothing under way. `print` gets each line.
    pub fn start(print: impl Fn(&str) + Send + 'static) -> Self {
        let state = Arc::new(Mutex::new(State {
            last: Instant::now(),
            running: BTreeMap::new(),
        }));
        let weak = Arc::downgrade(&state);
        // A thread of its own: the others work, or wait for programs. It ends within a step of its owner's end.
        thread::spawn(move || {
            while let Some(state) = weak.upgrade() {
                if let Some(line) = due(&mut locked(&state), Instant::now()) {
                    print(&line);
                }
                drop(state);
                thread::sleep(STEP);
            }
        });
        Self(state)
    }

    /// A line was printed.
    pub fn printed(&self) {
        locked(&self.0).last = Instant::now();
    }

    /// Something is under way from now on.
    pub fn began(&self, what: &str) {
        let mut state = locked(&self.0);
        state.running.insert(what.to_owned(), Instant::now());
    }

    /// It ended.
    pub fn ended(&self, what: &str) {
        locked(&self.0).running.remove(what);
    }
}

/// The line that is due, where the log was silent for too long.
fn due(state: &mut State, now: Instant) -> Option<String> {
    if now.duration_since(state.last) < SILENCE {
        return None;
    }
    state.last = now;
    let running: Vec<String> = state
        .running
        .iter()
        .filter(|(what, _)| !state.running.keys().any(|part| is_part(part, what)))
        .map(|(what, began)| {
            let seconds = now.duration_since(*began).as_secs();
            format!("{what} ({seconds} s)")
        })
        .collect();
    Some(match running.is_empty() {
        true => "still at work".to_owned(),
        false => format!("still at work: {}", running.join(", ")),
    })
}

/// Whether something is a part of a whole, by their names: `debian12-pg15 server: cancel.py` of `debian12-pg15 server`.
fn is_part(part: &str, whole: &str) -> bool {
    let rest = part.strip_prefix(whole);
    rest.is_some_and(|rest| rest.starts_with(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a silent minute, and a line that comes although others did.
    #[test]
    fn a_line_is_due_only_after_a_silence() {
        let began = Instant::now();
        let mut state = State {
            last: began,
            running: BTreeMap::from([("compile:pg15".to_owned(), began)]),
        };
        assert_eq!(due(&mut state, began + Duration::from_secs(10)), None);
        let line = due(&mut state, began + Duration::from_secs(20));
        assert_eq!(line.as_deref(), Some("still at work: compile:pg15 (20 s)"));
        assert_eq!(due(&mut state, began + Duration::from_secs(21)), None);
        state.running.clear();
        let line = due(&mut state, began + Duration::from_secs(40));
        assert_eq!(line.as_deref(), Some("still at work"));
    }

    /// Catches a suite that is named beside its test, and a suite that is not named between two tests.
    #[test]
    fn a_suite_is_named_while_none_of_its_tests_is() {
        let began = Instant::now();
        let now = began + Duration::from_secs(20);
        let names = ["debian12-pg15 server", "debian12-pg15 server: cancel.py"];
        let mut state = State {
            last: began,
            running: names.map(|name| (name.to_owned(), began)).into(),
        };
        let line = due(&mut state, now).unwrap();
        assert_eq!(
            line,
            "still at work: debian12-pg15 server: cancel.py (20 s)"
        );
        state.running.remove(names[1]);
        let line = due(&mut state, now + SILENCE).unwrap();
        assert_eq!(line, "still at work: debian12-pg15 server (34 s)");
    }
}
