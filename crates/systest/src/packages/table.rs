//! The results of the suite `packages` for each target, as a table in Markdown: docs/packages.md shows one.

use std::collections::BTreeMap;

use crate::cases::{Case, CaseResult};

/// How the suite's cases are named: the target, this, the test.
const MARK: &str = " packages: ";

/// Cases of which there is one for each file of a repository, and the line that they become.
const EACH_FILE: (&str, &str) = (
    "a flipped byte in ",
    "a flipped byte in each file of the repository is refused",
);

/// The result of one test on one target, which may have several cases.
#[derive(Default)]
struct Cell {
    passed: usize,
    failed: usize,
    not_run: usize,
}

impl Cell {
    fn words(&self) -> String {
        match (self.failed, self.not_run, self.passed) {
            (0, 0, 1) => "ok".into(),
            (0, 0, passed) => format!("ok ({passed})"),
            (0, not_run, 0) if not_run > 0 => "not run".into(),
            (failed, not_run, passed) => {
                format!("**failed** ({failed} failed, {not_run} not run, {passed} passed)")
            }
        }
    }
}

/// A line for each test in the order in which they ran, a column for each target.
pub fn life_cycle_table(cases: &[Case]) -> String {
    let mut targets: Vec<&str> = Vec::new();
    let mut tests: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for case in cases {
        let Some((target, test)) = case.name.split_once(MARK) else {
            continue;
        };
        let test = match test.starts_with(EACH_FILE.0) {
            true => EACH_FILE.1,
            false => test,
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
        if !tests.contains(&test) {
            tests.push(test);
        }
        let cell = cells.entry((test, target)).or_default();
        match case.result {
            CaseResult::Passed => cell.passed += 1,
            CaseResult::Failed(_) => cell.failed += 1,
            CaseResult::NotRun(_) => cell.not_run += 1,
        }
    }
    let mut table = format!("| test | {} |\n|---|", targets.join(" | "));
    table.push_str(&"---|".repeat(targets.len()));
    table.push('\n');
    for test in tests {
        let row: Vec<String> = targets
            .iter()
            .map(|target| cells.get(&(test, *target)).map(Cell::words))
            .map(|cell| cell.unwrap_or_else(|| "–".into()))
            .collect();
        table.push_str(&format!("| {test} | {} |\n", row.join(" | ")));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, result: CaseResult) -> Case {
        Case {
            name: name.into(),
            result,
            seconds: 1.0,
        }
    }

    /// What would be caught: a failure among many files that is shown as a success, and a test that a target did not have.
    #[test]
    fn each_target_is_a_column_and_files_are_one_line() {
        let table = life_cycle_table(&[
            case("a-pg1 packages: purge", CaseResult::Passed),
            case(
                "a-pg1 packages: a flipped byte in x is refused",
                CaseResult::Passed,
            ),
            case(
                "a-pg1 packages: a flipped byte in y is refused",
                CaseResult::Passed,
            ),
            case(
                "b-pg2 packages: a flipped byte in x is refused",
                CaseResult::Passed,
            ),
            case(
                "b-pg2 packages: a flipped byte in y is refused",
                CaseResult::Failed("no".into()),
            ),
            case(
                "b-pg2 packages: dist-upgrade",
                CaseResult::NotRun("no".into()),
            ),
        ]);
        assert_eq!(
            table,
            "| test | a-pg1 | b-pg2 |\n|---|---|---|\n| purge | ok | – |\n\
             | a flipped byte in each file of the repository is refused | ok (2) | **failed** (1 failed, 0 not run, 1 passed) |\n\
             | dist-upgrade | – | not run |\n"
        );
    }
}
