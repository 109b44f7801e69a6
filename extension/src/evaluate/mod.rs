//! `pgml.evaluate` and `pgml.confusion_matrix`: what a model says about rows whose labels are known.
//!
//! The rows are read one by one and predicted in blocks. What is kept of a row is its label and what was said of it, so that the
//! relation may be larger than the memory.

mod rows;
mod truth;

use std::collections::HashMap;

use pgml_learn::{Answers, Data};
use pgrx::prelude::*;
use serde_json::{Map, Value, json};

use crate::arguments::Text;
use crate::error::{Result, SqlResult};
use crate::json::JsonB;
use crate::predict::stream::MOST_PROBABILITIES;
use crate::resolution::Wanted;
use crate::strings::Str;

use rows::{Scored, score, score_classes};

/// Pairs of classes with the number of their rows.
type Confusion = TableIterator<'static, (name!(actual, Str), name!(predicted, Str), name!(rows, i64))>;

#[pg_extern(sql = false)]
fn pgml_evaluate(project_name: Text, relation_name: Str) -> SqlResult<JsonB> {
    Ok(evaluate(Wanted::Project(project_name), &relation_name.0)?)
}

#[pg_extern(sql = false)]
fn pgml_evaluate_model(model_id: i64, relation_name: Str) -> SqlResult<JsonB> {
    Ok(evaluate(Wanted::Model(model_id), &relation_name.0)?)
}

#[pg_extern(sql = false)]
fn pgml_confusion_matrix(project_name: Text, relation_name: Str) -> SqlResult<Confusion> {
    Ok(confusion(Wanted::Project(project_name), &relation_name.0)?)
}

#[pg_extern(sql = false)]
fn pgml_confusion_matrix_model(model_id: i64, relation_name: Str) -> SqlResult<Confusion> {
    Ok(confusion(Wanted::Model(model_id), &relation_name.0)?)
}

/// The scores of a model on the rows of a relation, as training gives them on its test rows.
fn evaluate(wanted: Wanted<'_>, relation: &str) -> Result<JsonB> {
    let Scored { model, task, known, said, truth } = score(wanted, relation)?;
    let x = said.features.unwrap_or_default();
    let features = x.len().checked_div(said.rows).unwrap_or(0);
    let labels = truth.names.len();
    let classes = truth.names.into_iter().flatten().collect();
    let data = Data { rows: said.rows, features, labels, x, y: truth.values, classes, ..Data::default() };
    let answers = Answers { rows: &data, predicted: &said.values, shares: said.shares.as_deref(), known: &known };
    let interrupt = || {
        pgrx::check_for_interrupts!();
    };
    let mut scores = pgml_learn::scores(task, answers, &interrupt);
    if said.too_many_shares {
        leave_out_probability_scores(&mut scores, said.rows, known.first().map_or(0, Vec::len));
    }
    scores.insert("rows".into(), said.rows.into());
    scores.insert("model_id".into(), model.into());
    Ok(JsonB(Value::Object(scores)))
}

/// Say why the scores of probabilities are not there, in the words of a training.
fn leave_out_probability_scores(scores: &mut Map<String, Value>, rows: usize, classes: usize) {
    let why = format!(
        "{rows} rows have {} probabilities of {classes} classes, and {MOST_PROBABILITIES} is the most that is scored",
        rows.saturating_mul(classes)
    );
    for name in ["log_loss", "roc_auc"] {
        scores.insert(name.into(), Value::Null);
        let notes = scores.entry("notes").or_insert_with(|| json!({}));
        notes[name] = why.as_str().into();
    }
}

/// How often each class was predicted for the rows of each.
fn confusion(wanted: Wanted<'_>, relation: &str) -> Result<Confusion> {
    let Scored { said, truth, .. } = score_classes(wanted, relation)?;
    let mut counts: HashMap<[u64; 2], i64> = HashMap::new();
    for (place, (truth, said)) in truth.values.iter().zip(&said.values).enumerate() {
        if place.is_multiple_of(1 << 16) {
            pgrx::check_for_interrupts!();
        }
        // Zero has no sign.
        *counts.entry([truth + 0.0, said + 0.0].map(f64::to_bits)).or_default() += 1;
    }
    let mut pairs: Vec<([f64; 2], i64)> =
        counts.into_iter().map(|(pair, rows)| (pair.map(f64::from_bits), rows)).collect();
    // A model's classes are in the order of their numbers.
    pairs.sort_by(|([a, b], _), ([c, d], _)| a.total_cmp(c).then(b.total_cmp(d)));
    let names = truth.names.into_iter().flatten().next();
    let name = |class: f64| {
        Str(names.as_ref().map_or_else(|| pgml_core::labels::number(class), |names| names.name(class).into_owned()))
    };
    let named: Vec<_> = pairs.into_iter().map(|([truth, said], rows)| (name(truth), name(said), rows)).collect();
    Ok(TableIterator::new(named))
}
