//! Rows and classes that count more than others.

use pgml_core::labels::Classes;
use pgml_core::model::{Model, Work};
use pgml_core::project::Task;
use pgml_learn::{Data, Error, Host, Request, train};
use serde_json::{Map, Value, json};

fn fit(algorithm: &str, task: Task, hyperparams: Value, data: &Data) -> pgml_learn::Result<Model> {
    let (hyperparams, none) = (hyperparams.as_object().expect("an object"), Map::new());
    let request = Request { algorithm, task, hyperparams, search: None, search_params: &none, search_args: &none };
    let test = Data { rows: 0, x: Vec::new(), y: Vec::new(), weights: Vec::new(), ..data.clone() };
    let trained = train(request, data, &test, &Host { interrupt: &|| {}, clock: &|| 0.0 })?;
    Ok(Model::read(&trained.model).expect("a model"))
}

fn said(model: &Model, row: &[f64]) -> f64 {
    let mut out = Vec::new();
    model.predict(row, &mut Work::default(), &mut out).expect("an answer");
    out[0]
}

/// Rows of one feature, with noise; every third row counts three times.
fn rows() -> Data {
    let x: Vec<f64> = (0..90).map(|row| f64::from(row % 10)).collect();
    let y = (0..90).map(|row| f64::from(row % 10) * if row % 3 == 0 { 2.0 } else { -1.0 }).collect();
    let weights = (0..90).map(|row| if row % 3 == 0 { 3.0 } else { 1.0 }).collect();
    Data { rows: 90, features: 1, labels: 1, x, y, weights, ..Data::default() }
}

/// The same rows, each as often as it counts.
fn repeated(data: &Data) -> Data {
    let rows: Vec<usize> = (0..data.rows).flat_map(|row| vec![row; data.weights[row] as usize]).collect();
    Data { weights: Vec::new(), ..data.only(&rows) }
}

#[test]
fn a_row_of_weight_three_is_three_rows() {
    let data = rows();
    let several = repeated(&data);
    for (algorithm, hyperparams) in [
        ("linear", json!({})),
        ("ridge", json!({"alpha": 2})),
        ("lasso", json!({"alpha": 0.1, "tol": 1e-12, "max_iter": 100_000})),
        ("elastic_net", json!({"alpha": 0.1, "tol": 1e-12, "max_iter": 100_000})),
        ("random_forest", json!({"bootstrap": false, "n_estimators": 2})),
    ] {
        let one = fit(algorithm, Task::Regression, hyperparams.clone(), &data).expect(algorithm);
        let other = fit(algorithm, Task::Regression, hyperparams, &several).expect(algorithm);
        for value in [0.0, 3.0, 9.0] {
            let (one, other) = (said(&one, &[value]), said(&other, &[value]));
            assert!((one - other).abs() < 1e-6, "{algorithm}: {one} and {other}");
        }
        let plain = Data { weights: Vec::new(), ..data.clone() };
        let plain = fit(algorithm, Task::Regression, json!({}), &plain).expect(algorithm);
        assert!((said(&plain, &[9.0]) - said(&one, &[9.0])).abs() > 0.5, "{algorithm}");
    }
}

#[test]
fn an_algorithm_without_weights_says_so() {
    let refused = fit("knn", Task::Regression, json!({}), &rows()).expect_err("weights");
    assert_eq!(refused, Error::NoWeights("knn".into()));
}

/// Classes by name: one row of ten is "yes", and nothing tells which.
fn rare() -> Data {
    let classes = Classes::Texts { type_name: "text".into(), texts: vec!["no".into(), "yes".into()] };
    let y = (0..100).map(|row| f64::from(u8::from(row % 10 == 0))).collect();
    let x = (0..100).map(|row| f64::from(row % 7)).collect();
    Data { rows: 100, features: 1, labels: 1, x, y, weights: Vec::new(), classes: vec![classes] }
}

#[test]
fn classes_have_weights_by_their_names() {
    let data = rare();
    for algorithm in ["linear", "ridge", "random_forest"] {
        let shallow = if algorithm == "random_forest" { json!({"max_depth": 1}) } else { json!({}) };
        let with = |weight: Value| {
            let mut hyperparams = shallow.clone();
            hyperparams["class_weight"] = weight;
            fit(algorithm, Task::Classification, hyperparams, &data)
        };
        let (plain, heavy) = (with(Value::Null).expect("a model"), with(json!({"yes": 100})).expect("a model"));
        assert_eq!((said(&plain, &[3.0]), said(&heavy, &[3.0])), (0.0, 1.0), "{algorithm}");
        let refused = with(json!({"perhaps": 2})).expect_err("no class");
        assert!(matches!(refused, Error::Unknown { name, known, .. } if name == "perhaps" && known == ["no", "yes"]));
        assert!(matches!(with(json!({"yes": -1})), Err(Error::Value { .. })));
    }
}
