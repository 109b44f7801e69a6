//! Models of scikit-learn that skl2onnx exported, against ONNX Runtime: `reference.json` has what it said, `reference.py` is
//! how it was asked. And the way back: what is exported here, and what ONNX Runtime says about that.

use pgml_core::model::Work;
use pgml_core::model::{Model, Scores};
use pgml_core::preprocess::{Field, Preprocess};
use pgml_core::project::Task;
use pgml_exchange::{Error, Format, Leaving};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.json");

fn reference() -> Value {
    serde_json::from_str(&std::fs::read_to_string(FILE).expect("the file")).expect("JSON")
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("a text");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn imported(one: &Value) -> (Model, Preprocess) {
    let task = Task::parse(one["task"].as_str().expect("a task")).expect("a task");
    let read = Format::Onnx.read(&bytes(&one["file"])).unwrap_or_else(|error| panic!("{}: {error}", one["name"]));
    read.finish(task, None, None).unwrap_or_else(|error| panic!("{}: {error}", one["name"]))
}

fn exported(model: &Model, preprocess: &Preprocess) -> Result<Vec<u8>, Error> {
    let names = preprocess.columns().map(String::from).collect();
    Format::Onnx.write(&Leaving { model, preprocess, names, algorithm: "onnx" })
}

/// The largest difference of predictions and probabilities, relative where they are large; other classes count as infinite.
fn difference(one: &Value, predictions: &str, shares: &str) -> f64 {
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

/// ONNX Runtime computes kernels in four bytes, and adds up hundreds of them.
fn tolerance(model: &Model) -> f64 {
    let is_machine = model.parts().iter().any(|part| matches!(part.scores(), Scores::Machine(_)));
    if is_machine { 1e-5 } else { 1e-6 }
}

#[test]
fn models_of_scikit_learn_predict_as_in_onnx_runtime() {
    let reference = reference();
    let models = reference["models"].as_array().expect("models");
    assert!(models.len() > 35, "{}", models.len());
    for one in models {
        let found = difference(one, "predictions", "shares");
        println!("{}: {found:.1e}", one["name"]);
        assert!(found < tolerance(&imported(one).0), "{}: {found:.1e}", one["name"]);
    }
}

#[test]
fn exported_models_predict_in_onnx_runtime_as_here() {
    let reference = reference();
    for one in reference["models"].as_array().expect("models") {
        let (model, preprocess) = imported(one);
        let file = exported(&model, &preprocess).unwrap_or_else(|error| panic!("{}: {error}", one["name"]));
        assert!(file == bytes(&one["back"]), "{} is exported otherwise than when it was compared", one["name"]);
        let found = difference(one, "back_predictions", "back_shares");
        println!("{} and back: {found:.1e}", one["name"]);
        assert!(found < tolerance(&model), "{}: {found:.1e}", one["name"]);
    }
}

/// Notes in `reference.json` what is exported now, for ONNX Runtime to be asked about.
#[test]
#[ignore = "writes reference.json"]
fn write_the_way_back() {
    let mut reference = reference();
    for one in reference["models"].as_array_mut().expect("models") {
        let (model, preprocess) = imported(one);
        let file = exported(&model, &preprocess).unwrap_or_else(|error| panic!("{}: {error}", one["name"]));
        one["back"] = json!(file.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    std::fs::write(FILE, reference.to_string() + "\n").expect("a file that can be written");
}
