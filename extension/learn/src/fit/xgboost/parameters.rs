//! XGBoost's hyperparameters, by the names and with the defaults of its scikit-learn interface. Only words and numbers of known
//! names reach the library: nothing that it could take for an address.

use serde_json::Value;

use super::super::Label;
use crate::error::Result;
use crate::params::Params;

/// A training as the library is asked for it.
pub struct Parameters {
    /// By the library's own names.
    pub of_library: Vec<(String, String)>,
    pub rounds: usize,
    pub seed: u64,
    pub stop: Option<Stop>,
    pub importance: Importance,
    pub feature_weights: Vec<f32>,
}

/// When a training ends before all of its rounds.
pub struct Stop {
    /// After how many rounds without a better metric.
    pub rounds: usize,
    /// The share of the rows whose metric it is.
    pub share: f64,
}

/// What `importance_type` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    Gain,
    Weight,
    Cover,
    TotalGain,
    TotalCover,
}

/// Names of the library, and what its scikit-learn interface calls them.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("alpha", "reg_alpha"),
    ("eta", "learning_rate"),
    ("lambda", "reg_lambda"),
    ("min_split_loss", "gamma"),
    ("num_boost_round", "n_estimators"),
    ("seed", "random_state"),
];

/// Metrics of the two tasks; `error@0.7` counts from another threshold.
const REGRESSION_METRICS: &[&str] = &["rmse", "rmsle", "mae", "mape", "mphe", "quantile"];
const CLASS_METRICS: &[&str] = &["logloss", "error", "auc", "aucpr"];
const CLASSES_METRICS: &[&str] = &["mlogloss", "merror", "auc"];

/// Numbers that both algorithms take, and the default and the range of each.
type Numbers = [(&'static str, f64, Range); 10];

#[derive(Clone, Copy)]
enum Range {
    NotNegative,
    /// Above 0 and up to 1.
    Share,
}

use Range::{NotNegative, Share};

const NUMBERS: Numbers = [
    ("learning_rate", 0.3, NotNegative),
    ("gamma", 0.0, NotNegative),
    ("min_child_weight", 1.0, NotNegative),
    ("max_delta_step", 0.0, NotNegative),
    ("subsample", 1.0, Share),
    ("colsample_bytree", 1.0, Share),
    ("colsample_bylevel", 1.0, Share),
    ("colsample_bynode", 1.0, Share),
    ("reg_alpha", 0.0, NotNegative),
    ("reg_lambda", 1.0, NotNegative),
];

/// What a forest has otherwise: one round of many trees, each of some rows and some features.
const OF_FORESTS: [(&str, f64); 4] =
    [("learning_rate", 1.0), ("subsample", 0.8), ("colsample_bynode", 0.8), ("reg_lambda", 1e-5)];

impl Parameters {
    /// Of `xgboost`.
    pub fn boosted(params: &mut Params, label: &Label) -> Result<Parameters> {
        OTHER_NAMES.iter().try_for_each(|(other, name)| params.rename(other, name))?;
        let rounds = params.count("n_estimators", 100, 1)?;
        let trees = trees_of_a_round(params, "num_parallel_tree", 1.0)?;
        let mut parameters = Parameters::of_both(params, label, &[], rounds)?;
        parameters.add("num_parallel_tree", trees);
        parameters.add("booster", params.word("booster", &["gbtree", "dart"])?);
        parameters.dropout(params)?;
        parameters.stop(params, label)?;
        Ok(parameters)
    }

    /// Of `xgboost_random_forest`: `n_estimators` trees in one round.
    pub fn forest(params: &mut Params, label: &Label) -> Result<Parameters> {
        OTHER_NAMES.iter().try_for_each(|(other, name)| params.rename(other, name))?;
        let trees = trees_of_a_round(params, "n_estimators", 100.0)?;
        let mut parameters = Parameters::of_both(params, label, &OF_FORESTS, 1)?;
        parameters.add("num_parallel_tree", trees);
        Ok(parameters)
    }

    fn add(&mut self, name: &str, value: impl ToString) {
        self.of_library.push((name.to_string(), value.to_string()));
    }

    fn of_both(params: &mut Params, label: &Label, defaults: &[(&str, f64)], rounds: usize) -> Result<Parameters> {
        let seed = params.seed()?;
        let importance =
            match params.word("importance_type", &["gain", "weight", "cover", "total_gain", "total_cover"])? {
                "weight" => Importance::Weight,
                "cover" => Importance::Cover,
                "total_gain" => Importance::TotalGain,
                "total_cover" => Importance::TotalCover,
                _ => Importance::Gain,
            };
        let feature_weights =
            params.special("feature_weights", Vec::new(), "a list of numbers of 0 or more", weights)?;
        let mut parameters =
            Parameters { of_library: Vec::new(), rounds, seed, stop: None, importance, feature_weights };
        parameters.add("nthread", 1);
        parameters.add("seed", seed);
        for (name, default, range) in NUMBERS {
            let default = defaults.iter().find(|(of, _)| *of == name).map_or(default, |(_, value)| *value);
            let value = match range {
                NotNegative => params.not_negative(name, default)?,
                Share => {
                    params.number(name, default, "a number above 0 and up to 1", |value| value > 0.0 && value <= 1.0)?
                }
            };
            parameters.add(name, value);
        }
        parameters.trees(params)?;
        parameters.objective(params, label)?;
        parameters.constraints(params)?;
        without_effect(params)?;
        Ok(parameters)
    }

    /// How trees grow.
    fn trees(&mut self, params: &mut Params) -> Result<()> {
        let method = params.word("tree_method", &["auto", "hist", "approx", "exact"])?;
        self.add("tree_method", method);
        self.add("max_depth", params.steps_or_zero("max_depth", 6)?);
        self.add("max_leaves", params.count("max_leaves", 0, 0)?);
        self.add("grow_policy", params.word("grow_policy", &["depthwise", "lossguide"])?);
        self.add("sampling_method", params.word("sampling_method", &["uniform", "gradient_based"])?);
        if method != "exact" {
            self.add("max_bin", params.count("max_bin", 256, 2)?);
            self.add("max_cached_hist_node", params.count("max_cached_hist_node", 65536, 1)?);
        }
        Ok(())
    }

    /// What is to be as small as possible.
    fn objective(&mut self, params: &mut Params, label: &Label) -> Result<()> {
        let base_score = params.special("base_score", None, "a finite number, or null", |value| match value {
            Value::Null => Some(None),
            value => value.as_f64().filter(|value| value.is_finite()).map(Some),
        })?;
        let (objective, base_score) = match label {
            Label::Values(values) => {
                let known = ["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"];
                let objective = params.word("objective", &known)?;
                if objective == "reg:quantileerror" {
                    let wanted = "a number above 0 and below 1";
                    self.add(
                        "quantile_alpha",
                        params.number("quantile_alpha", 0.5, wanted, |value| value > 0.0 && value < 1.0)?,
                    );
                }
                if objective == "reg:pseudohubererror" {
                    self.add("huber_slope", params.positive("huber_slope", 1.0)?);
                }
                // Its own first guess is one step of Newton's method, which this loss throws far off.
                let guess = (objective == "reg:pseudohubererror").then(|| median(values));
                (objective, base_score.or(guess))
            }
            Label::Classes { classes, .. } if classes.len() == 2 => {
                self.add("scale_pos_weight", params.not_negative("scale_pos_weight", 1.0)?);
                (params.word("objective", &["binary:logistic"])?, base_score)
            }
            Label::Classes { classes, .. } => {
                self.add("num_class", classes.len());
                (params.word("objective", &["multi:softprob"])?, base_score)
            }
        };
        self.add("objective", objective);
        if let Some(base_score) = base_score {
            self.add("base_score", base_score);
        }
        Ok(())
    }

    /// What the model must not do.
    fn constraints(&mut self, params: &mut Params) -> Result<()> {
        let wanted = "a list with -1, 0 or 1 for each feature";
        let signs = params.special("monotone_constraints", None, wanted, |value| {
            list(value)?
                .iter()
                .map(|sign| sign.as_i64().filter(|sign| sign.abs() <= 1))
                .collect::<Option<Vec<i64>>>()
                .map(Some)
        })?;
        if let Some(signs) = signs {
            let signs: Vec<String> = signs.iter().map(i64::to_string).collect();
            self.add("monotone_constraints", format!("({})", signs.join(",")));
        }
        let wanted = "a list of lists with the places of features, from 0 on";
        let groups = params.special("interaction_constraints", None, wanted, |value| {
            let group = |group: &Value| list(group)?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
            list(value)?.iter().map(group).collect::<Option<Vec<_>>>().map(Some)
        })?;
        if let Some(groups) = groups {
            let groups: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
            self.add("interaction_constraints", format!("[{}]", groups.join(",")));
        }
        Ok(())
    }

    /// Trees that are left out while others grow: DART, which is no other booster any more.
    fn dropout(&mut self, params: &mut Params) -> Result<()> {
        self.add("sample_type", params.word("sample_type", &["uniform", "weighted"])?);
        self.add("normalize_type", params.word("normalize_type", &["tree", "forest"])?);
        for name in ["rate_drop", "skip_drop"] {
            self.add(name, params.number(name, 0.0, "a number from 0 to 1", |value| (0.0..=1.0).contains(&value))?);
        }
        self.add("one_drop", u8::from(params.flag("one_drop", false)?));
        Ok(())
    }

    /// Whether, and by which metric, the training ends early. The share of the rows has the name and the default of
    /// scikit-learn's gradient boosting.
    fn stop(&mut self, params: &mut Params, label: &Label) -> Result<()> {
        let known = match label {
            Label::Values(_) => REGRESSION_METRICS,
            Label::Classes { classes, .. } if classes.len() == 2 => CLASS_METRICS,
            Label::Classes { .. } => CLASSES_METRICS,
        };
        let wanted = format!("one of {}, or a list of them", known.join(", "));
        let metrics = params.special("eval_metric", Vec::new(), &wanted, |value| metrics(value, known))?;
        let rounds = params.optional_count("early_stopping_rounds", 1)?;
        let wanted = "a number above 0 and below 1";
        let share = params.number("validation_fraction", 0.1, wanted, |value| value > 0.0 && value < 1.0)?;
        for metric in metrics {
            self.add("eval_metric", metric);
        }
        self.stop = rounds.map(|rounds| Stop { rounds, share });
        Ok(())
    }
}

/// The library makes them all before it grows the first, and asks nobody meanwhile.
fn trees_of_a_round(params: &mut Params, name: &'static str, default: f64) -> Result<usize> {
    let fits = |value: f64| value.fract() == 0.0 && (1.0..=100_000.0).contains(&value);
    Ok(params.number(name, default, "a whole number from 1 to 100,000", fits)? as usize)
}

/// What is about threads, devices, checks and categories, of which there are none here.
fn without_effect(params: &mut Params) -> Result<()> {
    params.word("device", &["cpu"])?;
    params.word("multi_strategy", &["one_output_per_tree"])?;
    params.special("missing", (), "null: what is missing in a row is NULL", |value| value.is_null().then_some(()))?;
    params.flag("validate_parameters", true)?;
    params.flag("enable_categorical", false)?;
    for name in ["n_jobs", "nthread", "verbosity", "max_cat_to_onehot", "max_cat_threshold"] {
        params
            .special(name, (), "a whole number, or null", |value| (value.is_null() || value.is_i64()).then_some(()))?;
    }
    Ok(())
}

fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list.clone()),
        // As Python's interface takes it, too: "(1,-1)", "[[0, 1]]".
        Value::String(text) => {
            let text = text.trim().replace('(', "[").replace(')', "]");
            serde_json::from_str::<Vec<Value>>(&text).ok()
        }
        _ => None,
    }
}

fn weights(value: &Value) -> Option<Vec<f32>> {
    let weight = |value: &Value| value.as_f64().filter(|value| *value >= 0.0).map(|value| value as f32);
    value.as_array()?.iter().map(weight).collect()
}

fn metrics(value: &Value, known: &[&str]) -> Option<Vec<String>> {
    let one = |value: &Value| {
        let name = value.as_str()?;
        let (base, threshold) = name.split_once('@').unwrap_or((name, "0.5"));
        let fits = known.contains(&base) && threshold.parse::<f64>().is_ok_and(f64::is_finite);
        (fits && (base == name || base == "error")).then(|| name.to_string())
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(one).collect(),
        one_of_them => one(one_of_them).map(|name| vec![name]),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(given: Value) -> Result<Parameters> {
        let mut params = Params::new("xgboost", given.as_object().expect("an object"));
        let parameters = Parameters::boosted(&mut params, &Label::Values(vec![1.0, 3.0, 9.0]))?;
        params.finish()?;
        Ok(parameters)
    }

    fn value(parameters: &Parameters, name: &str) -> String {
        let found = parameters.of_library.iter().find(|(of, _)| of == name);
        found.unwrap_or_else(|| panic!("{name} is missing")).1.clone()
    }

    #[test]
    fn names_of_both_interfaces_are_known() {
        let parameters = asked(json!({"eta": 0.1, "lambda": 2, "num_boost_round": 7, "seed": 3})).expect("parameters");
        assert_eq!((value(&parameters, "learning_rate"), value(&parameters, "reg_lambda")), ("0.1".into(), "2".into()));
        assert_eq!((parameters.rounds, parameters.seed), (7, 3));
        let twice = asked(json!({"eta": 0.1, "learning_rate": 0.1})).err().expect("twice").to_string();
        assert!(twice.contains("\"learning_rate\""), "{twice}");
    }

    #[test]
    fn what_could_be_an_address_reaches_the_library_nowhere() {
        let address = "file:///etc/passwd?format=csv#cache";
        for name in
            ["objective", "booster", "tree_method", "eval_metric", "device", "monotone_constraints", "base_score"]
        {
            let error = asked(json!({name: address})).err().expect(name).to_string();
            assert!(error.contains(name) && error.contains("must be"), "{error}");
        }
        for name in ["data", "model_in", "updater", "process_type", "callbacks", "feature_types"] {
            assert!(asked(json!({name: address})).err().expect(name).to_string().contains("unknown"), "{name}");
        }
    }

    #[test]
    fn what_is_not_done_here_is_refused_by_name() {
        for (given, word) in [
            (json!({"booster": "gblinear"}), "\"gbtree\", \"dart\""),
            (json!({"objective": "count:poisson"}), "reg:squarederror"),
            (json!({"device": "cuda"}), "\"cpu\""),
            (json!({"rate_drop": 2}), "rate_drop"),
            (json!({"num_parallel_tree": 10_000_000}), "from 1 to 100,000"),
        ] {
            assert!(asked(given.clone()).err().expect(word).to_string().contains(word), "{given}");
        }
    }

    #[test]
    fn a_pseudo_huber_loss_begins_at_the_median() {
        let parameters = asked(json!({"objective": "reg:pseudohubererror"})).expect("parameters");
        assert_eq!(value(&parameters, "base_score"), "3");
    }

    #[test]
    fn constraints_are_lists_or_texts() {
        let parameters = asked(json!({"monotone_constraints": "(1,-1)", "interaction_constraints": [[0, 1], [2]]}));
        let parameters = parameters.expect("parameters");
        assert_eq!(value(&parameters, "monotone_constraints"), "(1,-1)");
        assert_eq!(value(&parameters, "interaction_constraints"), "[[0, 1],[2]]");
    }

    #[test]
    fn a_training_that_stops_early_has_rows_to_stop_by() {
        let parameters =
            asked(json!({"early_stopping_rounds": 5, "eval_metric": ["rmse", "mae"]})).expect("parameters");
        let stop = parameters.stop.as_ref().expect("a stop");
        assert_eq!((stop.rounds, stop.share), (5, 0.1));
        assert_eq!(parameters.of_library.iter().filter(|(name, _)| name == "eval_metric").count(), 2);
        assert!(asked(json!({"eval_metric": "auc"})).is_err());
    }
}
