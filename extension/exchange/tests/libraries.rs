//! Models of LightGBM and XGBoost that are imported, against what the libraries say of them, on the six data sets: predictions,
//! contributions, and both for the file that is exported again. `libraries.json` has what they said, `libraries.py` is how they
//! were asked. The table of the documentation has a line for ONNX, too, from `reference.json`.

mod common;
#[path = "common/onnx.rs"]
mod onnx;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use common::{bytes, hex, reference, write_reference};
use pgml_core::model::explain::Explainer;
use pgml_core::model::{Model, Work};
use pgml_core::preprocess::Preprocess;
use pgml_core::project::Task;
use pgml_exchange::{Format, Leaving};
use serde_json::Value;

const FILE: &str = "libraries.json";

/// What may differ, relative to the largest number of a row.
const TOLERANCE: f64 = 1e-6;

/// The smallest difference that the table tells; smaller ones depend on the machine's own functions.
const SMALLEST: f64 = 1e-12;

fn cases() -> Vec<Value> {
    reference(FILE)["cases"].as_array().expect("cases").clone()
}

fn name(case: &Value) -> String {
    let categories = if case["categories"].as_bool() == Some(true) { ", categories" } else { "" };
    format!("{}{categories}", case["library"].as_str().expect("a library"))
}

fn format(case: &Value) -> Format {
    Format::parse(case["library"].as_str().expect("a library")).expect("a format")
}

fn imported(case: &Value, file: &[u8]) -> (Model, Preprocess) {
    let task = Task::parse(case["task"].as_str().expect("a task")).expect("a task");
    let read = format(case).read(file).and_then(|read| read.finish(task, None, None));
    read.unwrap_or_else(|error| panic!("{} of {}: {error}", name(case), case["data"]))
}

fn exported(case: &Value) -> Vec<u8> {
    let (model, preprocess) = imported(case, &bytes(&case["files"][0]));
    let names = preprocess.columns().map(String::from).collect();
    let leaving = Leaving { model: &model, preprocess: &preprocess, names, algorithm: "a test" };
    format(case).write(&leaving).unwrap_or_else(|error| panic!("{} of {}: {error}", name(case), case["data"]))
}

fn numbers(values: &Value) -> Vec<f64> {
    match values {
        Value::Array(values) => values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect(),
        one => vec![one.as_f64().expect("a number")],
    }
}

/// The largest difference of numbers, relative to the largest of those that are wanted.
fn far(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let scale = wanted.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs() / scale).fold(0.0, f64::max)
}

/// How far predictions or probabilities are from those of a library; of two classes it has the second's.
fn of_predictions(case: &Value, model: &Model, predictions: &str) -> f64 {
    let mut work = Work::default();
    let rows = case["rows"].as_array().expect("rows");
    let each = rows.iter().zip(case[predictions].as_array().expect("predictions")).map(|(row, wanted)| {
        let (row, wanted, mut found) = (numbers(row), numbers(wanted), Vec::new());
        match model.classes() {
            None => model.predict(&row, &mut work, &mut found).expect("a row"),
            Some(_) => model.probabilities(&row, &mut work, &mut found).expect("a row"),
        }
        if wanted.len() == 1 && found.len() == 2 {
            found.remove(0);
        }
        far(&found, &wanted)
    });
    each.fold(0.0, f64::max)
}

/// How far contributions are from those of a library.
fn of_contributions(case: &Value, model: &Model, contributions: &str) -> f64 {
    let explainer = Explainer::new(model, &|| {}).expect("an explainer");
    let scores = case[contributions].as_array().expect("scores");
    let mut most: f64 = 0.0;
    for (score, rows) in scores.iter().enumerate() {
        // One score that tells two classes apart is that of the second.
        let class = model.classes().map(|classes| if scores.len() == 1 && classes == 2 { 1 } else { score });
        for (row, wanted) in case["rows"].as_array().expect("rows").iter().zip(rows.as_array().expect("rows")) {
            let found = explainer.explain(model, &numbers(row), class, &|| {}).expect("a row");
            let found: Vec<f64> = found.of_features.iter().copied().chain([found.base]).collect();
            most = most.max(far(&found, &numbers(wanted)));
        }
    }
    most
}

/// By the line of the table and the data set, the largest difference.
type Differences = BTreeMap<[String; 2], BTreeMap<String, f64>>;

fn differences() -> Differences {
    let mut found = Differences::new();
    let mut note = |what: [String; 2], data: &Value, difference: f64| {
        let data = data.as_str().expect("a data set").to_string();
        let most = found.entry(what).or_default().entry(data).or_insert(0.0);
        *most = most.max(difference);
    };
    for case in cases() {
        for file in case["files"].as_array().expect("files") {
            let (model, _) = imported(&case, &bytes(file));
            let line = |what: &str| [name(&case), what.to_string()];
            note(line("imported: predictions"), &case["data"], of_predictions(&case, &model, "predictions"));
            note(line("imported: `explain`"), &case["data"], of_contributions(&case, &model, "contributions"));
            note(line("exported: predictions"), &case["data"], of_predictions(&case, &model, "back_predictions"));
            note(line("exported: contributions"), &case["data"], of_contributions(&case, &model, "back_contributions"));
        }
    }
    for one in reference(onnx::FILE)["models"].as_array().expect("models").iter().filter(|one| one["data"].is_string())
    {
        let line = |what: &str| [format!("ONNX, {}", one["kind"].as_str().expect("a kind")), what.to_string()];
        note(line("imported: predictions"), &one["data"], onnx::difference(one, "predictions", "shares"));
        note(line("exported: predictions"), &one["data"], onnx::difference(one, "back_predictions", "back_shares"));
    }
    found
}

#[test]
fn imported_and_exported_models_are_those_of_the_libraries() {
    let found = differences();
    assert_eq!(found.len(), 22, "{:?}", found.keys());
    for (line, of_data) in found {
        // The new operator of ONNX gives values, no classes.
        let sets = if line[0].contains("TreeEnsemble") { 2 } else { 6 };
        assert_eq!(of_data.len(), sets, "{line:?}: {:?}", of_data.keys());
        for (data, difference) in of_data {
            assert!(difference < TOLERANCE, "{line:?} of {data}: {difference}");
        }
    }
}

/// Catches a change of what is written that no library was asked about.
#[test]
fn what_is_exported_is_what_the_libraries_were_asked_about() {
    for case in cases() {
        let same = exported(&case) == bytes(&case["back"]);
        assert!(same, "{} of {} is exported otherwise than when it was compared", name(&case), case["data"]);
    }
}

/// The table of docs/sql/exchange.md, each difference rounded up to a power of ten.
fn table() -> String {
    let data = ["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"];
    let mut table = format!("| model of | what | {} |\n|---|---|{}\n", data.join(" | "), "---|".repeat(data.len()));
    for ([library, what], of_data) in differences() {
        let cells = data.iter().map(|data| match of_data.get(*data) {
            None => "–".to_string(),
            Some(difference) => format!("1e{}", difference.max(SMALLEST).log10().ceil()),
        });
        let _ = writeln!(table, "| {library} | {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

const BEGIN: &str = "<!-- made by `cargo test --package pgml-exchange --test libraries -- --ignored page` -->\n";
const END: &str = "<!-- end -->\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql/exchange.md")
}

#[test]
fn the_documentation_has_the_table() {
    let text = std::fs::read_to_string(page()).expect("the page");
    let (_, rest) = text.split_once(BEGIN).expect("the mark");
    let (found, _) = rest.split_once(END).expect("the end");
    assert_eq!(found, table(), "write it again: cargo test --package pgml-exchange --test libraries -- --ignored page");
}

#[test]
#[ignore = "writes docs/sql/exchange.md"]
fn page_is_written() {
    let text = std::fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the mark");
    let (_, after) = rest.split_once(END).expect("the end");
    std::fs::write(page(), [before, BEGIN, &table(), END, after].concat()).expect("the page is written");
}

/// Notes in `libraries.json` what is exported now, for the libraries to be asked about.
#[test]
#[ignore = "writes libraries.json"]
fn back_is_written() {
    let mut reference = reference(FILE);
    for case in reference["cases"].as_array_mut().expect("cases") {
        case["back"] = hex(&exported(case));
    }
    write_reference(FILE, &reference);
}
