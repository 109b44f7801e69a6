//! Work that is reported from its start to its end, also where it fails.

use base::progress::Listener;

/// Work that has started. A function that returns before [`Step::done`], as `?` does, reports the step as failed. Without that,
/// the messages would name it as still at work until the run ends.
pub(crate) struct Step<'a> {
    listener: &'a dyn Listener,
    name: String,
    done: bool,
}

impl<'a> Step<'a> {
    /// Reports that it starts, and what it will do.
    pub(crate) fn start(listener: &'a dyn Listener, name: String, what: &str) -> Self {
        listener.started(&name, what);
        Self {
            listener,
            name,
            done: false,
        }
    }

    /// Reports what it does now.
    pub(crate) fn progress(&self, line: &str) {
        self.listener.progress(&self.name, line);
    }

    /// Reports its end, and what came of it.
    pub(crate) fn done(mut self, how: &str) {
        self.listener.finished(&self.name, how);
        self.done = true;
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.listener.finished(&self.name, "failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what began and ended.
    #[derive(Default)]
    struct Ends(Mutex<Vec<String>>);

    impl Ends {
        fn keep(&self, line: String) {
            if let Ok(mut lines) = self.0.lock() {
                lines.push(line);
            }
        }
    }

    impl Listener for Ends {
        fn started(&self, job: &str, what: &str) {
            self.keep(format!("{job}: {what}"));
        }
        fn progress(&self, _job: &str, _line: &str) {}
        fn finished(&self, job: &str, how: &str) {
            self.keep(format!("{job}: {how}"));
        }
        fn note(&self, _line: &str) {}
    }

    fn leave_early(listener: &dyn Listener, error: Option<()>) -> Result<(), ()> {
        let step = Step::start(listener, "lock".to_owned(), "resolving");
        error.map_or(Ok(()), Err)?;
        step.done("3 packages");
        Ok(())
    }

    #[test]
    fn a_step_that_fails_is_over() {
        let ends = Ends::default();
        assert!(leave_early(&ends, None).is_ok() && leave_early(&ends, Some(())).is_err());
        let lines = ends.0.into_inner().unwrap_or_default();
        let of = |how| ["lock: resolving", how];
        assert_eq!(lines, [of("lock: 3 packages"), of("lock: failed")].concat());
    }
}
