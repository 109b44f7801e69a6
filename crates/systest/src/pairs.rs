//! The table in `docs/sql/algorithms.md`: the result of each (algorithm, task) pair on each Python.
//!
//! The Python tests write a report; this module puts it into the page, or says that the page is stale. A run without some of
//! the Pythons leaves their columns unchanged, and every run that of the Rust runtime: a test of `pgml-learn` compares it with
//! what that crate trains.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;

/// The page, from the root of the workspace.
pub const PAGE: &str = "docs/sql/algorithms.md";

/// The lines around the table.
const BEGIN: &str = "<!-- made by `cargo xtask test --suite python --update` -->";
const END: &str = "<!-- end of what is made -->";

/// The columns before those of the Pythons.
const FIXED: [&str; 3] = ["algorithm", "task", "class"];

/// The column behind them: what `runtime => 'rust'` trains.
const RUST: &str = "Rust";

/// The row that holds the libraries' versions.
const VERSIONS: &str = "versions";

/// The format of reports that this program reads.
const FORMAT: u32 = 1;

/// What can be wrong with the page or a report.
#[derive(Debug, Error, Diagnostic)]
pub enum PairsError {
    /// The page says something else than the tests.
    #[error("`{PAGE}` is stale: {0}")]
    #[diagnostic(help(
        "`cargo xtask test --suite python --update` with the same targets writes it"
    ))]
    Stale(String),
    /// The page lost its marks.
    #[error("`{PAGE}` has no table between `{BEGIN}` and `{END}`")]
    #[diagnostic(help("put both lines back where the table is to be"))]
    NoTable,
    /// The tests wrote something that is no report.
    #[error("the report of the Python tests can't be read: {0}")]
    #[diagnostic(help("`python/tests/conftest.py` writes it, and names its format"))]
    Report(String),
}

impl ExitKind for PairsError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// What the tests saw on one Python.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    format: u32,
    /// The version of Python without the patch release: `3.11`.
    python: String,
    /// `scikit-learn 1.9.1, xgboost 3.2.0, lightgbm 4.7.0`
    versions: String,
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Deserialize)]
struct Pair {
    algorithm: String,
    task: String,
    class: String,
    /// Trained, reloaded in another process, and predicted what the class itself predicts.
    passed: bool,
}

/// Reads the report that the Python side of the test wrote.
pub fn read(path: &Path) -> Result<Report, Failure> {
    let text = files::read_text(path)?;
    let report: Report =
        serde_json::from_str(&text).map_err(|error| PairsError::Report(error.to_string()))?;
    match report.format {
        FORMAT => Ok(report),
        other => Err(PairsError::Report(format!("its format is {other}, not {FORMAT}")).into()),
    }
}

/// The table, by Python and by row.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    rows: Vec<[String; 3]>,
    /// The column of the Rust runtime, by the algorithm and the task.
    rust: BTreeMap<[String; 2], String>,
    columns: BTreeMap<Python, Vec<String>>,
}

/// `3.9` comes before `3.11`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Python(Vec<u32>);

impl Python {
    fn parse(text: &str) -> Option<Self> {
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        parts.ok().map(Self)
    }
}

impl std::fmt::Display for Python {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl Table {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| line.starts_with('|')).map(cells);
        let header = lines.next().unwrap_or_default();
        let mut table = Self::default();
        let pythons: Vec<Option<Python>> = header
            .iter()
            .skip(FIXED.len())
            .map(|name| Python::parse(name))
            .collect();
        for row in lines.skip(1) {
            let cell = |at: usize| row.get(at).cloned().unwrap_or_default();
            table.rows.push([cell(0), cell(1), cell(2)]);
            if let Some(at) = header.iter().position(|name| name == RUST) {
                table.rust.insert([cell(0), cell(1)], cell(at));
            }
            for (at, python) in pythons.iter().enumerate() {
                if let Some(python) = python {
                    let column = table.columns.entry(python.clone()).or_default();
                    column.push(cell(FIXED.len() + at));
                }
            }
        }
        table
    }

    /// The table of one report alone.
    fn of(report: &Report) -> Result<Self, PairsError> {
        let python = Python::parse(&report.python)
            .ok_or_else(|| PairsError::Report(format!("no Python is `{}`", report.python)))?;
        let mut rows = vec![[String::new(), String::new(), VERSIONS.to_owned()]];
        let mut column = vec![report.versions.clone()];
        for pair in &report.pairs {
            rows.push([
                format!("`{}`", pair.algorithm),
                pair.task.clone(),
                pair.class.clone(),
            ]);
            column.push(if pair.passed { "yes" } else { "**no**" }.to_owned());
        }
        Ok(Self {
            rows,
            rust: BTreeMap::new(),
            columns: BTreeMap::from([(python, column)]),
        })
    }

    fn render(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut header: Vec<String> = FIXED.map(str::to_owned).to_vec();
        header.push(RUST.to_owned());
        header.extend(self.columns.keys().map(ToString::to_string));
        let mut text = line(header.clone());
        text.push_str(&format!("|{}\n", "---|".repeat(header.len())));
        for (at, row) in self.rows.iter().enumerate() {
            let mut cells = row.to_vec();
            let rust = self.rust.get(&[row[0].clone(), row[1].clone()]);
            cells.push(rust.cloned().unwrap_or_default());
            cells.extend(
                self.columns
                    .values()
                    .map(|column| column.get(at).cloned().unwrap_or_default()),
            );
            text.push_str(&line(cells));
        }
        text
    }
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// The page with what the reports say in their columns. Columns of other Pythons stay, as long as they have the same rows.
fn updated(page: &str, reports: &[Report]) -> Result<String, PairsError> {
    let (before, rest) = page.split_once(BEGIN).ok_or(PairsError::NoTable)?;
    let (old, after) = rest.split_once(END).ok_or(PairsError::NoTable)?;
    let mut table = Table::parse(old);
    for report in reports {
        let fresh = Table::of(report)?;
        if fresh.rows != table.rows {
            table.columns.clear();
            table.rows.clone_from(&fresh.rows);
        }
        table.columns.extend(fresh.columns);
    }
    Ok(format!(
        "{before}{BEGIN}\n\n{}\n{END}{after}",
        table.render()
    ))
}

/// Fails when the page does not say what the reports do.
pub fn check(root: &Path, reports: &[Report]) -> Result<(), Failure> {
    let page = files::read_text(&root.join(PAGE))?;
    let fresh = updated(&page, reports)?;
    let differs = fresh
        .lines()
        .zip(page.lines())
        .find(|(new, old)| new != old);
    match (fresh == page, differs) {
        (true, _) => Ok(()),
        (false, Some((new, old))) => {
            Err(PairsError::Stale(format!("it has `{old}`, the tests say `{new}`")).into())
        }
        (false, None) => Err(PairsError::Stale("rows are missing, or too many".into()).into()),
    }
}

/// Replaces the generated part of the page [`PAGE`] below `root`.
pub fn write(root: &Path, reports: &[Report]) -> Result<(), Failure> {
    let path = root.join(PAGE);
    let page = files::read_text(&path)?;
    Ok(files::write(&path, updated(&page, reports)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(python: &str, passed: bool) -> Report {
        Report {
            format: FORMAT,
            python: python.into(),
            versions: format!("for {python}"),
            pairs: vec![Pair {
                algorithm: "ridge".into(),
                task: "regression".into(),
                class: "Ridge".into(),
                passed,
            }],
        }
    }

    fn page(table: &str) -> String {
        format!("words\n\n{BEGIN}\n\n{table}\n{END}\n\nmore\n")
    }

    #[test]
    fn columns_are_in_the_order_of_the_pythons_and_others_stay() {
        let made = updated(&page(""), &[report("3.11", true), report("3.9", false)]).unwrap();
        insta::assert_snapshot!(made, @r"
        words

        <!-- made by `cargo xtask test --suite python --update` -->

        | algorithm | task | class | Rust | 3.9 | 3.11 |
        |---|---|---|---|---|---|
        |  |  | versions |  | for 3.9 | for 3.11 |
        | `ridge` | regression | Ridge |  | **no** | yes |

        <!-- end of what is made -->

        more
        ");
        assert_eq!(updated(&made, &[report("3.11", true)]).unwrap(), made);
    }

    #[test]
    fn the_column_of_the_rust_runtime_stays() {
        let made = updated(&page(""), &[report("3.11", true)]).unwrap();
        let marked = made.replace("| Ridge |  |", "| Ridge | yes |");
        assert_ne!(marked, made);
        let again = updated(&marked, &[report("3.9", true)]).unwrap();
        assert!(
            again.contains("| `ridge` | regression | Ridge | yes | yes | yes |"),
            "{again}"
        );
    }

    #[test]
    fn a_page_that_says_otherwise_is_stale_and_a_written_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(PAGE);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page("")).unwrap();
        assert!(check(dir.path(), &[report("3.11", true)]).is_err());
        write(dir.path(), &[report("3.11", true)]).unwrap();
        assert!(check(dir.path(), &[report("3.11", true)]).is_ok());
        assert!(check(dir.path(), &[report("3.11", false)]).is_err());
        assert!(check(dir.path(), &[report("3.13", true)]).is_err());
    }

    #[test]
    fn a_page_without_its_marks_is_an_error() {
        assert!(matches!(
            updated("words", &[report("3.11", true)]),
            Err(PairsError::NoTable)
        ));
    }
}
