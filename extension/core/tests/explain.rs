//! Contributions against shap's, LightGBM's and XGBoost's own, on the six data sets, and the table of the documentation.
//!
//! `explain/reference.py` wrote `explain/reference.json` with the wheels of `explain/requirements.lock`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use pgml_core::model::explain::Explainer;
use pgml_core::model::{Model, Work};
use serde::Deserialize;

/// The smallest difference that the table tells.
const SMALLEST: f64 = 1e-12;

/// What may differ, relative to the largest number of a row.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    data: String,
    algorithm: String,
    /// Hexadecimal.
    model: String,
    rows: Vec<Vec<Option<f64>>>,
    /// Of each score and row, of each feature, and the base behind them.
    contributions: Vec<Vec<Vec<f64>>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

fn reference() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("reference.json")).expect("reference.json");
    serde_json::from_str::<Reference>(&text).expect("JSON").cases
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).expect("a digit")).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The largest difference of a case, relative to the largest number of its row.
fn difference(case: &Case) -> f64 {
    let model = Model::read(&bytes(&case.model)).expect("a model");
    let explainer = Explainer::new(&model, &|| {}).expect("an explainer");
    let classes = model.class_values().map(<[f64]>::len);
    let mut most: f64 = 0.0;
    for (score, rows) in case.contributions.iter().enumerate() {
        // One score that tells two classes apart is that of the second.
        let class = classes.map(|classes| if case.contributions.len() == 1 && classes == 2 { 1 } else { score });
        for (row, wanted) in case.rows.iter().zip(rows) {
            let row: Vec<f64> = row.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let found = explainer.explain(&model, &row, class, &|| {}).expect("a row");
            let found: Vec<f64> = found.of_features.iter().copied().chain([found.base]).collect();
            assert_eq!(found.len(), wanted.len());
            let scale = wanted.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
            for (found, wanted) in found.iter().zip(wanted) {
                most = most.max((found - wanted).abs() / scale);
            }
        }
    }
    most
}

#[test]
fn contributions_are_those_of_shap_and_of_the_libraries() {
    let cases = reference();
    assert_eq!(cases.iter().map(|case| &case.data).collect::<std::collections::BTreeSet<_>>().len(), 6);
    assert!(cases.len() > 40);
    for case in &cases {
        let difference = difference(case);
        assert!(difference < TOLERANCE, "{} of {}: {difference}", case.algorithm, case.data);
    }
}

/// Catches contributions that are right by themselves and leave something of the prediction out.
#[test]
fn contributions_and_the_base_add_up_to_the_prediction() {
    for case in reference() {
        let model = Model::read(&bytes(&case.model)).expect("a model");
        if model.class_values().is_some() {
            continue;
        }
        let explainer = Explainer::new(&model, &|| {}).expect("an explainer");
        for row in &case.rows {
            let row: Vec<f64> = row.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let found = explainer.explain(&model, &row, None, &|| {}).expect("a row");
            let mut said = Vec::new();
            model.predict(&row, &mut Work::default(), &mut said).expect("a row");
            let sum = found.base + found.of_features.iter().sum::<f64>();
            assert!((sum - said[0]).abs() < TOLERANCE * said[0].abs().max(1.0), "{}: {sum} and {}", case.data, said[0]);
        }
    }
}

/// The table of docs/sql/evaluation.md: the largest difference of each algorithm on each data set, rounded up to a power of ten.
fn table() -> String {
    let mut found: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for case in reference() {
        found.entry(case.algorithm.clone()).or_default().insert(case.data.clone(), difference(&case));
    }
    let data = ["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"];
    let mut table = format!("| algorithm | {} |\n|---|{}\n", data.join(" | "), "---|".repeat(data.len()));
    for (algorithm, differences) in found {
        let with = match algorithm.as_str() {
            "lightgbm" | "lightgbm, categories" => "LightGBM",
            "xgboost" | "xgboost, categories" | "xgboost_random_forest" => "XGBoost",
            _ => "shap",
        };
        let cells = data.iter().map(|data| match differences.get(*data) {
            None => "–".to_string(),
            // Smaller ones depend on the machine's own functions.
            Some(difference) => format!("1e{}", difference.max(SMALLEST).log10().ceil()),
        });
        let _ = writeln!(table, "| `{algorithm}` ({with}) | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

const BEGIN: &str = "<!-- made by `cargo test --package pgml-core --test explain -- --ignored` -->\n";
const END: &str = "<!-- end -->\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql/evaluation.md")
}

#[test]
fn the_documentation_has_the_table() {
    let text = std::fs::read_to_string(page()).expect("the page");
    let (_, rest) = text.split_once(BEGIN).expect("the mark");
    let (found, _) = rest.split_once(END).expect("the end");
    assert_eq!(found, table(), "write it again: cargo test --package pgml-core --test explain -- --ignored");
}

#[test]
#[ignore = "writes docs/sql/evaluation.md"]
fn write_the_table() {
    let text = std::fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the mark");
    let (_, after) = rest.split_once(END).expect("the end");
    std::fs::write(page(), [before, BEGIN, &table(), END, after].concat()).expect("the page is written");
}
