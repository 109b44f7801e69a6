//! Models of scikit-learn that skl2onnx exported, against ONNX Runtime: `reference.json` has what it said, `reference.py` is
//! how it was asked. And the way back: what is exported here, and what ONNX Runtime says about that.

mod common;
#[path = "common/onnx.rs"]
mod onnx;

use common::{bytes, hex, write_reference};
use onnx::{FILE, difference, imported};
use pgml_core::model::{Model, Scores};
use pgml_core::preprocess::Preprocess;
use pgml_exchange::{Error, Format, Leaving};
use serde_json::Value;

fn reference() -> Value {
    common::reference(FILE)
}

fn exported(model: &Model, preprocess: &Preprocess) -> Result<Vec<u8>, Error> {
    let names = preprocess.columns().map(String::from).collect();
    Format::Onnx.write(&Leaving { model, preprocess, names, algorithm: "onnx" })
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
        one["back"] = hex(&file);
    }
    write_reference(FILE, &reference);
}
