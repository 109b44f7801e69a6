//! Forests of many classes: small, and what they predicted when each leaf told of all classes.

use pgml_core::model::{Model, Work};
use pgml_core::project::Task;
use pgml_learn::{Data, Host, Request, train};
use serde_json::{Map, Value, json};

/// Rows of three features, in which each class comes in its turn, with some noise.
fn rows(count: usize, classes: usize) -> Data {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 1000) as f64 / 1e4
    };
    let y: Vec<f64> = (0..count).map(|row| (row % classes) as f64).collect();
    let x = y.iter().flat_map(|class| [(class * 7.0) % 31.0 + noise(), (class * 3.0) % 17.0, class + 20.0 * noise()]);
    Data { rows: count, features: 3, labels: 1, x: x.collect(), y, ..Data::default() }
}

fn fit(hyperparams: &Value, data: &Data) -> Vec<u8> {
    let (hyperparams, none) = (hyperparams.as_object().expect("an object"), Map::new());
    let request = Request {
        algorithm: "random_forest",
        task: Task::Classification,
        hyperparams,
        search: None,
        search_params: &none,
        search_args: &none,
    };
    let test = Data { rows: 0, x: Vec::new(), y: Vec::new(), ..data.clone() };
    train(request, data, &test, &Host { interrupt: &|| {}, clock: &|| 0.0 }).expect("a model").model
}

/// A number that depends on every bit of every probability (FNV-1a).
fn fingerprint(model: &[u8], data: &Data) -> u64 {
    let (mut work, mut shares) = (Work::default(), Vec::new());
    let model = Model::read(model).expect("a model");
    data.each_row().for_each(|row| model.probabilities(row, &mut work, &mut shares).expect("an answer"));
    let bytes = shares.iter().flat_map(|share| share.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The fingerprints are those of commit 98b23fd, whose leaves had all classes and whose splits were judged by all of them.
#[test]
fn what_leaves_and_splits_leave_out_changes_no_bit() {
    for (classes, hyperparams, wanted) in [
        (3, json!({"n_estimators": 4}), 0x2ef5_dd5e_dadd_a3d0_u64),
        (40, json!({"n_estimators": 4, "criterion": "entropy", "max_depth": 6}), 0x26bb_8a90_9beb_536d),
        (40, json!({"n_estimators": 4, "class_weight": "balanced", "min_samples_leaf": 3}), 0xe912_ce0b_43a4_5b39),
        (
            300,
            json!({"n_estimators": 3, "bootstrap": false, "class_weight": {"7": 0.3, "9": 1.7}}),
            0x708d_4a5a_80d2_bae5,
        ),
    ] {
        let data = rows(900, classes);
        let found = fingerprint(&fit(&hyperparams, &data), &data);
        assert_eq!(found, wanted, "{classes} classes, {hyperparams}: {found:#x}");
    }
}

/// Catches leaves with a number for each class: 600 in each of some 1,500 leaves are 7 MB.
#[test]
fn a_forest_of_many_classes_is_small() {
    let model = fit(&json!({"n_estimators": 3}), &rows(1800, 600));
    assert!(model.len() < 500_000, "{} bytes", model.len());
}

/// Prints how long 3,000 classes take: `cargo test --release --package pgml-learn -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn thousands_of_classes() {
    let data = rows(9000, 3000);
    let began = std::time::Instant::now();
    let model = fit(&json!({"n_estimators": 20}), &data);
    println!("20 trees of 3,000 classes: {:.1?}, {} bytes", began.elapsed(), model.len());
}
