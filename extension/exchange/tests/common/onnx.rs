//! Models of ONNX files, and what ONNX Runtime says of them.

use pgml_core::model::{Model, Work};
use pgml_core::preprocess::{Field, Preprocess};
use pgml_core::project::Task;
use pgml_exchange::Format;
use serde_json::Value;

use super::common::bytes;

pub const FILE: &str = "reference.json";

pub fn imported(one: &Value) -> (Model, Preprocess) {
    let task = Task::parse(one["task"].as_str().expect("a task")).expect("a task");
    let read = Format::Onnx.read(&bytes(&one["file"])).unwrap_or_else(|error| panic!("{}: {error}", one["name"]));
    read.finish(task, None, None).unwrap_or_else(|error| panic!("{}: {error}", one["name"]))
}

/// The largest difference of predictions and probabilities, relative where they are large; other classes count as infinite.
pub fn difference(one: &Value, predictions: &str, shares: &str) -> f64 {
    let (model, preprocess) = imported(one);
    let mut largest = 0.0f64;
    let mut compare = |wanted: f64, found: f64| largest = largest.max((wanted - found).abs() / wanted.abs().max(1.0));
    for (place, row) in one["rows"].as_array().expect("rows").iter().enumerate() {
        let fields = row.as_array().expect("a row").iter().map(|value| match value {
            Value::Null => Field::Null,
            Value::String(text) => Field::Text(text.clone()),
            number => Field::Number(number.as_f64().expect("a number")),
        });
        let fields: Vec<Field> = fields.collect();
        let (mut numbers, mut out, mut work) = (Vec::new(), Vec::new(), Work::default());
        preprocess.row(0, &fields, &mut numbers).expect("a row");
        model.predict(&numbers, &mut work, &mut out).expect("a row");
        match (preprocess.label(), &one[predictions][place]) {
            (Some(label), wanted) => {
                compare(0.0, if label.name(out[0]) == wanted.as_str().expect("a class") { 0.0 } else { f64::INFINITY });
            }
            (None, wanted) => compare(wanted.as_f64().expect("a number"), out[0]),
        }
        out.clear();
        if model.probabilities(&numbers, &mut work, &mut out).is_ok() {
            let wanted = one[shares][place].as_array().expect("shares");
            assert_eq!(wanted.len(), out.len(), "{}", one["name"]);
            wanted.iter().zip(&out).for_each(|(wanted, found)| compare(wanted.as_f64().expect("a share"), *found));
        }
    }
    largest
}
