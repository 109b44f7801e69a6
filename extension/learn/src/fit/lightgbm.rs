//! LightGBM: the library grows the trees, its text becomes a forest of ours, and both must give the same sums, to the bit.

mod text;

use pgml_core::model::{Decision, Finish, Model, Part, Probabilities, Scores, Work};
use pgml_lightgbm::{Booster, Error as Failure};

use super::{Context, Label, LabelFit};
use crate::data::Data;
use crate::error::Result;
use crate::model::{classes as finish, values};
use crate::params::Params;

/// LightGBM's parameters, with the defaults of its scikit-learn interface.
fn parameters(params: &mut Params) -> Result<(usize, String)> {
    let steps = params.count("n_estimators", 100, 1)?;
    let boosting = params.word("boosting_type", &["gbdt", "dart"])?;
    let deepest = params.steps("max_depth", None)?.map_or("-1".to_string(), |depth| depth.to_string());
    let seed = params.seed()?;
    let numbers = [
        ("learning_rate", params.positive("learning_rate", 0.1)?),
        ("min_sum_hessian_in_leaf", params.not_negative("min_child_weight", 1e-3)?),
        ("min_gain_to_split", params.not_negative("min_split_gain", 0.0)?),
        ("lambda_l1", params.not_negative("reg_alpha", 0.0)?),
        ("lambda_l2", params.not_negative("reg_lambda", 0.0)?),
        ("bagging_fraction", share(params, "subsample")?),
        ("feature_fraction", share(params, "colsample_bytree")?),
    ];
    let counts = [
        ("num_leaves", params.count("num_leaves", 31, 2)?),
        ("min_data_in_leaf", params.count("min_child_samples", 20, 0)?),
        ("bagging_freq", params.count("subsample_freq", 0, 0)?),
        ("bin_construct_sample_cnt", params.count("subsample_for_bin", 200_000, 1)?),
        ("max_bin", params.count("max_bin", 255, 2)?),
    ];
    let mut words = vec![
        format!("boosting={boosting} max_depth={deepest} seed={seed}"),
        "num_threads=1 deterministic=true force_col_wise=true verbosity=-1".to_string(),
    ];
    words.extend(numbers.iter().map(|(name, value)| format!("{name}={value}")));
    words.extend(counts.iter().map(|(name, value)| format!("{name}={value}")));
    Ok((steps, words.join(" ")))
}

fn share(params: &mut Params, name: &'static str) -> Result<f64> {
    params.number(name, 1.0, "a number above 0 and up to 1", |value| value > 0.0 && value <= 1.0)
}

pub fn fit(context: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let failed = |error: Failure| context.failed(error.to_string());
    let (steps, mut words) = parameters(params)?;
    let (y, width, finish): (Vec<f32>, usize, Finish) = match label {
        Label::Values(values_of) => {
            words += " objective=regression";
            (values_of.iter().map(|value| *value as f32).collect(), 1, values())
        }
        Label::Classes { classes, numbers } => {
            let y = numbers.iter().map(|number| *number as f32).collect();
            let (width, shares) = match classes.len() {
                2 => {
                    words += " objective=binary";
                    (1, Probabilities::Logistic)
                }
                count => {
                    words += &format!(" objective=multiclass num_class={count}");
                    (count, Probabilities::Softmax { scale: 1.0 })
                }
            };
            (y, width, finish(classes, Decision::Likeliest, Some(shares)))
        }
    };
    let weights: Vec<f32> = context.weights.iter().map(|weight| *weight as f32).collect();
    (context.interrupt)();
    let mut booster = Booster::new(&data.x, data.features, &y, &weights, &words).map_err(failed)?;
    for _ in 0..steps {
        (context.interrupt)();
        if !booster.step().map_err(failed)? {
            break;
        }
    }
    let read = text::read(&booster.text().map_err(failed)?, data.features, width);
    let (scores, importances) = read.map_err(|reason| context.failed(format!("LightGBM's model: {reason}")))?;
    same(context, data, &scores, &booster.scores(&data.x, data.features, width).map_err(failed)?, width)?;
    let mut one = LabelFit::new(Some(scores), finish);
    one.importances = Some(importances);
    Ok(one)
}

/// The forest must give every sum that the library gives.
fn same(context: &Context<'_>, data: &Data, scores: &Scores, wanted: &[f64], width: usize) -> Result<()> {
    let forest = Part::new(scores.clone(), values()).and_then(|part| Model::new(data.features, vec![part]));
    let forest = forest.ok_or_else(|| context.failed("LightGBM's trees don't fit together"))?;
    let (mut work, mut found) = (Work::default(), Vec::with_capacity(width));
    for (place, (row, wanted)) in data.each_row().zip(wanted.chunks_exact(width)).enumerate() {
        if place % 1024 == 0 {
            (context.interrupt)();
        }
        found.clear();
        forest
            .predict(row, &mut work, &mut found)
            .map_err(|_| context.failed("a row has a number that the model can't take"))?;
        if found.iter().zip(wanted).any(|(found, wanted)| found.to_bits() != wanted.to_bits()) {
            let reason = format!("row {} scores {found:?} here and {wanted:?} in LightGBM", place + 1);
            return Err(context.failed(reason));
        }
    }
    Ok(())
}
