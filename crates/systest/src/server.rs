//! The suite `server`: the behaviour that a production server needs from the extension, tested with the installed packages.
//!
//! The tests are the Python programs of `packaging/tests/robust`, which drive many sessions at once. Each prints a line
//! for each named case; here they become cases of this suite.

use base::exit::Failure;
use base::progress::Listener;

use crate::cases::{Case, CaseResult, Cases, ensure};
use crate::install::{InstallTest, PORT};
use crate::run::TestRun;
use crate::system::System;

/// The programs of the suite, in the order in which they run, each in a database of its own. After a name there may be a
/// variable of its environment.
pub const PROGRAMS: [&str; 12] = [
    "cancel.py",
    "imports.py",
    "isolation.py",
    "world.py",
    "security.py",
    "composites.py",
    "faults.py",
    "recovery.py PGML_SMALL_DISK=/srv/small",
    "sharing.py PGML_SMALL_DISK=/srv/small",
    "soak.py",
    "calls.py",
    "xgboost_in_rust.py",
];

/// A disk that a test can fill. A clean system has no mount(8).
const SMALL_DISK: &str = "mkdir -p /srv/small
python3 -c 'import ctypes; libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b\"none\", b\"/srv/small\", b\"tmpfs\", 0, b\"size=64m\"):
    raise OSError(ctypes.get_errno(), \"mount\")'
chown postgres /srv/small";

impl TestRun<'_> {
    /// Runs programs on a server of each target that can be installed here.
    pub fn server(&self, suite: &str, programs: &[&str]) -> Result<Vec<Case>, Failure> {
        let mut done = Vec::new();
        for target in self.chosen {
            match self.not_installable(target) {
                None => {
                    done.extend(self.in_clean_system(target, suite, |test, to| {
                        test.server(suite, programs, to)
                    })?)
                }
                Some(why) => {
                    let mut cases = Cases::new(format!("{target} {suite}:"), self.listener);
                    cases.not_run("a server with the installed packages", why);
                    done.extend(cases.done);
                }
            }
        }
        Ok(done)
    }
}

impl InstallTest<'_> {
    /// Runs every program on a server with the installed packages.
    fn server(
        &self,
        suite: &str,
        programs: &[&str],
        listener: &dyn Listener,
    ) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} {suite}:", self.target), listener);
        let system = self.start()?;
        let ready = cases.run("a server with the installed packages", || {
            self.install(&system)?;
            self.create_cluster(&system)?;
            self.install_tools(&system)?;
            system.script("root", SMALL_DISK)?;
            Ok(())
        });
        if ready.is_some() {
            for program in programs {
                self.robust(&system, program, &mut cases)?;
            }
        }
        Ok(cases.done)
    }

    /// Runs one program and adds the cases that it prints.
    pub(super) fn robust(
        &self,
        system: &System,
        program: &str,
        cases: &mut Cases<'_>,
    ) -> Result<(), Failure> {
        self.new_database(system, "robust")?;
        // Its exit code says no more than its lines do.
        let (file, variable) = program.split_once(' ').unwrap_or((program, ""));
        let script = format!(
            "cd /tmp; {variable} PGPORT={PORT} PGDATABASE=robust python3 -B /srv/tests/robust/{file} 2>&1 || true"
        );
        let output = cases.under_way(file, || system.script("postgres", &script))?;
        let mut lines = output.lines().peekable();
        let mut other = Vec::new();
        let mut ended = false;
        while let Some(line) = lines.next() {
            ended = line == "done" && lines.peek().is_none();
            match parse(line) {
                Some((result, seconds, name)) => cases.add(&name, result, seconds),
                None => other.push(line),
            }
        }
        if !ended {
            cases.run(&format!("{program} runs to its end"), || {
                ensure(false, || other.join("\n"))
            });
        }
        Ok(())
    }
}

/// `ok 1.5 what is promised | figure`: the result, the seconds and the name with the figure.
pub(super) fn parse(line: &str) -> Option<(CaseResult, f64, String)> {
    let (result, rest) = line.split_once(' ')?;
    let (seconds, rest) = rest.split_once(' ')?;
    let (name, words) = rest.split_once(" |")?;
    let words = words.trim();
    let named = match words {
        "" => name.to_owned(),
        _ => format!("{name} ({words})"),
    };
    let (result, name) = match result {
        "ok" => (CaseResult::Passed, named),
        "not-run" => (CaseResult::NotRun(words.into()), name.to_owned()),
        "failed" => (CaseResult::Failed(words.into()), name.to_owned()),
        _ => return None,
    };
    Some((result, seconds.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a failure that is taken for something else.
    #[test]
    fn lines_become_cases() {
        let (result, seconds, name) = parse("ok 1.5 a fit ends | after 0.2 s").expect("a case");
        assert_eq!((result, seconds), (CaseResult::Passed, 1.5));
        assert_eq!(name, "a fit ends (after 0.2 s)");
        let (result, _, name) = parse("failed 2.0 a fit ends | Failed: 57014").expect("a case");
        assert_eq!(result, CaseResult::Failed("Failed: 57014".into()));
        assert_eq!(name, "a fit ends");
        let (result, ..) = parse("not-run 0.0 a fit ends | no PL/Python").expect("a case");
        assert_eq!(result, CaseResult::NotRun("no PL/Python".into()));
        assert_eq!(
            parse("ok 0.1 a fit ends | ").expect("a case").2,
            "a fit ends"
        );
        assert!(parse("Traceback (most recent call last):").is_none() && parse("done").is_none());
    }
}
