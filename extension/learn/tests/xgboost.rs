//! XGBoost's forests here and in the library, for each kind of tree and of loss. (A difference in one bit is an error of the training.)
#![cfg(feature = "xgboost")]

use pgml_core::model::{Model, Work};
use pgml_core::project::Task;
use pgml_learn::{Data, Error, Host, Request, Trained, train};
use serde_json::{Map, Value, json};

/// Rows of three features with gaps, whose label is `of` the first two.
fn rows(of: impl Fn(f64, f64) -> f64) -> Data {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in 0..400 {
        let (a, b, c) = (f64::from(row % 7), f64::from((row * 5) % 11) / 3.0, f64::from((row * 3) % 13));
        y.push(of(a, b));
        x.extend([if row % 17 == 0 { f64::NAN } else { a }, b, c]);
    }
    Data { rows: 400, features: 3, labels: 1, x, y, ..Data::default() }
}

fn fit(algorithm: &str, task: Task, hyperparams: &Value, data: &Data) -> pgml_learn::Result<Trained> {
    let (hyperparams, none) = (hyperparams.as_object().expect("an object"), Map::new());
    let request = Request { algorithm, task, hyperparams, search: None, search_params: &none, search_args: &none };
    let test = Data { x: data.x.clone(), y: data.y.clone(), ..data.only(&[]) };
    train(request, data, &Data { rows: data.rows, ..test }, &Host { interrupt: &|| {}, clock: &|| 0.0 })
}

#[test]
fn every_kind_of_tree_and_loss_is_read_to_the_bit() {
    let values = rows(|a, b| 2.0 * a + b);
    let two = rows(|a, b| f64::from(a + b > 4.0));
    let three = rows(|a, b| f64::from(a > 2.0) + f64::from(a + b > 6.0));
    for (algorithm, hyperparams) in [
        ("xgboost", json!({})),
        ("xgboost", json!({"booster": "dart", "rate_drop": 0.3, "normalize_type": "forest"})),
        ("xgboost", json!({"rate_drop": 0.2, "one_drop": true, "sample_type": "weighted", "n_estimators": 30})),
        ("xgboost", json!({"tree_method": "exact"})),
        ("xgboost", json!({"tree_method": "approx", "subsample": 0.7, "colsample_bynode": 0.7, "seed": 5})),
        ("xgboost", json!({"grow_policy": "lossguide", "max_leaves": 8, "max_depth": 0, "eta": 0.5})),
        ("xgboost", json!({"num_parallel_tree": 3, "n_estimators": 10, "reg_alpha": 0.1, "gamma": 0.01})),
        ("xgboost", json!({"early_stopping_rounds": 4, "n_estimators": 400})),
        ("xgboost", json!({"feature_weights": [1, 2, 0.5], "colsample_bytree": 0.6})),
        ("xgboost", json!({"sampling_method": "gradient_based", "subsample": 0.5})),
        ("xgboost_random_forest", json!({})),
    ] {
        for (task, data) in [(Task::Regression, &values), (Task::Classification, &two), (Task::Classification, &three)]
        {
            let trained = fit(algorithm, task, &hyperparams, data);
            let trained = trained.unwrap_or_else(|error| panic!("{algorithm} {hyperparams} {task:?}: {error}"));
            let score = trained.metrics[task.key_metric()].as_f64().expect("a score");
            assert!(score > 0.8, "{algorithm} {hyperparams} {task:?}: {score}");
            let again = fit(algorithm, task, &hyperparams, data).expect("the same");
            assert_eq!(trained.model, again.model, "{algorithm} {hyperparams} {task:?}");
        }
    }
}

#[test]
fn every_loss_of_a_regression_is_read_to_the_bit() {
    let values = rows(|a, b| 2.0 * a + b + 100.0);
    for objective in ["reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"] {
        let trained = fit("xgboost", Task::Regression, &json!({"objective": objective}), &values).expect(objective);
        let score = trained.metrics["r2"].as_f64().expect("a score");
        assert!(score > 0.7, "{objective}: {score}");
    }
}

#[test]
fn what_the_library_refuses_is_an_error() {
    let mut data = rows(|a, b| a + b);
    data.x[1] = 1e300;
    let error = fit("xgboost", Task::Regression, &json!({}), &data).expect_err("an infinity in single precision");
    assert!(matches!(&error, Error::Failed { reason, .. } if reason.contains("inf")), "{error}");
    let gblinear = fit("xgboost", Task::Regression, &json!({"booster": "gblinear"}), &rows(|a, _| a));
    assert!(gblinear.expect_err("no trees").to_string().contains("\"gbtree\", \"dart\""));
}

#[test]
fn a_training_that_stops_early_says_where() {
    let data = rows(|a, b| f64::from(a + b > 4.0));
    let given = json!({"early_stopping_rounds": 3, "n_estimators": 1000, "eval_metric": ["auc", "logloss"]});
    let trained = fit("xgboost", Task::Classification, &given, &data).expect("a model");
    let best = trained.metrics["best_iteration"].as_u64().expect("a number");
    assert!(best < 990, "{best}");
    let model = Model::read(&trained.model).expect("a model");
    let mut shares = Vec::new();
    model.probabilities(&[6.0, 3.0, 1.0], &mut Work::default(), &mut shares).expect("shares");
    assert!(shares[1] > 0.9, "{shares:?}");
}

#[test]
fn weights_and_gaps_count() {
    let mut data = rows(|a, _| a);
    // Each second row is the one before it, with another label and another weight.
    for row in (1..data.rows).step_by(2) {
        data.x.copy_within((row - 1) * 3..row * 3, row * 3);
        data.y[row] = data.y[row - 1];
    }
    data.weights = (0..data.rows).map(|row| if row % 2 == 0 { 1.0 } else { 50.0 }).collect();
    data.y.iter_mut().enumerate().filter(|(row, _)| row % 2 == 0).for_each(|(_, y)| *y += 10.0);
    let plain = Data { weights: Vec::new(), ..data.clone() };
    let said = |data: &Data| {
        let trained = fit("xgboost", Task::Regression, &json!({}), data).expect("a model");
        let (model, mut out) = (Model::read(&trained.model).expect("a model"), Vec::new());
        model.predict(&[3.0, 1.0, f64::NAN], &mut Work::default(), &mut out).expect("an answer");
        out[0]
    };
    assert!(said(&data) < said(&plain) - 1.0);
}
