//! The tables in `docs/sql/algorithms.md`: the result of each (algorithm, task) pair on each Python.
//!
//! There is one table for each of the suites `python` and `extras`. Their tests write a report; this module puts it into the
//! page, or says that the page is stale. A run without some of the Pythons leaves their columns unchanged, and every run that
//! of the Rust runtime: a test of `pgml-learn` compares it with what that crate trains.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;

/// The page, from the root of the workspace.
pub const PAGE: &str = "docs/sql/algorithms.md";

/// The line behind a table.
const END: &str = "<!-- end of what is made -->";

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The suite `python`: what `pgml-python` has.
    Python,
    /// The suite `extras`: what the extra packages add.
    Extras,
}

impl Of {
    /// The command that writes the table.
    fn command(self) -> &'static str {
        match self {
            Self::Python => "cargo xtask test --suite python --update",
            Self::Extras => "cargo xtask test --suite extras --extra catboost --update",
        }
    }

    /// The line before the table.
    fn begin(self) -> String {
        format!("<!-- made by `{}` -->", self.command())
    }
}

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
    #[error("`{PAGE}` is stale: {difference}")]
    #[diagnostic(help("`{command}` with the same targets writes it"))]
    Stale {
        /// What the page has, and what the tests say.
        difference: String,
        /// The command that writes the table.
        command: &'static str,
    },
    /// The page lost its marks.
    #[error("`{PAGE}` has no table between `{0}` and `{END}`")]
    #[diagnostic(help("put both lines back where the table is to be"))]
    NoTable(String),
    /// The tests wrote something that is no report.
    #[error("the report of what the tests saw of the algorithms can't be read: {0}")]
    #[diagnostic(help(
        "`python/tests/conftest.py` and `packaging/tests/extras/*-table.sql` write them, and name their format"
    ))]
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
    parse(&files::read_text(path)?)
}

/// Reads a report.
pub fn parse(text: &str) -> Result<Report, Failure> {
    let report: Report =
        serde_json::from_str(text).map_err(|error| PairsError::Report(error.to_string()))?;
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
fn updated(page: &str, of: Of, reports: &[Report]) -> Result<String, PairsError> {
    let begin = of.begin();
    let no_table = || PairsError::NoTable(begin.clone());
    let (before, rest) = page.split_once(&begin).ok_or_else(no_table)?;
    let (old, after) = rest.split_once(END).ok_or_else(no_table)?;
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
        "{before}{begin}\n\n{}\n{END}{after}",
        table.render()
    ))
}

/// Fails when the page does not say what the reports do.
fn check(root: &Path, of: Of, reports: &[Report]) -> Result<(), Failure> {
    let page = files::read_text(&root.join(PAGE))?;
    let fresh = updated(&page, of, reports)?;
    let differs = fresh
        .lines()
        .zip(page.lines())
        .find(|(new, old)| new != old);
    let difference = match (fresh == page, differs) {
        (true, _) => return Ok(()),
        (false, Some((new, old))) => format!("it has `{old}`, the tests say `{new}`"),
        (false, None) => "rows are missing, or too many".into(),
    };
    let command = of.command();
    Err(PairsError::Stale {
        difference,
        command,
    }
    .into())
}

/// Replaces the table of [`PAGE`] below `root`.
fn write(root: &Path, of: Of, reports: &[Report]) -> Result<(), Failure> {
    let path = root.join(PAGE);
    let page = files::read_text(&path)?;
    Ok(files::write(&path, updated(&page, of, reports)?)?)
}

/// Compares the table of [`PAGE`] below `root` with what the tests saw, or writes it (`update`).
pub fn compare(root: &Path, of: Of, reports: &[Report], update: bool) -> Result<(), Failure> {
    match update {
        true => write(root, of, reports),
        false => check(root, of, reports),
    }
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
        let begin = Of::Python.begin();
        format!("words\n\n{begin}\n\n{table}\n{END}\n\nmore\n")
    }

    #[test]
    fn columns_are_in_the_order_of_the_pythons_and_others_stay() {
        let made = updated(
            &page(""),
            Of::Python,
            &[report("3.11", true), report("3.9", false)],
        )
        .unwrap();
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
        assert_eq!(
            updated(&made, Of::Python, &[report("3.11", true)]).unwrap(),
            made
        );
    }

    #[test]
    fn the_column_of_the_rust_runtime_stays() {
        let made = updated(&page(""), Of::Python, &[report("3.11", true)]).unwrap();
        let marked = made.replace("| Ridge |  |", "| Ridge | yes |");
        assert_ne!(marked, made);
        let again = updated(&marked, Of::Python, &[report("3.9", true)]).unwrap();
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
        assert!(check(dir.path(), Of::Python, &[report("3.11", true)]).is_err());
        write(dir.path(), Of::Python, &[report("3.11", true)]).unwrap();
        assert!(check(dir.path(), Of::Python, &[report("3.11", true)]).is_ok());
        assert!(check(dir.path(), Of::Python, &[report("3.11", false)]).is_err());
        assert!(check(dir.path(), Of::Python, &[report("3.13", true)]).is_err());
    }

    #[test]
    fn each_suite_has_a_table_of_its_own() {
        let other = page("").replace(&Of::Python.begin(), &Of::Extras.begin());
        let both = updated(
            &format!("{}{other}", page("")),
            Of::Extras,
            &[report("3.11", true)],
        );
        let (first, second) = both
            .as_deref()
            .unwrap()
            .split_once(&Of::Extras.begin())
            .unwrap();
        assert!(!first.contains("`ridge`"), "{first}");
        assert!(second.contains("`ridge`"), "{second}");
    }

    #[test]
    fn a_page_without_its_marks_is_an_error() {
        assert!(matches!(
            updated("words", Of::Python, &[report("3.11", true)]),
            Err(PairsError::NoTable(_))
        ));
    }
}
