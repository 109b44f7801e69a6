//! The Rust runtime against scikit-learn: `reference.json` has what scikit-learn gave, `reference.py` is how it was asked.

use pgml_core::model::{Model, Work};
use pgml_core::project::Task;
use pgml_learn::{Data, Host, Request, Trained, train};
use serde_json::{Map, Value};

/// Nobody interrupts, and no time passes.
const HOST: Host<'_> = Host { interrupt: &|| (), clock: &|| 0.0 };

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// All rows of a set.
fn set(reference: &Value, name: &str) -> Data {
    let set = &reference["sets"][name];
    let count = |name: &str| set[name].as_u64().expect("a count") as usize;
    let (x, y) = (numbers(&set["x"]), numbers(&set["y"]));
    Data {
        rows: x.len() / count("features"),
        features: count("features"),
        labels: count("labels"),
        x,
        y,
        ..Data::default()
    }
}

/// The rows to train on, and every fourth to test on.
fn split(all: &Data) -> (Data, Data) {
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.rows).partition(|row| row % 4 == 0);
    (all.only(&train), all.only(&test))
}

fn run(case: &Value, data: &Data, test: &Data) -> Trained {
    let (hyperparams, space) = (object(&case["hyperparams"]), object(&case["search_params"]));
    let request = Request {
        algorithm: case["algorithm"].as_str().expect("a name"),
        task: Task::parse(case["task"].as_str().expect("a name")).expect("a task"),
        hyperparams: &hyperparams,
        search: (!space.is_empty()).then_some("grid"),
        search_params: &space,
        search_args: &Map::new(),
    };
    train(request, data, test, &HOST).unwrap_or_else(|error| panic!("{case}: {error}"))
}

fn predictions(bytes: &[u8], data: &Data) -> Vec<f64> {
    let model = Model::read(bytes).expect("a model");
    let (mut work, mut out) = (Work::default(), Vec::new());
    data.each_row().for_each(|row| model.predict(row, &mut work, &mut out).expect("an answer"));
    out
}

/// The largest difference, related to the size of what is compared.
fn difference(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let size = wanted.iter().fold(0.0f64, |size, value| size.max(value.abs()));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f64::max) / size.max(1e-300)
}

/// The tensor of a model's first part.
fn tensor(bytes: &[u8], name: &str) -> Vec<f64> {
    let tensors = safetensors::SafeTensors::deserialize(bytes).expect("a model");
    let bytes = |part: usize| tensors.tensor(&format!("{part}.{name}")).ok().map(|one| one.data().to_vec());
    let all = (0..).map_while(bytes);
    all.flatten()
        .collect::<Vec<u8>>()
        .chunks_exact(8)
        .map(|one| f64::from_le_bytes(one.try_into().expect("8")))
        .collect()
}

fn name(case: &Value) -> String {
    format!("{} {} on {} with {}", case["algorithm"], case["task"], case["data"], case["hyperparams"])
}

fn cases(reference: &Value, with: &str) -> Vec<Value> {
    let all = reference["cases"].as_array().expect("a list");
    let found: Vec<Value> = all.iter().filter(|case| !case[with].is_null()).cloned().collect();
    assert!(!found.is_empty(), "no case has {with}");
    found
}

#[test]
fn coefficients_are_scikit_learn_s() {
    let reference = reference();
    for case in cases(&reference, "coefficients") {
        let (data, test) = split(&set(&reference, case["data"].as_str().expect("a name")));
        let trained = run(&case, &data, &test);
        let wanted = [numbers(&case["coefficients"]), numbers(&case["intercepts"])].concat();
        let mut intercepts = tensor(&trained.model, "intercepts");
        intercepts.truncate(numbers(&case["intercepts"]).len());
        let found = [tensor(&trained.model, "weights"), intercepts].concat();
        let off = difference(&found, &wanted);
        println!("{}: {off:.1e}", name(&case));
        assert!(off < 1e-6, "{}: {off:e}", name(&case));
        assert_eq!(trained.warnings, Vec::<String>::new(), "{}", name(&case));
    }
}

#[test]
fn predictions_and_scores_are_scikit_learn_s() {
    let reference = reference();
    for case in cases(&reference, "predicted") {
        let (data, test) = split(&set(&reference, case["data"].as_str().expect("a name")));
        let trained = run(&case, &data, &test);
        let off = difference(&predictions(&trained.model, &test), &numbers(&case["predicted"]));
        println!("{}: {off:.1e}", name(&case));
        // How far a support vector machine is from its optimum depends on where its tolerance stopped it.
        let margin = if case["algorithm"] == "svm" { 1e-5 } else { 1e-6 };
        assert!(off < margin, "{}: {off:e}", name(&case));
        for (score, wanted) in object(&case["scores"]) {
            let (found, wanted) =
                (trained.metrics[&score].as_f64().expect("a score"), wanted.as_f64().expect("a score"));
            assert!((found - wanted).abs() < 1e-5, "{}: {score} is {found}, not {wanted}", name(&case));
        }
    }
}

/// Trees differ where another source of random numbers grew them: their scores don't, by more than a little.
#[test]
fn what_depends_on_chance_scores_alike() {
    let reference = reference();
    for case in cases(&reference, "near") {
        let (data, test) = split(&set(&reference, case["data"].as_str().expect("a name")));
        let trained = run(&case, &data, &test);
        for (score, wanted) in object(&case["near"]) {
            let (found, wanted) =
                (trained.metrics[&score].as_f64().expect("a score"), wanted.as_f64().expect("a score"));
            println!("{}: {score} is {found:.4}, and {wanted:.4} in scikit-learn", name(&case));
            assert!((found - wanted).abs() < 0.05, "{}: {score} is {found}, not {wanted}", name(&case));
        }
        assert_eq!(run(&case, &data, &test), trained, "{}: another time it is the same model", name(&case));
    }
}

#[test]
fn searches_judge_as_scikit_learn_does() {
    let reference = reference();
    for case in cases(&reference, "best") {
        let (data, test) = split(&set(&reference, case["data"].as_str().expect("a name")));
        let trained = run(&case, &data, &test);
        let results = &trained.metrics["search_results"];
        assert_eq!(results["params"], case["params"], "{}", name(&case));
        let off = difference(&numbers(&results["mean_test_score"]), &numbers(&case["mean_test_score"]));
        assert!(off < 1e-9, "{}: {off:e}", name(&case));
        object(&case["best"]).iter().for_each(|(name, value)| assert_eq!(&trained.hyperparams[name], value));
        let mut refitted = case.clone();
        refitted["hyperparams"] = case["best"].clone();
        refitted["search_params"] = Value::Null;
        assert_eq!(run(&refitted, &data, &test).model, trained.model, "{}: on all rows again", name(&case));
    }
}

#[test]
fn principal_components_are_scikit_learn_s() {
    let reference = reference();
    let data = Data { labels: 0, y: Vec::new(), ..set(&reference, "wine") };
    let case = serde_json::json!({"algorithm": "pca", "task": "decomposition", "hyperparams": {"n_components": 3}});
    let trained = run(&case, &data, &data.only(&[]));
    let wanted = &reference["pca"];
    let (found, components) = (tensor(&trained.model, "weights"), numbers(&wanted["components"]));
    // Of a component and its opposite either is right: which one is chosen changed between scikit-learn's versions.
    for (found, wanted) in found.chunks(data.features).zip(components.chunks(data.features)) {
        let opposite: Vec<f64> = wanted.iter().map(|value| -value).collect();
        assert!(difference(found, wanted).min(difference(found, &opposite)) < 1e-9);
    }
    let shares = numbers(&trained.metrics["explained_variance_ratio"]);
    assert!(difference(&shares, &numbers(&wanted["explained_variance_ratio"])) < 1e-9);
    let found: Vec<f64> = predictions(&trained.model, &data.only(&[0, 1, 2, 3, 4])).iter().map(|x| x.abs()).collect();
    let wanted: Vec<f64> = numbers(&wanted["transformed"]).iter().map(|x| x.abs()).collect();
    assert!(difference(&found, &wanted) < 1e-9);
}

#[test]
fn clusters_are_as_good_as_scikit_learn_s() {
    let reference = reference();
    let data = Data { labels: 0, y: Vec::new(), ..set(&reference, "wine") };
    let hyperparams = serde_json::json!({"n_clusters": 3, "n_init": 10});
    let case = serde_json::json!({"algorithm": "kmeans", "task": "clustering", "hyperparams": hyperparams});
    let trained = run(&case, &data, &data.only(&(0..data.rows).collect::<Vec<_>>()));
    for score in ["inertia", "silhouette"] {
        let (found, wanted) = (trained.metrics[score].as_f64(), reference["kmeans"][score].as_f64());
        let (found, wanted) = (found.expect("a score"), wanted.expect("a score"));
        assert!((found / wanted - 1.0).abs() < 1e-6, "{score} is {found}, not {wanted}");
    }
    let nothing = run(&case, &data, &data.only(&[]));
    assert_eq!(nothing.metrics["notes"]["silhouette"], "there are no test rows");
    let few = run(&case, &data, &data.only(&[0, 1]));
    let why = few.metrics["notes"]["silhouette"].as_str().expect("a reason");
    assert!(why.starts_with("silhouette needs 2 to 1 clusters among the test rows"), "{why}");
}

#[test]
fn every_algorithm_can_be_stopped() {
    let reference = reference();
    let (data, test) = split(&set(&reference, "iris"));
    for task in [Task::Regression, Task::Classification, Task::Clustering, Task::Decomposition] {
        for algorithm in pgml_learn::algorithms(task).into_iter().filter(|name| *name != "knn") {
            let none = Map::new();
            let (hyperparams, search) = (&none, None);
            let request = Request { algorithm, task, hyperparams, search, search_params: &none, search_args: &none };
            let stop = || std::panic::resume_unwind(Box::new("stopped"));
            let stopped =
                std::panic::catch_unwind(|| train(request, &data, &test, &Host { interrupt: &stop, ..HOST }).map(drop));
            assert!(stopped.is_err(), "{algorithm} for {task:?}");
        }
    }
}

#[test]
fn importances_find_the_feature_that_counts() {
    let rows = 200;
    let mixed = |at: usize| ((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) * 0x85eb_ca6b % 1009;
    let x: Vec<f64> = (0..rows * 3).map(|at| mixed(at) as f64 / 1009.0).collect();
    let y = x.chunks(3).map(|row| (row[1] * 10.0).floor()).collect();
    let data = Data { rows, features: 3, labels: 1, x, y, ..Data::default() };
    for (algorithm, task) in [
        ("linear", Task::Regression),
        ("lasso", Task::Regression),
        ("random_forest", Task::Regression),
        ("random_forest", Task::Classification),
    ] {
        let hyperparams = object(&match algorithm {
            "lasso" => serde_json::json!({"alpha": 0.01}),
            "random_forest" => serde_json::json!({"n_estimators": 10, "max_features": null}),
            _ => Value::Null,
        });
        let none = Map::new();
        let request = Request {
            algorithm,
            task,
            hyperparams: &hyperparams,
            search: None,
            search_params: &none,
            search_args: &none,
        };
        let trained = train(request, &data, &data.only(&[]), &HOST).expect("a model");
        let importances = trained.importances.expect("importances");
        assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{algorithm}: {importances:?}");
        assert!(importances[1] > 0.6, "{algorithm}: {importances:?}");
    }
}
