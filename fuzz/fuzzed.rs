//! What is done with a model that a fuzzed file gave: all that a database does with it.

use pgml_core::model::Work;
use pgml_core::model::explain::Explainer;
use pgml_core::project::Task;
use pgml_exchange::{Format, Leaving, sql};

/// More would be the evaluation's time, not the reader's.
const FEATURES: usize = 64;

/// Reads a file, predicts, explains, and writes the model in every form.
pub fn model(format: Format, data: &[u8]) {
    for task in [Task::Regression, Task::Classification] {
        let Ok(read) = format.read(data) else { return };
        let columns = read.columns.len();
        if columns > FEATURES {
            return;
        }
        let names = (0..columns).map(|column| format!("c{column}")).collect();
        let Ok((model, preprocess)) = read.finish(task, Some(names), None) else {
            continue;
        };
        if model.features > FEATURES {
            continue;
        }
        let (mut work, mut out) = (Work::default(), Vec::new());
        for value in [0.3, f64::NAN, -1e300] {
            let row = vec![value; model.features];
            let _ = model.predict(&row, &mut work, &mut out);
            let _ = model.probabilities(&row, &mut work, &mut out);
        }
        if let Ok(explainer) = Explainer::new(&model, &|| {}) {
            let class = model.class_values().map(|_| 0);
            let row = vec![0.3; model.features];
            let _ = explainer.explain(&model, &row, class, &|| {});
        }
        let arrays = vec![false; preprocess.steps().len()];
        let leaving = Leaving {
            model: &model,
            preprocess: &preprocess,
            names: preprocess.names(&arrays),
            algorithm: "fuzzed",
        };
        for form in [
            Format::Pgml,
            Format::Onnx,
            Format::LightGbm,
            Format::Xgboost,
        ] {
            let Ok(file) = form.write(&leaving) else {
                continue;
            };
            assert!(
                form == Format::LightGbm || form.read(&file).is_ok(),
                "{} is not read again",
                form.name()
            );
        }
        let _ = sql::write(&model, &preprocess, &[]);
    }
}
